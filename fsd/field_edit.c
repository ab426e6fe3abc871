/* Changes to a document, by the path of a file.
 *
 * The path is walked with field_child(); the chain of fields that were passed tells what has to be made above
 * the file (only a map or the spec itself can be missing there: anything else would be a directory that isn't
 * there) and how Kubernetes calls the place, for the sentences. */
#include "fsd/field.h"

#include "fsd/validate.h"
#include "lib/base64.h"
#include "lib/utf8.h"
#include "lib/yaml.h"
#include <errno.h>

#define DEPTH 40 /* no schema is deeper */

struct walk {
    struct value object;
    struct field fields[DEPTH];
    struct buf keys[DEPTH];
    size_t depth; /* of the last one; 0 is the object's directory */
};

static void cleanup_walk(struct walk *walk)
{
    for (size_t i = 0; i <= walk->depth; i++)
        buf_free(&walk->keys[i]);
}

static struct field *last(struct walk *walk)
{
    return &walk->fields[walk->depth];
}

/* The place as Kubernetes writes it: spec.containers[0].image. */
static void write_place(const struct walk *walk, struct buf *out)
{
    for (size_t i = 1; i <= walk->depth; i++) {
        const struct field *field = &walk->fields[i];
        if (field->root_part != 0)
            continue;
        if (field->in_spec)
            buf_add_text(out, "spec");
        if (field->list_entry && field->set)
            buf_addf(out, "[%zu]", field->index);
        else if (field->list_entry || field->map_entry)
            buf_addf(out, "[" STR_FORMAT "]", STR_ARGS(field->key));
        else
            buf_addf(out, "%s" STR_FORMAT, out->length != 0 ? "." : "", STR_ARGS(field->key));
    }
}

static int refuse(const struct walk *walk, int number, struct error **err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int refuse(const struct walk *walk, int number, struct error **err, const char *format, ...)
{
    autobuf struct buf sentence = {0};
    write_place(walk, &sentence);
    buf_add_text(&sentence, ": ");
    va_list args;
    va_start(args, format);
    buf_vaddf(&sentence, format, args);
    va_end(args);
    return error_make(err, number, "%s", sentence.at);
}

/* ---- walking ---- */

/* The schema whose members are the names in a directory; NULL where names are not fields. */
static const struct schema *names_of(const struct field *directory)
{
    const struct schema *schema = directory->schema;
    const struct kind_form *form = kind_form(directory->kind);
    if (schema == NULL)
        schema = form->spec != NULL ? form->spec : form->schema;
    return schema != NULL && schema->type == SCHEMA_OBJECT ? schema : NULL;
}

static int refuse_unknown(const struct walk *walk, const struct field *directory, struct str name,
                          struct error **err)
{
    if (directory->schema != NULL && directory->schema->type == SCHEMA_MAP)
        return refuse(walk, EINVAL, err, "\"" STR_FORMAT "\" is no name for a key", STR_ARGS(name));
    const struct schema *names = names_of(directory);
    struct str nearest = names != NULL ? schema_nearest(names, name) : STR_NONE;
    autobuf struct buf place = {0};
    write_place(walk, &place);
    autobuf struct buf shown = {0};
    buf_addf(&shown, "%s%s" STR_FORMAT, place.length != 0 ? place.at : "", place.length != 0 ? "." : "",
             STR_ARGS(name));
    if (nearest.at == NULL)
        return error_make(err, EINVAL, "unknown field \"%s\"", shown.at);
    return error_make(err, EINVAL, "unknown field \"%s\": did you mean \"" STR_FORMAT "\"?", shown.at,
                      STR_ARGS(nearest));
}

static int walk_path(struct walk *walk, const struct kind *kind, struct value object, struct str path,
                     struct error **err)
{
    *walk = (struct walk){.object = object};
    walk->fields[0] = field_root(kind, object);
    struct str name, rest = path;
    while (str_split(&rest, '/', &name)) {
        const struct field *directory = last(walk);
        if (directory->type != FIELD_DIRECTORY)
            return error_make(err, ENOTDIR, STR_FORMAT ": " STR_FORMAT " is not a directory", STR_ARGS(path),
                              STR_ARGS(directory->key));
        if (!directory->set)
            return error_make(err, ENOENT, STR_FORMAT ": there is no " STR_FORMAT, STR_ARGS(path),
                              STR_ARGS(directory->key));
        struct field child = walk->depth + 1 < DEPTH
                                 ? field_child(directory, name, &walk->keys[walk->depth + 1])
                                 : (struct field){.type = FIELD_NONE};
        if (child.type == FIELD_NONE) {
            if (walk->depth + 1 < DEPTH)
                buf_free(&walk->keys[walk->depth + 1]);
            return refuse_unknown(walk, directory, name, err);
        }
        walk->fields[++walk->depth] = child;
    }
    return 0;
}

int field_check_name(const struct kind *kind, struct value object, struct str path, struct error **err)
{
    cleanup(cleanup_walk) struct walk walk;
    int result = walk_path(&walk, kind, object, path, err);
    if (result < 0 || !last(&walk)->map_entry)
        return result;
    const struct field *map = &walk.fields[walk.depth - 1];
    result = schema_check_key(map->schema, last(&walk)->key, err);
    if (result == 0)
        return 0;
    autobuf struct buf place = {0};
    write_place(&walk, &place);
    return error_wrap(err, "%s", place.at);
}

static int find(struct walk *walk, const struct kind *kind, struct value object, struct str path, bool server,
                struct error **err)
{
    int result = walk_path(walk, kind, object, path, err);
    if (result < 0)
        return result;
    if (last(walk)->root_part != 0)
        return error_make(err, EPERM, STR_FORMAT " is part of every object", STR_ARGS(path));
    if (last(walk)->server_managed && !server)
        return refuse(walk, EPERM, err, "is managed by the server");
    return 0;
}

/* The value of a directory on the way, or of the object that holds its members, made where it isn't there. */
static struct value holder_of(struct walk *walk, size_t depth)
{
    const struct field *field = &walk->fields[depth], *above = &walk->fields[depth - 1];
    if (field->in_spec)
        return value_ensure_object(walk->object, STR("spec"));
    if (above->root_part != 0)
        return walk->object;
    if (value_exists(above->value))
        return above->value;
    return value_ensure_object(holder_of(walk, depth - 1), above->key);
}

/* ---- text ---- */

static bool is_text(struct str bytes)
{
    const char *at = bytes.at, *end = bytes.at + bytes.length;
    while (at < end) {
        size_t length = *at != '\0' ? utf8_decode(at, end, NULL) : 0;
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

static struct str without_newline(struct str text)
{
    if (str_ends(text, STR("\n")))
        text.length--;
    return text;
}

static int refuse_text(const struct walk *walk, struct error **err, const char *wanted, struct str given)
{
    autobuf struct buf quoted = {0};
    json_write_string(&quoted, given.length > 64 ? (struct str){given.at, 64} : given);
    return refuse(walk, EINVAL, err, "must be %s, not %s", wanted, given.length != 0 ? quoted.at : "empty");
}

static bool is_all_digits(struct str text)
{
    size_t i = text.length > 1 && (text.at[0] == '-' || text.at[0] == '+') ? 1 : 0;
    for (size_t j = i; j < text.length; j++)
        if (text.at[j] < '0' || text.at[j] > '9')
            return false;
    return text.length > i;
}

/* One scalar, put into member `key` of `holder`. */
static int set_scalar(const struct walk *walk, const struct schema *schema, struct value holder,
                      struct str key, struct str text, struct error **err)
{
    int64_t number;
    switch (schema->type) {
    case SCHEMA_BOOLEAN:
        if (!str_is(text, "true") && !str_is(text, "false"))
            return refuse_text(walk, err, "true or false", text);
        value_set_bool(holder, key, str_is(text, "true"));
        return 0;
    case SCHEMA_INTEGER:
        if (!str_to_int64(text, &number))
            return refuse_text(walk, err,
                               is_all_digits(text) ? "an integer of at most 64 bits" : "an integer", text);
        value_set_int(holder, key, number);
        return 0;
    case SCHEMA_NUMBER: {
        autodoc struct doc *parsed = doc_parse(text, NULL);
        if (value_type(doc_root(parsed)) != VALUE_NUMBER)
            return refuse_text(walk, err, "a number", text);
        value_set_copy(holder, key, doc_root(parsed));
        return 0;
    }
    case SCHEMA_INT_OR_STRING:
        if (str_to_int64(text, &number)) {
            value_set_int(holder, key, number);
            return 0;
        }
        break;
    default:
        break;
    }
    value_set_str(holder, key, text);
    return 0;
}

/* ---- lists of scalars ---- */

static int add_line(const struct walk *walk, const struct schema *items, struct value list, struct str line,
                    struct error **err)
{
    autodoc struct doc *parsed = str_starts(line, STR("\"")) ? doc_parse(line, NULL) : NULL;
    if (value_type(doc_root(parsed)) == VALUE_STRING)
        line = value_str(doc_root(parsed));
    autodoc struct doc *made = doc_new();
    int result = set_scalar(walk, items, doc_root(made), STR("item"), line, err);
    if (result == 0)
        value_append_copy(list, value_at(doc_root(made), "item"));
    return result;
}

static int set_lines(struct walk *walk, struct value holder, struct str text, struct error **err)
{
    autodoc struct doc *made = doc_new();
    struct value list = value_set_array(doc_root(made), STR("list"));
    struct str line, rest = without_newline(text);
    while (text.length != 0 && str_split(&rest, '\n', &line)) {
        int result = add_line(walk, last(walk)->schema->items, list, line, err);
        if (result < 0)
            return result;
    }
    value_set_copy(holder, last(walk)->key, list);
    return 0;
}

/* ---- content ---- */

static int set_content(struct walk *walk, struct value holder, struct str bytes, struct error **err)
{
    const struct schema *schema = last(walk)->schema;
    if (schema->type == SCHEMA_ANY || schema->type == SCHEMA_ARRAY) {
        autodoc struct doc *parsed = yaml_parse(bytes, err);
        if (parsed == NULL) {
            autobuf struct buf place = {0};
            write_place(walk, &place);
            return error_wrap(err, "%s", place.at);
        }
        value_set_copy(holder, last(walk)->key, doc_root(parsed));
    } else if (str_is(schema->format, "byte")) {
        autobuf struct buf text = {0};
        base64_encode(bytes, &text);
        value_set_str(holder, last(walk)->key, buf_str(&text));
    } else {
        value_set_str(holder, last(walk)->key, schema->content ? bytes : without_newline(bytes));
    }
    return 0;
}

static bool takes_any_bytes(const struct schema *schema)
{
    return schema->content && str_is(schema->format, "byte");
}

static int write_value(struct walk *walk, struct str bytes, struct error **err)
{
    const struct field *field = last(walk);
    if (field->type == FIELD_DIRECTORY)
        return refuse(walk, EISDIR, err, "is a directory");
    if (!takes_any_bytes(field->schema) && !is_text(bytes))
        return refuse(walk, EINVAL, err, "must be UTF-8 text, not binary%s",
                      field->schema->secret    ? "; for that there is data"
                      : field->schema->content ? "; for that there is binaryData"
                                               : "");
    struct str text = without_newline(bytes);
    if (field->is_key && !str_equal(value_str(field->value), text))
        return refuse(walk, EPERM, err, "is the name of the entry: remove it and make another");
    /* Made apart first: what is refused leaves the object as it was. */
    autodoc struct doc *made = doc_new();
    int result = field->type == FIELD_LINES ? set_lines(walk, doc_root(made), bytes, err)
                 : field->type == FIELD_CONTENT
                     ? set_content(walk, doc_root(made), bytes, err)
                     : set_scalar(walk, field->schema, doc_root(made), field->key, text, err);
    if (result == 0)
        value_set_copy(holder_of(walk, walk->depth), field->key, value_get(doc_root(made), field->key));
    return result;
}

int field_write(const struct kind *kind, struct value object, struct str path, struct str bytes, bool server,
                struct error **err)
{
    cleanup(cleanup_walk) struct walk walk;
    int result = find(&walk, kind, object, path, server, err);
    return result < 0 ? result : write_value(&walk, bytes, err);
}

int field_append(const struct kind *kind, struct value object, struct str path, struct str bytes, bool server,
                 struct error **err)
{
    cleanup(cleanup_walk) struct walk walk;
    int result = find(&walk, kind, object, path, server, err);
    if (result < 0)
        return result;
    if (last(&walk)->type == FIELD_SCALAR)
        return refuse(&walk, EINVAL, err, "is one value: nothing can be appended to it");
    autobuf struct buf whole = {0};
    field_read(last(&walk), &whole);
    buf_add_str(&whole, bytes);
    return write_value(&walk, buf_str(&whole), err);
}

int field_cut(const struct kind *kind, struct value object, struct str path, size_t size, bool server,
              struct error **err)
{
    cleanup(cleanup_walk) struct walk walk;
    int result = find(&walk, kind, object, path, server, err);
    if (result < 0)
        return result;
    autobuf struct buf whole = {0};
    if (last(&walk)->set)
        field_read(last(&walk), &whole);
    if (size > whole.length)
        return refuse(&walk, EINVAL, err, "can't be made longer without being written");
    if (size == whole.length)
        return 0;
    whole.length = size;
    return write_value(&walk, buf_str(&whole), err);
}

/* ---- directories ---- */

/* Cuts off the end of an entry's name what are values of its further keys: "53-UDP". */
static int set_further_keys(const struct walk *walk, const struct schema *list, struct value entry,
                            struct str *name, struct error **err)
{
    for (size_t i = list->list_key_count; i-- > 1;) {
        const char *hyphen = memrchr(name->at, '-', name->length);
        if (hyphen == NULL)
            return 0;
        struct str value = {hyphen + 1, (size_t)(name->at + name->length - hyphen - 1)};
        const struct schema *schema = schema_property(list->items, list->list_keys[i]);
        for (size_t j = 0; j < schema->enumeration_count; j++)
            if (str_equal(schema->enumeration[j], value)) {
                int result = set_scalar(walk, schema, entry, list->list_keys[i], value, err);
                if (result < 0)
                    return result;
                name->length = (size_t)(hyphen - name->at);
                break;
            }
    }
    return 0;
}

static int set_keys(const struct walk *walk, const struct schema *list, struct value entry, struct str name,
                    struct error **err)
{
    int result = set_further_keys(walk, list, entry, &name, err);
    if (result < 0)
        return result;
    autobuf struct buf key = {0};
    if (!field_decode(name, &key) || !is_text(buf_str(&key)))
        return refuse(walk, EINVAL, err, "is no name of an entry");
    const struct schema *schema = schema_property(list->items, list->list_keys[0]);
    return set_scalar(walk, schema, entry, list->list_keys[0], buf_str(&key), err);
}

static int make_entry(struct walk *walk, struct error **err)
{
    struct field *field = last(walk);
    const struct field *above = &walk->fields[walk->depth - 1];
    autodoc struct doc *made = doc_new();
    if (above->schema->list_type == LIST_MAP) {
        int result = set_keys(walk, above->schema, doc_root(made), field->key, err);
        if (result < 0)
            return result;
    } else {
        int64_t index;
        if (!str_to_int64(field->key, &index) || index != (int64_t)value_count(above->value))
            return refuse(walk, EINVAL, err, "the next entry is %zu", value_count(above->value));
    }
    struct value entry = value_append_copy(above->value, doc_root(made));
    struct field found = field_child(above, field->key, NULL);
    if (found.set)
        return 0;
    value_remove(entry);
    return refuse(walk, EINVAL, err, "is not how this entry would be called");
}

int field_make_directory(const struct kind *kind, struct value object, struct str path, bool server,
                         struct error **err)
{
    cleanup(cleanup_walk) struct walk walk;
    int result = find(&walk, kind, object, path, server, err);
    if (result < 0)
        return result;
    const struct field *field = last(&walk);
    if (field->set)
        return refuse(&walk, EEXIST, err, "is there already");
    if (field->type != FIELD_DIRECTORY)
        return refuse(&walk, EINVAL, err, "is a file");
    if (field->list_entry)
        return make_entry(&walk, err);
    struct value holder = holder_of(&walk, walk.depth);
    if (field->schema->type == SCHEMA_ARRAY)
        value_set_array(holder, field->key);
    else
        value_set_object(holder, field->key);
    return 0;
}

int field_remove(const struct kind *kind, struct value object, struct str path, bool server,
                 struct error **err)
{
    cleanup(cleanup_walk) struct walk walk;
    int result = find(&walk, kind, object, path, server, err);
    if (result < 0)
        return result;
    const struct field *field = last(&walk);
    if (!field->set)
        return refuse(&walk, ENOENT, err, "is not set");
    if (field->required)
        return refuse(&walk, EPERM, err, "is required");
    if (value_exists(field->value))
        value_remove(field->value);
    return 0;
}

int field_rename(const struct kind *kind, struct value object, struct str path, struct str to_path,
                 bool server, struct error **err)
{
    cleanup(cleanup_walk) struct walk from = {0}, to = {0};
    int result = find(&from, kind, object, path, server, err);
    if (result == 0)
        result = find(&to, kind, object, to_path, server, err);
    if (result < 0)
        return result;
    const struct field *source = last(&from), *target = last(&to);
    if (!source->map_entry || !target->map_entry || source->parent.at != target->parent.at)
        return refuse(&from, EPERM, err, "can't be renamed: names are fields here");
    if (!source->set)
        return refuse(&from, ENOENT, err, "is not set");
    if (str_equal(source->key, target->key))
        return 0;
    value_set_copy(source->parent, target->key, source->value);
    value_unset(source->parent, source->key);
    return 0;
}
