/* The names that a reader of a directory has got so far, or may get next: in the shared memory, so that he
 * reads on when fsd has been killed.
 *
 * They are kept until the directory is closed, in the order in which they came. A cookie says where a name
 * stands in them: cookies rise, and stay good whatever happens to the directory itself, forwards and
 * backwards. Names lie in blocks of one size, of which there are as many as needed: none is ever moved, and a
 * name never lies in two. How far the names reach (`end`) is kept by the caller, who thereby says with one
 * store that what he has added is there. */
#ifndef PODTREE_LISTING_H
#define PODTREE_LISTING_H

#include "fsd/memory.h"

#define LISTING_NAME 255 /* bytes of the longest name */

enum listed_type { LISTED_DIRECTORY = 'd', LISTED_FILE = 'f', LISTED_LINK = 'l' };

struct listed {
    enum listed_type type;
    struct str name;
    uint64_t next; /* the cookie behind it */
};

/* Adds a name of 1 to LISTING_NAME bytes at *end, which moves. `blocks` begins empty. ENOSPC. */
int listing_add(struct arena *arena, struct arena_bytes *blocks, uint64_t *end, struct str name,
                enum listed_type type);
/* The name at a cookie. False at the end, and for a cookie that nobody has given: seekdir takes any number.
 */
bool listing_at(const struct arena *arena, const struct arena_bytes *blocks, uint64_t end, uint64_t cookie,
                struct listed *listed);

/* After a takeover (memory.h), and at the end. */
void listing_mark(struct arena *arena, const struct arena_bytes *blocks);
void listing_free(struct arena *arena, struct arena_bytes *blocks);

#endif
