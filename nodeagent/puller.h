/* Pulls images while the agent goes on with its work: each pull is a podtree-image of its own.
 *
 * Whoever needs the same image with the same passwords waits for the same pull. Only so many are under way at
 * once, the others stand in line. When nobody waits for a pull any more it is ended.
 */
#ifndef PODTREE_PULLER_H
#define PODTREE_PULLER_H

#include "lib/doc.h"
#include "lib/loop.h"
#include "nodeagent/image_pull.h"
#include "nodeagent/place.h"

struct puller;

struct puller_options {
    const struct place *place;
    int parallel;        /* how many at once */
    int64_t progress_ms; /* how often to say how far one is */
};

/* Passwords are put into files in RUN/pulls, for as long as a pull takes. What an earlier one has left there
 * is removed. */
struct puller *puller_new(struct loop *loop, const struct puller_options *options, struct error **err);
/* Forgets all pulls. */
void puller_free(struct puller *puller);

/* `name` in its normal form; `secrets` as pull_secrets() gives them: one after another is tried until it
 * works, and none if there are none. */
struct pull *puller_pull(struct puller *puller, const char *name, struct value secrets,
                         const struct pull_listener *listener);
#endif
