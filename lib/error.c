#include "lib/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What is said when there is no memory left to say anything else. */
static char out_of_memory_text[] = "out of memory";
static struct error out_of_memory = {ENOMEM, out_of_memory_text};

/* Cuts a text that was too long for its place, between two characters. */
static void cut(char *text, size_t size)
{
    size_t end = size - sizeof("…");
    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    memcpy(text + end, "…", sizeof("…"));
}

static int error_vmake(struct error **err, int number, const char *suffix, const char *format, va_list args)
{
    if (err == NULL)
        return -number;
    char text[ERROR_BYTES];
    if (vsnprintf(text, sizeof(text), format, args) >= (int)sizeof(text))
        cut(text, sizeof(text));
    struct error *made = malloc(sizeof(*made));
    char *message = NULL;
    if (made == NULL ||
        asprintf(&message, "%s%s%s", text, suffix != NULL ? ": " : "", suffix != NULL ? suffix : "") < 0) {
        free(made);
        *err = &out_of_memory;
        return -number;
    }
    *made = (struct error){number, message};
    *err = made;
    return -number;
}

int error_make(struct error **err, int number, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = error_vmake(err, number, NULL, format, args);
    va_end(args);
    return result;
}

int error_errno(struct error **err, int number, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = error_vmake(err, number, strerror(number), format, args);
    va_end(args);
    return result;
}

int error_wrap(struct error **err, const char *format, ...)
{
    if (err == NULL || *err == NULL)
        return -EIO;
    if (*err == &out_of_memory)
        return -ENOMEM;
    autofree char *context = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&context, format, args);
    va_end(args);
    char *whole;
    if (length >= 0 && asprintf(&whole, "%s: %s", context, (*err)->message) >= 0) {
        free((*err)->message);
        (*err)->message = whole;
    }
    return -(*err)->number;
}

const char *error_message(const struct error *err)
{
    return err != NULL ? err->message : "unknown error";
}

void error_move(struct error **to, struct error *from)
{
    if (to != NULL)
        *to = from;
    else
        error_free(from);
}

void error_free(struct error *err)
{
    if (err == NULL || err == &out_of_memory)
        return;
    free(err->message);
    free(err);
}
