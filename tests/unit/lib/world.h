/* A tree in memory, for tests of control loops: one world, and any number of clients with the face of
 * lib/tree.h, each of which can be killed at any step, told late, or lied to.
 *
 * The world keeps Kubernetes' rules as far as control loops notice them: one counter of versions, uids,
 * generations, preconditions, finalizers, graceful deletion of pods that are bound, namespaces that wait
 * until they are released.
 */
#ifndef PODTREE_TEST_WORLD_H
#define PODTREE_TEST_WORLD_H

#include "lib/doc.h"
#include "lib/tree.h"

struct world;

struct world *world_new(uint64_t seed);
void world_free(struct world *world);

/* The clock; it only moves here. It begins at 2026-01-01T00:00:00Z. */
int64_t world_now(const struct world *world);
void world_wait(struct world *world, int64_t ms);
/* A number from 0 to below `limit`, from the seed. */
uint64_t world_random(struct world *world, uint64_t limit);

/* What a person does: creates the objects of the YAML documents, or merges them into those that are there,
 * status included. A mistake in them aborts. */
void world_apply(struct world *world, const char *yaml);
void world_delete(struct world *world, const char *resource, const char *namespace, const char *name);

/* The object, absent when there is none. It lives until the world changes. */
struct value world_get(const struct world *world, const char *resource, const char *namespace,
                       const char *name);
/* All objects of a kind, in the order of their versions: calls `each` for every one. */
void world_each(const struct world *world, const char *resource,
                void (*each)(void *context, struct value object), void *context);
size_t world_count(const struct world *world, const char *resource);
/* Of the last change that was more than a renewed lease. */
int64_t world_significant_version(const struct world *world);
/* How many events have been told with this reason (NULL: any). */
size_t world_events(const struct world *world, const char *reason);

/* Everything, without what differs from run to run (uids, versions, times, addresses, the random part of
 * names), as sorted text. */
void world_summary(const struct world *world, struct buf *out);

/* Creations of this kind are refused with this errno's name from now on; NULL: no more. */
void world_refuse(struct world *world, const char *resource, const char *error);

/* Called after every bulk. */
void world_watch(struct world *world, void (*check)(void *context, struct world *world), void *context);

/* A client. */
struct tree *world_client(struct world *world);
/* It is dead after that many more steps of input or output: the step under way is cut short, or carried out
 * and its result lost. 0: never. */
void client_kill_after(struct tree *client, size_t steps);
bool client_is_dead(const struct tree *client);
/* Events come late and in any order. */
void client_delay(struct tree *client, bool delay);
/* There is something it has not been told yet. */
bool client_has_news(const struct tree *client);
/* How often it has read and written. */
size_t client_reads(const struct tree *client);
size_t client_bulks(const struct tree *client);

#endif
