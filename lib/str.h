/* Strings with a length (struct str, borrowed bytes) and growing buffers (struct buf, owned bytes). */
#ifndef PODTREE_STR_H
#define PODTREE_STR_H

#include "lib/cleanup.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that somebody else owns; not terminated. */
struct str {
    const char *at;
    size_t length;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_FORMAT   "%.*s"
#define STR_ARGS(s)  (int)(s).length, (s).at
#define STR_NONE     ((struct str){NULL, 0})

static inline struct str str_of(const char *text) /* NULL gives STR_NONE */
{
    return (struct str){text, text != NULL ? strlen(text) : 0};
}
static inline bool str_equal(struct str a, struct str b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}
static inline bool str_is(struct str a, const char *text)
{
    return str_equal(a, str_of(text));
}
/* Bytewise, a prefix before what it begins. */
int str_compare(struct str a, struct str b);
bool str_starts(struct str whole, struct str prefix);
bool str_ends(struct str whole, struct str suffix);
/* Without leading and trailing white space. */
struct str str_trim(struct str s);
/* What begins at `from`, at most `length` bytes; empty behind the end. */
struct str str_cut(struct str s, size_t from, size_t length);
/* Cuts *rest at the first `separator`: returns what is before it, leaves in *rest what is behind it; the
 * last piece leaves STR_NONE, and STR_NONE gives false. */
bool str_split(struct str *rest, char separator, struct str *piece);
/* A whole decimal number with optional sign, nothing around it. */
bool str_to_int64(struct str s, int64_t *number);
/* A terminated copy to be freed; aborts when there is no memory, as the functions of buf do: an allocation
 * of a few bytes that fails leaves nothing sensible to do, and every process here may die at any moment. */
char *str_dup(struct str s);
/* FNV-1a, 64 bits. */
uint64_t str_hash(struct str s);
/* The Levenshtein distance, at most `limit`. */
size_t str_distance(struct str a, struct str b, size_t limit);

/* A growing buffer. Zero-initialised is empty. Its bytes always have a NUL behind them once it has any. */
struct buf {
    char *at;
    size_t length;
    size_t capacity;
};

void buf_add(struct buf *b, const void *bytes, size_t length);
void buf_add_str(struct buf *b, struct str s);
void buf_add_text(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Makes room for `length` more bytes and returns where they go; the caller adds to b->length. */
char *buf_reserve(struct buf *b, size_t length);
/* Takes `length` bytes off the front. */
void buf_drop(struct buf *b, size_t length);
void buf_clear(struct buf *b); /* keeps the memory */
void buf_free(struct buf *b);  /* leaves it empty */
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->at, b->length};
}
/* The bytes as a terminated string to be freed; the buffer is empty afterwards. Never NULL. */
char *buf_take(struct buf *b);
#define autobuf cleanup(buf_free)

/* malloc, calloc, realloc that abort when there is no memory. */
void *memory_new(size_t size);
void *memory_zeroed(size_t count, size_t size);
void *memory_resize(void *old, size_t size);

/* The elements of an array that is one. */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Grows an array of `count` elements, by doubling, so that one more fits. */
#define array_grow(array, count, capacity)                                   \
    do {                                                                     \
        if ((count) == (capacity)) {                                         \
            (capacity) = (capacity) != 0 ? (capacity)*2 : 8;                 \
            (array) = memory_resize((array), (capacity) * sizeof(*(array))); \
        }                                                                    \
    } while (0)

/* The first place `at` of an array that is so sorted that `holds`, an expression of `at`, is false up to it
 * and true from there on; the array's `count` when it nowhere holds. */
#define sorted_place(count, at, holds)       \
    ({                                       \
        size_t first_ = 0, end_ = (count);   \
        while (first_ < end_) {              \
            size_t at = (first_ + end_) / 2; \
            if (holds)                       \
                end_ = at;                   \
            else                             \
                first_ = at + 1;             \
        }                                    \
        first_;                              \
    })

#endif
