#include "lib/explain.h"

#include <ctype.h>

/* ---- types ---- */

/* Of what the schema is a list or a map; absent: it is neither. */
static struct value contents_of(struct value schema)
{
    struct value items = value_at(schema, "items");
    return value_exists(items) ? items : value_at(schema, "additionalProperties");
}

static const char *bare_type(struct value schema, bool many)
{
    static const struct {
        const char *type, *one, *many;
    } names[] = {{"string", "string", "strings"},
                 {"integer", "integer", "integers"},
                 {"number", "number", "numbers"},
                 {"boolean", "boolean", "booleans"},
                 {"object", "object", "objects"}};
    if (value_true(value_at(schema, "x-kubernetes-int-or-string")))
        return many ? "integers or strings" : "integer or string";
    for (size_t i = 0; i < COUNT(names); i++)
        if (value_is(value_at(schema, "type"), names[i].type))
            return many ? names[i].many : names[i].one;
    return "anything";
}

static void add_keys(struct value schema, struct buf *out)
{
    size_t count = 0;
    value_each (key, value_at(schema, "x-kubernetes-list-map-keys"))
        buf_addf(out, "%s" STR_FORMAT, count++ == 0 ? ", by " : " and ", STR_ARGS(value_str(key)));
    if (value_is(value_at(schema, "x-kubernetes-list-type"), "set"))
        buf_add_text(out, ", each once");
}

/* What every integer is, is not said. */
static void add_format(struct value schema, struct buf *out)
{
    struct str format = value_str(value_at(schema, "format"));
    if (format.length != 0 && !str_is(format, "int32") && !str_is(format, "int64"))
        buf_addf(out, ": " STR_FORMAT, STR_ARGS(format));
}

static void add_type(struct value schema, bool many, struct buf *out)
{
    struct value contents = contents_of(schema);
    bool list = value_is(value_at(schema, "type"), "array");
    if (value_type(contents) != VALUE_OBJECT) {
        buf_add_text(out, list ? "list" : bare_type(schema, many));
        add_format(schema, out);
        return;
    }
    buf_addf(out, "%s%s of ", list ? "list" : "map", many ? "s" : "");
    add_type(contents, true, out);
    add_keys(schema, out);
}

void explain_type(struct value schema, struct buf *out)
{
    add_type(schema, false, out);
}

/* ---- what values must be ---- */

static void add_value(struct value value, struct buf *out)
{
    struct str text = value_str(value);
    if (text.at != NULL && text.length != 0)
        buf_add_str(out, text);
    else
        value_write(out, value);
}

/* Between two of them. */
static void begin_fact(struct buf *out, size_t start)
{
    if (out->length > start)
        buf_add_text(out, "; ");
}

static void add_flags(struct value schema, struct buf *out, size_t start)
{
    static const struct {
        const char *keyword, *words;
    } flags[] = {{"x-podtree-server", "managed by the server"},
                 {"x-podtree-immutable", "can't be changed"},
                 {"x-podtree-write-once", "can be set once"},
                 {"nullable", "may be null"},
                 {"x-kubernetes-embedded-resource", "a whole object"}};
    for (size_t i = 0; i < COUNT(flags); i++) {
        if (!value_true(value_get(schema, str_of(flags[i].keyword))))
            continue;
        begin_fact(out, start);
        buf_add_text(out, flags[i].words);
    }
}

static void add_choices(struct value schema, struct buf *out, size_t start)
{
    struct value choices = value_at(schema, "enum"), otherwise = value_at(schema, "default");
    size_t count = 0;
    if (value_count(choices) > 0)
        begin_fact(out, start);
    value_each (choice, choices) {
        buf_add_text(out, count++ == 0 ? "one of " : ", ");
        add_value(choice, out);
    }
    bool says_nothing = value_type(otherwise) == VALUE_OBJECT && value_count(otherwise) == 0;
    if (!value_exists(otherwise) || says_nothing)
        return;
    begin_fact(out, start);
    buf_add_text(out, "default ");
    add_value(otherwise, out);
}

/* A pair of keywords that bound one number. */
static void add_bounds(struct value schema, struct buf *out, size_t start)
{
    static const struct {
        const char *least, *most, *of_one, *of_many;
    } bounds[] = {{"minimum", "maximum", "", ""},
                  {"minLength", "maxLength", " character", " characters"},
                  {"minItems", "maxItems", " entry", " entries"},
                  {"minProperties", "maxProperties", " member", " members"}};
    for (size_t i = 0; i < COUNT(bounds); i++) {
        struct str least = value_str(value_get(schema, str_of(bounds[i].least)));
        struct str most = value_str(value_get(schema, str_of(bounds[i].most)));
        if (least.length == 0 && most.length == 0)
            continue;
        begin_fact(out, start);
        if (most.length == 0 && i == 1 && str_is(least, "1"))
            buf_add_text(out, "not empty");
        else if (most.length == 0)
            buf_addf(out, "at least " STR_FORMAT "%s", STR_ARGS(least),
                     str_is(least, "1") ? bounds[i].of_one : bounds[i].of_many);
        else if (least.length == 0)
            buf_addf(out, "at most " STR_FORMAT "%s", STR_ARGS(most),
                     str_is(most, "1") ? bounds[i].of_one : bounds[i].of_many);
        else
            buf_addf(out, STR_FORMAT " to " STR_FORMAT "%s", STR_ARGS(least), STR_ARGS(most),
                     bounds[i].of_many);
    }
}

static void add_form(struct value schema, struct buf *out, size_t start)
{
    struct str multiple = value_str(value_at(schema, "multipleOf")),
               pattern = value_str(value_at(schema, "pattern"));
    if (multiple.length != 0) {
        begin_fact(out, start);
        buf_addf(out, "a multiple of " STR_FORMAT, STR_ARGS(multiple));
    }
    if (pattern.length != 0) {
        begin_fact(out, start);
        buf_add_text(out, "matches ");
        explain_add_flat(pattern, out);
    }
}

void explain_facts(struct value schema, bool required, struct buf *out)
{
    size_t start = out->length;
    if (required)
        buf_add_text(out, "required");
    add_flags(schema, out, start);
    add_choices(schema, out, start);
    add_bounds(schema, out, start);
    add_form(schema, out, start);
}

/* ---- sentences ---- */

void explain_add_flat(struct str text, struct buf *out)
{
    text = str_trim(text);
    for (size_t i = 0; i < text.length; i++)
        if (!isspace((unsigned char)text.at[i]))
            buf_add_char(out, text.at[i]);
        else if (!isspace((unsigned char)text.at[i - 1]))
            buf_add_char(out, ' ');
}

/* It ends at a point with white space and a capital behind it, or with the paragraph. */
struct str explain_sentence(struct value schema)
{
    struct str text = str_trim(value_str(value_at(schema, "description")));
    for (size_t i = 0; i + 2 < text.length; i++) {
        const char *at = text.at + i;
        if (at[0] == '\n' && at[1] == '\n')
            return str_trim(str_cut(text, 0, i));
        if (at[0] == '.' && isspace((unsigned char)at[1]) && !islower((unsigned char)at[2]))
            return str_cut(text, 0, i + 1);
    }
    return text.length != 0 ? text : STR_NONE;
}

/* ---- lines ---- */

void explain_rest(struct value schema, bool required, struct buf *out)
{
    buf_add_char(out, '<');
    explain_type(schema, out);
    buf_add_char(out, '>');
    size_t before = out->length;
    buf_add_char(out, ' ');
    explain_facts(schema, required, out);
    if (out->length == before + 1)
        out->at[out->length = before] = '\0';
    struct str sentence = explain_sentence(schema);
    if (sentence.length != 0) {
        buf_add_text(out, " - ");
        explain_add_flat(sentence, out);
    }
    buf_add_char(out, '\n');
}

struct value explain_properties(struct value schema)
{
    struct value contents;
    while (value_type(contents = contents_of(schema)) == VALUE_OBJECT)
        schema = contents;
    return value_at(schema, "properties");
}

bool explain_requires(struct value schema, struct str name)
{
    struct value contents;
    while (value_type(contents = contents_of(schema)) == VALUE_OBJECT)
        schema = contents;
    value_each (required, value_at(schema, "required"))
        if (str_equal(value_str(required), name))
            return true;
    return false;
}

static void add_fields(struct value schema, struct buf *path, struct buf *out)
{
    size_t length = path->length;
    value_each (field, explain_properties(schema)) {
        buf_addf(path, "%s" STR_FORMAT, length != 0 ? "." : "", STR_ARGS(value_key(field)));
        buf_addf(out, STR_FORMAT " ", STR_ARGS(buf_str(path)));
        explain_rest(field, explain_requires(schema, value_key(field)), out);
        add_fields(field, path, out);
        path->at[path->length = length] = '\0';
    }
}

void explain_fields(struct value schema, struct str path, struct buf *out)
{
    autobuf struct buf at = {0};
    buf_add_str(&at, path);
    add_fields(schema, &at, out);
}
