/* The pull of an image as it looks to whoever asks for it. */
#ifndef PODTREE_IMAGE_PULL_H
#define PODTREE_IMAGE_PULL_H

#include <stdint.h>

struct pull;

struct pull_result {
    const char *complaint; /* NULL: the image is in the store */
    int64_t took_ms;       /* from when it was its turn */
    int64_t waited_ms;     /* from when it was asked for */
};

struct pull_listener {
    /* How far it is, in words. */
    void (*progress)(void *context, const char *sentence);
    /* Once, never from inside; the pull is gone then. */
    void (*done)(void *context, const struct pull_result *result);
    void *context;
};

/* Its listener will hear nothing any more. */
void pull_forget(struct pull *pull);

#endif
