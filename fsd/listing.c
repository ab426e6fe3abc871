#include "fsd/listing.h"

#include <errno.h>

/* A block of names: for each its type, its length, and its bytes; a type of 0 where the next name didn't fit.
 * `blocks` holds the references. */
#define BLOCK_BYTES 8192u
#define HEAD_BYTES  2u

static size_t block_count(const struct arena_bytes *blocks)
{
    return blocks->length / sizeof(arena_ref);
}

static arena_ref block_ref(const struct arena *arena, const struct arena_bytes *blocks, size_t index)
{
    arena_ref ref;
    memcpy(&ref, arena_bytes_str(arena, blocks).at + index * sizeof(ref), sizeof(ref));
    return ref;
}

/* It is in the list before anything is in it: if fsd ends here, it is found. */
static int add_block(struct arena *arena, struct arena_bytes *blocks)
{
    arena_ref ref = arena_new(arena, BLOCK_BYTES);
    if (ref == 0)
        return -ENOSPC;
    int status = arena_bytes_write(arena, blocks, blocks->length, (struct str){(char *)&ref, sizeof(ref)});
    if (status < 0)
        arena_free(arena, ref);
    return status;
}

int listing_add(struct arena *arena, struct arena_bytes *blocks, uint64_t *end, struct str name,
                enum listed_type type)
{
    size_t size = HEAD_BYTES + name.length;
    size_t room = BLOCK_BYTES - *end % BLOCK_BYTES;
    uint64_t at = *end;
    if (room < size) {
        arena_at(arena, block_ref(arena, blocks, at / BLOCK_BYTES))[at % BLOCK_BYTES] = 0;
        at += room;
    }
    if (at / BLOCK_BYTES == block_count(blocks)) {
        int status = add_block(arena, blocks);
        if (status < 0)
            return status;
    }
    char *to = arena_at(arena, block_ref(arena, blocks, at / BLOCK_BYTES)) + at % BLOCK_BYTES;
    to[0] = (char)type;
    to[1] = (char)name.length;
    memcpy(to + HEAD_BYTES, name.at, name.length);
    *end = at + size;
    return 0;
}

bool listing_at(const struct arena *arena, const struct arena_bytes *blocks, uint64_t end, uint64_t cookie,
                struct listed *listed)
{
    for (; cookie < end; cookie += BLOCK_BYTES - cookie % BLOCK_BYTES) {
        size_t room = BLOCK_BYTES - cookie % BLOCK_BYTES;
        const char *from =
            arena_at(arena, block_ref(arena, blocks, cookie / BLOCK_BYTES)) + cookie % BLOCK_BYTES;
        if (from[0] == 0)
            continue; /* the next one is in the next block */
        if (room <= HEAD_BYTES)
            return false;
        listed->type = (enum listed_type)(unsigned char)from[0];
        listed->name = (struct str){from + HEAD_BYTES, (unsigned char)from[1]};
        listed->next = cookie + HEAD_BYTES + listed->name.length;
        return (listed->type == LISTED_DIRECTORY || listed->type == LISTED_FILE ||
                listed->type == LISTED_LINK) &&
               listed->name.length != 0 && listed->name.length <= room - HEAD_BYTES && listed->next <= end &&
               memchr(listed->name.at, '/', listed->name.length) == NULL;
    }
    return false;
}

void listing_mark(struct arena *arena, const struct arena_bytes *blocks)
{
    for (size_t i = 0; i < block_count(blocks); i++)
        arena_mark(arena, block_ref(arena, blocks, i));
}

void listing_free(struct arena *arena, struct arena_bytes *blocks)
{
    for (size_t i = 0; i < block_count(blocks); i++)
        arena_free(arena, block_ref(arena, blocks, i));
    arena_bytes_free(arena, blocks);
}
