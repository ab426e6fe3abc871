#include "fsd/jsonpath.h"

#include <stdlib.h>

enum step_type { STEP_END, STEP_NAME, STEP_INDEX, STEP_SLICE, STEP_ALL, STEP_FILTER, STEP_WRONG };

struct path_step {
    enum step_type type;
    struct str name;     /* of a member; of a filter: the path of what is compared */
    struct str operator; /* of a filter: how; empty: whether it is there */
    struct str text;     /* of a filter: with what */
    int64_t index, end;  /* negative: from the end of the list */
};

static void skip(struct str *rest, size_t count)
{
    *rest = (struct str){rest->at + count, rest->length - count};
}

static struct path_step wrong(void)
{
    return (struct path_step){.type = STEP_WRONG};
}

static bool is_quoted(struct str text)
{
    return text.length >= 2 && (text.at[0] == '"' || text.at[0] == '\'') &&
           text.at[text.length - 1] == text.at[0];
}

static bool to_number(struct str text, double *number)
{
    autofree char *copy = str_dup(text);
    char *end;
    *number = strtod(copy, &end);
    return text.length != 0 && *end == '\0';
}

static bool is_literal(struct str text)
{
    double number;
    return is_quoted(text) || str_is(text, "true") || str_is(text, "false") || to_number(text, &number);
}

/* Longer ones first. */
static const char *const operators[] = {"==", "!=", "<=", ">=", "<", ">"};

static struct str find_operator(struct str text)
{
    for (size_t at = 0; at < text.length; at++)
        for (size_t i = 0; i < COUNT(operators); i++)
            if (str_starts(str_cut(text, at, text.length), str_of(operators[i])))
                return str_cut(text, at, strlen(operators[i]));
    return STR_NONE;
}

static bool is_simple(struct str path);

/* ?(@.name=="text"), ?(@.a.b>5), ?(@.name) */
static struct path_step read_filter(struct str inside)
{
    if (!str_starts(inside, STR("?(@.")) || !str_ends(inside, STR(")")))
        return wrong();
    inside = (struct str){inside.at + 3, inside.length - 4};
    struct path_step step = {.type = STEP_FILTER, .name = str_trim(inside), .operator= find_operator(inside)};
    if (step.operator.at != NULL) {
        size_t before = (size_t)(step.operator.at - inside.at);
        step.name = str_trim(str_cut(inside, 0, before));
        step.text = str_trim(str_cut(inside, before + step.operator.length, inside.length));
    }
    return is_simple(step.name) && (step.operator.at == NULL || is_literal(step.text)) ? step : wrong();
}

/* [2], [-1], [1:], [:3], [-2:-1] */
static struct path_step read_index(struct str inside)
{
    struct path_step step = {.type = STEP_INDEX, .end = INT64_MAX};
    struct str first;
    if (memchr(inside.at, ':', inside.length) == NULL)
        return str_to_int64(inside, &step.index) ? step : wrong();
    step.type = STEP_SLICE;
    str_split(&inside, ':', &first);
    bool fits = (first.length == 0 || str_to_int64(first, &step.index)) &&
                (inside.length == 0 || str_to_int64(inside, &step.end));
    return fits ? step : wrong();
}

static struct path_step read_brackets(struct str *rest)
{
    bool quoted = rest->length > 1 && (rest->at[1] == '\'' || rest->at[1] == '"');
    bool filter = rest->length > 1 && rest->at[1] == '?';
    const char *end = quoted   ? memmem(rest->at, rest->length, (char[]){rest->at[1], ']'}, 2)
                      : filter ? memmem(rest->at, rest->length, ")]", 2)
                               : memchr(rest->at, ']', rest->length);
    if (end == NULL || (quoted && end == rest->at + 1))
        return wrong();
    size_t length = (size_t)(end - rest->at) + (quoted || filter); /* up to the bracket */
    struct str inside = {rest->at + 1, length - 1};
    skip(rest, length + 1);
    if (quoted)
        return (struct path_step){.type = STEP_NAME, .name = {inside.at + 1, inside.length - 2}};
    if (str_is(inside, "*"))
        return (struct path_step){.type = STEP_ALL};
    return filter ? read_filter(inside) : read_index(inside);
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

/* Does the path lead to one value at most? */
static bool is_simple(struct str path)
{
    enum step_type type;
    while ((type = next_step(&path).type) != STEP_END)
        if (type != STEP_NAME && type != STEP_INDEX)
            return false;
    return true;
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

static size_t place(struct value list, int64_t index)
{
    int64_t count = (int64_t)value_count(list);
    index += index < 0 ? count : 0;
    return index < 0 ? SIZE_MAX : (size_t)index;
}

static struct value one_step(struct path_step step, struct value v)
{
    if (step.type == STEP_NAME)
        return member(v, step.name);
    return step.type == STEP_INDEX ? value_element(v, place(v, step.index)) : VALUE_ABSENT;
}

static struct value find_one(struct str path, struct value v)
{
    struct path_step step;
    while ((step = next_step(&path)).type != STEP_END)
        v = one_step(step, v);
    return v;
}

/* Numbers are compared as such, all else as texts. */
static int order(struct value v, struct str text)
{
    double one, other;
    if (!is_quoted(text) && value_number(v, &one) && to_number(text, &other))
        return (one > other) - (one < other);
    return str_compare(value_str(v), is_quoted(text) ? str_cut(text, 1, text.length - 2) : text);
}

static bool passes(const struct path_step *filter, struct value v)
{
    struct value found = find_one(filter->name, v);
    if (filter->operator.at == NULL || !value_exists(found))
        return value_exists(found);
    int result = order(found, filter->text);
    bool equal = result == 0, less = filter->operator.at[0] == '<';
    if (filter->operator.length == 2 && filter->operator.at[0] != '!' && equal)
        return true;
    return filter->operator.at[0] == '!' ? !equal
                                         : filter->operator.at[0] != '=' && !equal && less ==(result < 0);
}

static void follow(struct str rest, struct value v, struct buf *out, bool *any);

static void follow_slice(const struct path_step *step, struct str rest, struct value list, struct buf *out,
                         bool *any)
{
    size_t first = place(list, step->index);
    if (step->index < 0 && first == SIZE_MAX)
        first = 0;
    size_t index = 0, end = step->end == INT64_MAX ? SIZE_MAX : place(list, step->end);
    if (value_type(list) != VALUE_ARRAY || (step->end < 0 && end == SIZE_MAX))
        return;
    value_each (child, list) {
        if (index >= first && index < end)
            follow(rest, child, out, any);
        index++;
    }
}

static void follow(struct str rest, struct value v, struct buf *out, bool *any)
{
    struct path_step step = next_step(&rest);
    switch (step.type) {
    case STEP_END:
        write_found(v, out, any);
        break;
    case STEP_NAME:
    case STEP_INDEX:
        follow(rest, one_step(step, v), out, any);
        break;
    case STEP_SLICE:
        follow_slice(&step, rest, v, out, any);
        break;
    case STEP_ALL:
        value_each (child, v)
            follow(rest, child, out, any);
        break;
    case STEP_FILTER:
        value_each (child, v)
            if (passes(&step, child))
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
