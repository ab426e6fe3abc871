/* What the files of the simulated tree share: how a world and its clients look inside. */
#ifndef PODTREE_TEST_WORLD_PRIVATE_H
#define PODTREE_TEST_WORLD_PRIVATE_H

#include "tests/unit/lib/world.h"

struct known_kind {
    const char *resource, *api_version, *kind;
    bool namespaced;
};
extern const struct known_kind known_kinds[];
extern const size_t known_kind_count;

struct item {
    struct item *previous, *next;
    const struct known_kind *kind;
    int64_t version;
    struct doc *doc;
    bool deleted;
};

struct told {
    struct told *next;
    char *reason;
};

struct client;

struct world {
    struct item *first, *last;
    int64_t version, significant, now_ms, uids;
    uint64_t random;
    struct client *clients;
    struct told *events;
    const struct known_kind *refused_kind;
    const char *refused_error;
    void (*check)(void *context, struct world *world);
    void *context;
};

struct following {
    const struct known_kind *kind;
    bool *changed;
    bool news;
};

struct client {
    struct tree tree;
    struct world *world;
    struct client *next;
    struct following followings[32];
    size_t following_count;
    size_t steps_left; /* 0: any number */
    bool dead, delayed;
    size_t reads, bulks;
};

/* By "pods", "replicasets" or "replicasets.apps"; NULL if there is none. */
const struct known_kind *kind_of_resource(struct str resource);
/* Carries out the lines and puts their results at the end of *results. */
int world_bulk(struct world *world, struct str requests, struct buf *results, struct error **err);

#endif
