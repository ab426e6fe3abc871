/* What the agent has to say to the tree: collected, and sent together in the next turn of the loop.
 *
 * A message stays until the tree has answered it. While there is no tree a later status of the same subject
 * takes the place of an earlier one that has not been sent, and of events the last thousand wait; nothing
 * else is lost.
 */
#ifndef PODTREE_OUTBOX_H
#define PODTREE_OUTBOX_H

#include "lib/doc.h"
#include "lib/loop.h"
#include "lib/tree.h"

enum message_kind {
    MESSAGE_STATUS, /* of a pod */
    MESSAGE_EVENT,
    MESSAGE_FINISH, /* the pod's object may go */
    MESSAGE_MIRROR, /* comes or goes */
    MESSAGE_NODE_CREATE,
    MESSAGE_NODE_STATUS,
    MESSAGE_LEASE_CREATE,
    MESSAGE_LEASE_RENEW,
    MESSAGE_USAGE_CREATE,
    MESSAGE_USAGE,
};

/* What the tree answered: a name of an errno ("ENOENT") and a sentence, or STR_NONE when all went well. */
typedef void outbox_answer_fn(void *context, enum message_kind kind, const char *subject, struct str error,
                              struct str message);

struct outbox;

struct outbox *outbox_new(struct loop *loop, struct tree *tree, outbox_answer_fn *answer, void *context);
void outbox_free(struct outbox *outbox);

/* Begins a request of .bulk in the empty document: what is done with which object. `namespace` is NULL where
 * the kind has none. */
struct value outbox_request(struct doc *doc, const char *operation, const char *resource,
                            const char *namespace, const char *name);

/* The same of a request that creates an object: that object, empty. */
struct value outbox_creation(struct doc *doc);

/* `subject` is a pod's uid, or the node's name; `request` a request of .bulk. */
void outbox_put(struct outbox *outbox, enum message_kind kind, const char *subject, struct value request);

#endif
