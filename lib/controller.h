/* Control loops: a controller follows some kinds, is woken for keys that a change concerns, looks at each (a
 * pass, lib/pass.h) and leaves a plan. Several controllers of one process share a cache and a bulk.
 *
 *     static const struct watch watches[] = {{&replicaset_view, wake_self}, {&pod_view, wake_controller},
 * {0}}; const struct controller replicaset_controller = {"replicaset", watches, indexes, NULL, reconcile};
 *
 * What a controller may count on:
 *  1. The cache never goes back. It is .since applied in order; inotify only says when to read.
 *  2. The plans of all keys that are ready go out together. Each key then hears how it went: done; gone:
 *     forgotten; in conflict with what others did: it looks again at once; refused: it looks again after
 *     5 ms, 10 ms … 60 s, or as soon as something that concerns it changes.
 *  3. A key is not looked at again before the cache has reached the versions that its own last writes made: a
 *     controller never misses what it has itself done.
 *  4. One thread, one key at a time.
 *  5. What a key does goes out at once; what it only reports (status) at most every 10 ms, the last state of
 *     it: so that reports don't get in the way of what is being done.
 * Keys are looked at first when everything that is watched has been read once.
 */
#ifndef PODTREE_CONTROLLER_H
#define PODTREE_CONTROLLER_H

#include "lib/pass.h"

struct controller;

/* The keys that a change wakes are added with keys_add(). `before` or `now` may be NULL. */
struct keys;
void keys_add(struct keys *keys, struct key key);
typedef void wake_fn(struct keys *keys, const struct controller *controller, const struct cache *cache,
                     const void *before, const void *now);

/* The object itself. */
wake_fn wake_self;
/* The object of the first watch's kind that is or was the controlling owner. */
wake_fn wake_controller;

struct watch {
    const struct view *view;
    wake_fn *wake;
};

struct controller {
    const char *name;
    const struct watch *watches; /* up to a row without view; the first one's kind gives keys their meaning */
    const struct cache_index *const *indexes; /* up to NULL; may be NULL */
    void (*start)(struct keys *keys);         /* keys to look at first; may be NULL */
    int (*reconcile)(struct pass *pass, struct key key,
                     struct error **err); /* an error: again, with backoff */
};

/* The key of what controls an object, when it is of this kind; false otherwise. */
bool controller_key(const void *object, const struct view *kind, struct key *key);

/* ---- running them ---- */

struct controllers;

/* `list` ends with NULL and must live as long as the result; the tree too. */
struct controllers *controllers_new(struct tree *tree, const struct controller *const *list);
void controllers_free(struct controllers *controllers);

/* Does what there is to do now: read, pass, write. Returns after how many milliseconds it wants to be called
 * again, -1 for never, unless the tree has events before that. */
int64_t controllers_step(struct controllers *controllers);

/* A pass has asked for them to be made anew (pass_begin_anew()). */
bool controllers_are_outdated(const struct controllers *controllers);

/* Steps until SIGTERM or SIGINT (0), or until they are outdated (1). What the tree tells of is looked at
 * `gather_ms` later, with all that has come meanwhile: for loops that nobody waits for. */
int controllers_run(struct tree *tree, const struct controller *const *list, int64_t gather_ms,
                    struct error **err);

/* A process of controllers. */
struct controllers_program {
    const char *name;                 /* without podtree- */
    const char *about;                /* a line for --help */
    const struct option_row *options; /* beside --mount (lib/options.h); NULL: none */
    int64_t gather_ms;                /* see controllers_run() */
    /* Once the options are known, and whenever they are outdated: what to run, ending with NULL; NULL is a
     * failure. The list that it gave before is not used any more. */
    const struct controller *const *(*controllers)(struct tree *tree, struct error **err);
};
int controllers_main(int argc, char **argv, const struct controllers_program *program);

#endif
