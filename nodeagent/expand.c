#include "nodeagent/expand.h"

/* Reads "(NAME)" at the beginning; false when it isn't closed. */
static bool reference(struct str text, struct str *name)
{
    if (text.length == 0 || text.at[0] != '(')
        return false;
    const char *end = memchr(text.at, ')', text.length);
    if (end == NULL)
        return false;
    *name = (struct str){text.at + 1, (size_t)(end - text.at) - 1};
    return true;
}

void expand(struct buf *out, struct str text, struct value variables)
{
    for (size_t i = 0; i < text.length; i++) {
        struct str rest = {text.at + i + 1, text.length - i - 1}, name;
        if (text.at[i] != '$') {
            buf_add_char(out, text.at[i]);
        } else if (rest.length != 0 && rest.at[0] == '$') {
            buf_add_char(out, '$');
            i++;
        } else if (reference(rest, &name)) {
            struct value known = value_get(variables, name);
            if (value_exists(known))
                buf_add_str(out, value_str(known));
            else
                buf_addf(out, "$(" STR_FORMAT ")", STR_ARGS(name));
            i += name.length + 2;
        } else {
            buf_add_char(out, '$');
        }
    }
}
