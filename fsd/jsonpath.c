#include "fsd/jsonpath.h"

enum step_type { STEP_END, STEP_NAME, STEP_INDEX, STEP_ALL, STEP_FILTER, STEP_WRONG };

struct path_step {
    enum step_type type;
    struct str name; /* of a member; of a filter: what is compared */
    struct str text; /* of a filter: with what */
    int64_t index;
};

static void skip(struct str *rest, size_t count)
{
    *rest = (struct str){rest->at + count, rest->length - count};
}

static struct path_step wrong(void)
{
    return (struct path_step){.type = STEP_WRONG};
}

/* ?(@.name=="text") */
static struct path_step read_filter(struct str inside)
{
    if (!str_starts(inside, STR("?(@.")) || !str_ends(inside, STR(")")))
        return wrong();
    inside = (struct str){inside.at + 4, inside.length - 5};
    const char *equals = memmem(inside.at, inside.length, "==", 2);
    if (equals == NULL)
        return wrong();
    struct str name = str_trim((struct str){inside.at, (size_t)(equals - inside.at)});
    struct str text = str_trim((struct str){equals + 2, (size_t)(inside.at + inside.length - equals - 2)});
    if (name.length == 0 || text.length < 2 || (text.at[0] != '"' && text.at[0] != '\'') ||
        text.at[text.length - 1] != text.at[0])
        return wrong();
    return (struct path_step){.type = STEP_FILTER, .name = name, .text = {text.at + 1, text.length - 2}};
}

static struct path_step read_brackets(struct str *rest)
{
    bool quoted = rest->length > 1 && (rest->at[1] == '\'' || rest->at[1] == '"');
    const char *end = quoted ? memmem(rest->at, rest->length, (char[]){rest->at[1], ']'}, 2)
                             : memchr(rest->at, ']', rest->length);
    if (end == NULL || (quoted && end == rest->at + 1))
        return wrong();
    size_t length = (size_t)(end - rest->at) + quoted; /* up to the bracket */
    struct str inside = {rest->at + 1, length - 1};
    skip(rest, length + 1);
    struct path_step step = {.type = STEP_INDEX};
    if (quoted)
        return (struct path_step){.type = STEP_NAME, .name = {inside.at + 1, inside.length - 2}};
    if (str_is(inside, "*"))
        return (struct path_step){.type = STEP_ALL};
    if (str_starts(inside, STR("?")))
        return read_filter(inside);
    return str_to_int64(inside, &step.index) && step.index >= 0 ? step : wrong();
}

static struct path_step next_step(struct str *rest)
{
    if (rest->length == 0)
        return (struct path_step){.type = STEP_END};
    if (rest->at[0] == '[')
        return read_brackets(rest);
    if (rest->at[0] != '.')
        return wrong();
    skip(rest, 1);
    size_t length = 0;
    while (length < rest->length && rest->at[length] != '.' && rest->at[length] != '[')
        length += rest->at[length] == '\\' && length + 1 < rest->length ? 2 : 1;
    struct path_step step = {.type = STEP_NAME, .name = {rest->at, length}};
    skip(rest, length);
    if (str_is(step.name, "*"))
        step.type = STEP_ALL;
    return length != 0 ? step : wrong();
}

/* Without {}, and with a dot or bracket in front. */
static struct str normalize(struct str path, struct buf *scratch)
{
    if (str_starts(path, STR("{")) && str_ends(path, STR("}")))
        path = (struct str){path.at + 1, path.length - 2};
    if (str_starts(path, STR("$")))
        skip(&path, 1);
    if (path.length == 0 || path.at[0] == '.' || path.at[0] == '[')
        return path;
    buf_add_char(scratch, '.');
    buf_add_str(scratch, path);
    return buf_str(scratch);
}

bool jsonpath_valid(struct str path)
{
    autobuf struct buf scratch = {0};
    struct str rest = normalize(path, &scratch);
    for (;;) {
        enum step_type type = next_step(&rest).type;
        if (type == STEP_END || type == STEP_WRONG)
            return type == STEP_END;
    }
}

static void write_found(struct value v, struct buf *out, bool *any)
{
    if (!value_exists(v) || value_type(v) == VALUE_NULL)
        return;
    if (*any)
        buf_add_char(out, ',');
    *any = true;
    if (value_type(v) == VALUE_ARRAY || value_type(v) == VALUE_OBJECT)
        value_write(out, v);
    else
        buf_add_str(out, value_str(v));
}

static struct value member(struct value v, struct str name)
{
    if (memchr(name.at, '\\', name.length) == NULL)
        return value_get(v, name);
    autobuf struct buf plain = {0};
    for (size_t i = 0; i < name.length; i++)
        if (name.at[i] != '\\')
            buf_add_char(&plain, name.at[i]);
    return value_get(v, buf_str(&plain));
}

static void follow(struct str rest, struct value v, struct buf *out, bool *any)
{
    struct path_step step = next_step(&rest);
    switch (step.type) {
    case STEP_END:
        write_found(v, out, any);
        break;
    case STEP_NAME:
        follow(rest, member(v, step.name), out, any);
        break;
    case STEP_INDEX:
        follow(rest, value_element(v, (size_t)step.index), out, any);
        break;
    case STEP_ALL:
        value_each (child, v)
            follow(rest, child, out, any);
        break;
    case STEP_FILTER:
        value_each (child, v)
            if (str_equal(value_str(value_get(child, step.name)), step.text))
                follow(rest, child, out, any);
        break;
    case STEP_WRONG:
        break;
    }
}

void jsonpath_write(struct str path, struct value root, struct buf *out)
{
    autobuf struct buf scratch = {0};
    bool any = false;
    follow(normalize(path, &scratch), root, out, &any);
}
