/* UTF-8: how long a character is, and how one is written. */
#ifndef PODTREE_UTF8_H
#define PODTREE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length (1 to 4) of the character that begins at `at`, and in *code, if not NULL, its number; 0 where
 * there is none: a stray or missing continuation, an overlong form, a surrogate, above U+10FFFF, at == end.
 */
size_t utf8_decode(const char *at, const char *end, uint32_t *code);

/* Writes the character, at most 4 bytes, and returns how many. */
size_t utf8_encode(uint32_t code, char *out);

/* How many bytes of the text may stay where there is place for `most`: no character is cut. */
size_t utf8_fitting(const char *at, size_t length, size_t most);

#endif
