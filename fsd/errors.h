/* Errors: each user's last refusals, a line each: time, path, sentence. They lie in the shared memory, so
 * that they are there when the program that was refused looks, whoever was killed meanwhile; a restart of the
 * host forgets them. */
#ifndef PODTREE_ERRORS_H
#define PODTREE_ERRORS_H

#include "fsd/memory.h"
#include <sys/types.h>

#define ERRORS_KEPT (64u << 10) /* bytes for each user */

struct errors_record {
    uint32_t used;
    uid_t uid;
    int64_t time_ms; /* of the last line */
    struct arena_bytes text;
};

/* After a takeover: marks what is in use. */
void errors_mark(struct memory *memory);

/* Adds a line. When there is no place for another user, the one longest without a refusal goes. */
void errors_add(struct memory *memory, uid_t uid, int64_t wall_ms, struct str path, const char *sentence);

/* All lines of the user; valid until the next one is added. `time_ms` of the last one, 0 when there is none.
 */
struct str errors_text(const struct memory *memory, uid_t uid, int64_t *time_ms);

#endif
