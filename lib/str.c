#include "lib/str.h"

#include <stdio.h>

int str_compare(struct str a, struct str b)
{
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter != 0 ? memcmp(a.at, b.at, shorter) : 0;
    if (order != 0)
        return order;
    return (a.length > b.length) - (a.length < b.length);
}

bool str_starts(struct str whole, struct str prefix)
{
    return whole.length >= prefix.length && str_equal((struct str){whole.at, prefix.length}, prefix);
}

bool str_ends(struct str whole, struct str suffix)
{
    return whole.length >= suffix.length &&
           str_equal((struct str){whole.at + whole.length - suffix.length, suffix.length}, suffix);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_cut(struct str s, size_t from, size_t length)
{
    if (from >= s.length)
        return STR("");
    return (struct str){s.at + from, s.length - from < length ? s.length - from : length};
}

struct str str_trim(struct str s)
{
    while (s.length > 0 && is_space(s.at[0]))
        s.at++, s.length--;
    while (s.length > 0 && is_space(s.at[s.length - 1]))
        s.length--;
    return s;
}

bool str_split(struct str *rest, char separator, struct str *piece)
{
    if (rest->at == NULL)
        return false;
    const char *end = rest->length != 0 ? memchr(rest->at, separator, rest->length) : NULL;
    if (end == NULL) {
        *piece = *rest;
        *rest = STR_NONE;
        return true;
    }
    *piece = (struct str){rest->at, (size_t)(end - rest->at)};
    *rest = (struct str){end + 1, rest->length - piece->length - 1};
    return true;
}

bool str_to_int64(struct str s, int64_t *number)
{
    bool negative = s.length > 0 && s.at[0] == '-';
    size_t i = negative || (s.length > 0 && s.at[0] == '+') ? 1 : 0;
    if (i == s.length)
        return false;
    int64_t value = 0;
    for (; i < s.length; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        /* Collected below zero, where there is room for one more. */
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, s.at[i] - '0', &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *number = negative ? value : -value;
    return true;
}

char *str_dup(struct str s)
{
    char *copy = memory_new(s.length + 1);
    if (s.length != 0)
        memcpy(copy, s.at, s.length);
    copy[s.length] = '\0';
    return copy;
}

uint64_t str_hash(struct str s)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < s.length; i++)
        hash = (hash ^ (unsigned char)s.at[i]) * 0x100000001b3;
    return hash;
}

size_t str_distance(struct str a, struct str b, size_t limit)
{
    size_t difference = a.length > b.length ? a.length - b.length : b.length - a.length;
    if (difference >= limit || b.length > 255)
        return limit;
    size_t row[256];
    for (size_t j = 0; j <= b.length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.length; j++) {
            size_t best = diagonal + (a.at[i - 1] != b.at[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.length] < limit ? row[b.length] : limit;
}

void *memory_new(size_t size)
{
    void *memory = malloc(size != 0 ? size : 1);
    if (memory == NULL)
        abort();
    return memory;
}

void *memory_zeroed(size_t count, size_t size)
{
    void *memory = calloc(count != 0 ? count : 1, size != 0 ? size : 1);
    if (memory == NULL)
        abort();
    return memory;
}

void *memory_resize(void *old, size_t size)
{
    void *memory = realloc(old, size != 0 ? size : 1);
    if (memory == NULL)
        abort();
    return memory;
}

char *buf_reserve(struct buf *b, size_t length)
{
    size_t needed = b->length + length + 1;
    if (needed > b->capacity) {
        size_t capacity = b->capacity * 2;
        if (capacity < needed)
            capacity = needed < 64 ? 64 : needed;
        b->at = memory_resize(b->at, capacity);
        b->capacity = capacity;
    }
    return b->at + b->length;
}

void buf_add(struct buf *b, const void *bytes, size_t length)
{
    char *to = buf_reserve(b, length);
    if (length != 0)
        memcpy(to, bytes, length);
    b->length += length;
    b->at[b->length] = '\0';
}

void buf_add_str(struct buf *b, struct str s)
{
    buf_add(b, s.at, s.length);
}

void buf_add_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_vaddf(struct buf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    char *to = buf_reserve(b, 64);
    int length = vsnprintf(to, b->capacity - b->length, format, args);
    if (length < 0)
        abort();
    if ((size_t)length >= b->capacity - b->length) {
        to = buf_reserve(b, (size_t)length);
        vsnprintf(to, (size_t)length + 1, format, again);
    }
    b->length += (size_t)length;
    va_end(again);
}

void buf_addf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vaddf(b, format, args);
    va_end(args);
}

void buf_drop(struct buf *b, size_t length)
{
    if (length == 0)
        return;
    b->length -= length;
    memmove(b->at, b->at + length, b->length + 1);
}

void buf_clear(struct buf *b)
{
    b->length = 0;
    if (b->at != NULL)
        b->at[0] = '\0';
}

void buf_free(struct buf *b)
{
    free(b->at);
    *b = (struct buf){0};
}

char *buf_take(struct buf *b)
{
    buf_reserve(b, 0)[0] = '\0';
    char *text = b->at;
    *b = (struct buf){0};
    return text;
}
