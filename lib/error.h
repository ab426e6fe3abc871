/* Errors are an errno and a sentence.
 *
 * A function that can fail takes `struct error **err` last, returns 0 (or something useful and not
 * negative) when it succeeds, and a negative errno when it fails; then *err holds the sentence. Callers
 * add their context on the way up with error_wrap(), so that the sentence reads from the outside in:
 *
 *     cannot start container web: open /run/…/config.json: No such file or directory
 *
 * It is printed once, at the top. err may be NULL where only the errno matters; *err must be NULL on entry.
 */
#ifndef PODTREE_ERROR_H
#define PODTREE_ERROR_H

#include "lib/cleanup.h"

/* What is said at a time; what would be longer, because somebody gave a long name, is cut. */
#define ERROR_BYTES 4096

struct error {
    int number;    /* a positive errno */
    char *message; /* a sentence without a final full stop or newline */
};

/* Fills *err and returns -number. */
int error_make(struct error **err, int number, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with ": " and the errno's own text behind the sentence, for failed system calls. */
int error_errno(struct error **err, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the sentence in *err. Returns -(*err)->number, so that it can be returned. */
int error_wrap(struct error **err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The sentence, also where there is none. */
const char *error_message(const struct error *err);

/* Moves an error from one holder to another, or drops it where `to` is NULL. */
void error_move(struct error **to, struct error *from);

void error_free(struct error *err);
static inline void cleanup_error(struct error **err)
{
    error_free(*err);
}
#define autoerror cleanup(cleanup_error)

#endif
