/* What makes passes (controller.c, tests) shares with pass.c: how a pass and a plan look inside. */
#ifndef PODTREE_PASS_PRIVATE_H
#define PODTREE_PASS_PRIVATE_H

#include "lib/pass.h"

enum request_kind { REQUEST_CREATE, REQUEST_CHANGE, REQUEST_STATUS, REQUEST_EVENT };

#define REQUEST_NONE SIZE_MAX

/* One line for .bulk. */
struct request {
    enum request_kind kind;
    const struct view *view;
    void *owner;          /* who planned it: the pass's */
    size_t start, length; /* in the plan's text, with its newline */
    size_t after;         /* an event: of which request it tells, or REQUEST_NONE */
};

/* The requests of a turn. */
struct plan {
    struct buf text;
    struct request *requests;
    size_t count, capacity;
};

struct need {
    const struct view *view;
    int64_t version;
};

struct pass {
    const struct cache *cache;
    int64_t now_ms;
    int64_t *memory;
    int failures;
    const char *failure;
    struct plan *plan;
    void *owner;
    size_t first;     /* the plan's count when the pass began */
    int64_t again_ms; /* -1: not by itself */
    struct need needs[8];
    size_t need_count;
    bool anew;
};

void plan_clear(struct plan *plan);
/* Takes back what was planned from the request number `first` on. */
void plan_truncate(struct plan *plan, size_t first);
void plan_free(struct plan *plan);

static inline struct str request_text(const struct plan *plan, const struct request *request)
{
    return (struct str){plan->text.at + request->start, request->length};
}

#endif
