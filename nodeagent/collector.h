/* Has images that nobody needs removed when the disk gets full: every five minutes a podtree-image looks. */
#ifndef PODTREE_COLLECTOR_H
#define PODTREE_COLLECTOR_H

#include "lib/loop.h"
#include "nodeagent/image_collect.h"
#include "nodeagent/place.h"

struct collector;

/* Takes what is to be said in the node's events; runtime_say_fn is the same. */
typedef void collector_say_fn(void *context, const char *type, const char *reason, const char *message);

/* The first time it looks at once: what a pull that was cut short has left goes then too. */
struct collector *collector_new(struct loop *loop, const struct place *place,
                                const struct image_policy *policy, collector_say_fn *say, void *context);
void collector_free(struct collector *collector);

#endif
