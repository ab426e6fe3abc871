/* A pass: one look of a controller at one key. It sees the world as the cache has it, and leaves a plan;
 * nothing is sent before the controller returns. So a pass is a pure function from cache, clock and its own
 * memory to a plan, and that is how it is tested.
 */
#ifndef PODTREE_PASS_H
#define PODTREE_PASS_H

#include "lib/cache.h"

struct pass;

/* ---- the world; what is handed out lives until reconcile returns (see lib/cache.h) ---- */

/* As cache_get, cache_next, cache_find, cache_found and cache_totals. */
const void *pass_get(const struct pass *pass, const struct view *view, struct key key);
const void *pass_next(const struct pass *pass, const struct view *view, const void *previous);
const void *pass_find(const struct pass *pass, const struct cache_index *index, struct str value,
                      const void *previous);
size_t pass_found(const struct pass *pass, const struct cache_index *index, struct str value);
const struct amounts *pass_totals(const struct pass *pass, const struct cache_index *index, struct str value);
/* The cache itself, for what is not asked for one kind. */
const struct cache *pass_cache(const struct pass *pass);
/* Wall clock, in milliseconds. */
int64_t pass_now(const struct pass *pass);

/* A number that stays with the key from pass to pass, and is 0 at first and when the program has been
 * restarted: nothing may depend on it but the pace. */
int64_t *pass_memory(struct pass *pass);
/* How many turns in a row some change of this key was refused, and the sentence of the last refusal (NULL).
 */
int pass_failures(const struct pass *pass);
const char *pass_failure(const struct pass *pass);

/* ---- when to look again; a change that wakes the key comes first in any case ---- */

/* In so many milliseconds, if nothing wakes the key before. */
void pass_again(struct pass *pass, int64_t after_ms);
/* As soon as the cache has all changes of this kind up to that version. */
void pass_need(struct pass *pass, const struct view *view, int64_t version);

/* What the program follows has changed: it makes its controllers anew after this turn. */
void pass_begin_anew(struct pass *pass);

/* ---- the plan; documents are taken over ---- */

/* The view says of what kind. */
void plan_create(struct pass *pass, const struct view *view, struct doc *object);
/* A merge (RFC 7386) into the object without its status. It carries the uid and the version that was seen. */
void plan_patch(struct pass *pass, const struct meta *meta, struct doc *merge);
/* The same whatever has changed meanwhile: it carries the uid only. */
void plan_patch_any(struct pass *pass, const struct meta *meta, struct doc *merge);
/* A merge into the status; carries the uid. The second one plans nothing when `current` says all that
 * already.
 */
void plan_status(struct pass *pass, const struct meta *meta, struct doc *merge);
void plan_status_change(struct pass *pass, const struct meta *meta, struct value current, struct doc *merge);
/* Carries the uid. grace -1: the object's own. */
void plan_delete(struct pass *pass, const struct meta *meta, int grace_seconds);
/* The same, but only if nothing has changed: it carries the version as well. */
void plan_delete_unchanged(struct pass *pass, const struct meta *meta);
/* For the node that ran a pod: its grace has been given. */
void plan_delete_finished(struct pass *pass, const struct meta *meta);

enum event_type { EVENT_NORMAL, EVENT_WARNING };
/* A line in the object's events. It tells of the change planned last in this pass, and is sent once that has
 * been carried out; with no change before it, at once. */
void plan_event(struct pass *pass, const struct meta *meta, enum event_type type, const char *reason,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
