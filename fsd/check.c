#include "fsd/check.h"

#include <errno.h>

void step_write(const struct step *at, struct buf *out)
{
    if (at == NULL)
        return;
    step_write(at->up, out);
    if (at->name.at == NULL)
        buf_addf(out, "[%zu]", at->index);
    else if (at->key)
        buf_addf(out, "[" STR_FORMAT "]", STR_ARGS(at->name));
    else
        buf_addf(out, "%s" STR_FORMAT, at->up != NULL ? "." : "", STR_ARGS(at->name));
}

static void say(struct check *check, const struct step *at, const char *format, va_list args)
{
    if (check->count++ >= CHECK_FINDINGS)
        return;
    if (check->sentence.length != 0)
        buf_add_text(&check->sentence, "; ");
    if (at != NULL) {
        step_write(at, &check->sentence);
        buf_add_text(&check->sentence, ": ");
    }
    buf_vaddf(&check->sentence, format, args);
}

void check_say(struct check *check, const struct step *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(check, at, format, args);
    va_end(args);
}

static void list_missing(struct check *check, const struct step *at)
{
    if (check->missing.length != 0)
        buf_add_text(&check->missing, ", ");
    step_write(at, &check->missing);
}

void check_lacks(struct check *check, const struct step *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (check->draft)
        list_missing(check, at);
    else
        say(check, at, format, args);
    va_end(args);
}

int check_result(struct check *check, int number, struct error **err)
{
    int result = 0;
    if (check->count > CHECK_FINDINGS)
        buf_addf(&check->sentence, "; and %zu more", check->count - CHECK_FINDINGS);
    if (check->count != 0)
        result = error_make(err, number, "%s", check->sentence.at);
    buf_free(&check->sentence);
    buf_free(&check->missing);
    return result;
}

#define QUOTED_AT_MOST 64

void check_quote(struct buf *out, struct value v)
{
    enum value_type type = value_type(v);
    if (type == VALUE_NUMBER || type == VALUE_BOOL) {
        buf_add_str(out, value_str(v));
    } else if (type == VALUE_STRING) {
        struct str text = value_str(v);
        bool cut = text.length > QUOTED_AT_MOST;
        if (cut)
            text.length = QUOTED_AT_MOST;
        while (cut && text.length > 0 && ((unsigned char)text.at[text.length] & 0xc0) == 0x80)
            text.length--; /* not through a character */
        json_write_string(out, text);
        if (cut)
            buf_add_text(out, "…");
    } else {
        static const char *const names[] = {[VALUE_NONE] = "nothing",
                                            [VALUE_NULL] = "null",
                                            [VALUE_ARRAY] = "a list",
                                            [VALUE_OBJECT] = "a mapping"};
        buf_add_text(out, names[type]);
    }
}

int check_refuse(struct value given, const char *wanted, struct error **err)
{
    autobuf struct buf text = {0};
    check_quote(&text, given);
    return error_make(err, EINVAL, "%s, not %s", wanted, text.at);
}
