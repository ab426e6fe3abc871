/* How a document is walked by file names.
 *
 * A step goes from one value to one below it, and knows at each what the schema says and what the document
 * has; either may be without the other: a field that isn't set has a schema and no value. Only the object's
 * directory itself is special, because what is in it comes from three places (the spec, the other top-level
 * fields, and metadata and observed), and the two made-up directories for names that collide.
 *
 * What is in a file is in field_text.c, what changes a document in field_edit.c.
 */
#include "fsd/field.h"

enum { PART_INSIDE, PART_ROOT, PART_SPEC, PART_TOP };

/* ---- names ---- */

void field_encode(struct str key, struct buf *name)
{
    if (str_is(key, ".") || str_is(key, "..")) {
        for (size_t i = 0; i < key.length; i++)
            buf_add_text(name, "%2E");
        return;
    }
    for (size_t i = 0; i < key.length; i++) {
        if (key.at[i] == '/')
            buf_add_text(name, "%2F");
        else if (key.at[i] == '%')
            buf_add_text(name, "%25");
        else
            buf_add_char(name, key.at[i]);
    }
}

bool field_decode(struct str name, struct buf *key)
{
    if (name.length == 0)
        return false;
    if (str_is(name, "%2E") || str_is(name, "%2E%2E")) {
        buf_add_text(key, name.length == 3 ? "." : "..");
        return true;
    }
    for (size_t i = 0; i < name.length; i++) {
        struct str rest = {name.at + i, name.length - i};
        if (str_starts(rest, STR("%2F")))
            buf_add_char(key, '/');
        else if (str_starts(rest, STR("%25")))
            buf_add_char(key, '%');
        else if (name.at[i] == '%' || name.at[i] == '/' || name.at[i] == '\0')
            return false;
        else {
            buf_add_char(key, name.at[i]);
            continue;
        }
        i += 2;
    }
    return true;
}

/* ---- what a field is ---- */

static bool is_text_list(const struct schema *schema)
{
    enum schema_type type = schema->items->type;
    return type == SCHEMA_STRING || type == SCHEMA_INTEGER || type == SCHEMA_NUMBER ||
           type == SCHEMA_BOOLEAN || type == SCHEMA_INT_OR_STRING;
}

enum field_type field_type_of(const struct schema *schema)
{
    switch (schema->type) {
    case SCHEMA_OBJECT:
    case SCHEMA_MAP:
        return FIELD_DIRECTORY;
    case SCHEMA_ARRAY:
        if (schema->items->type == SCHEMA_ANY || schema->items->type == SCHEMA_ARRAY)
            return FIELD_CONTENT;
        return is_text_list(schema) ? FIELD_LINES : FIELD_DIRECTORY;
    case SCHEMA_ANY:
        return FIELD_CONTENT;
    default:
        return schema->content || schema->long_text ? FIELD_CONTENT : FIELD_SCALAR;
    }
}

static bool is_required(const struct schema *schema, struct str name)
{
    for (size_t i = 0; schema != NULL && i < schema->required_count; i++)
        if (str_equal(schema->required[i], name))
            return true;
    return false;
}

static struct field none(const struct field *parent)
{
    return (struct field){.type = FIELD_NONE, .kind = parent->kind};
}

/* The member `key` of `container`, whose schema is `holder`. */
static struct field member_field(const struct field *parent, const struct schema *holder,
                                 const struct schema *schema, struct value container, struct str key)
{
    struct value value = value_get(container, key);
    if (value_type(value) == VALUE_NULL)
        value = VALUE_ABSENT;
    return (struct field){.type = field_type_of(schema),
                          .kind = parent->kind,
                          .schema = schema,
                          .value = value,
                          .parent = container,
                          .key = key,
                          .set = value_exists(value) || (schema->type == SCHEMA_MAP && parent->set),
                          .server_managed = parent->server_managed || schema->server_managed,
                          .required = is_required(holder, key)};
}

/* ---- the object's directory ---- */

/* Names in it that are never fields of the spec. */
static const char *const reserved[] = {"manifest.yaml", "status",  "events", "ctl",  "observed",
                                       "metadata",      "history", "owned",  "spec", "README"};

static bool is_reserved(struct str name)
{
    if (name.length != 0 && name.at[0] == '.')
        return true;
    for (size_t i = 0; i < COUNT(reserved); i++)
        if (str_is(name, reserved[i]))
            return true;
    return false;
}

static const struct schema *spec_schema(const struct kind *kind)
{
    return kind_form(kind)->spec;
}

/* Top-level fields that show as themselves: not those that the directory shows in another way. */
static bool is_plain_top(struct str name)
{
    static const char *const others[] = {"apiVersion", "kind", "metadata", "status"};
    for (size_t i = 0; i < COUNT(others); i++)
        if (str_is(name, others[i]))
            return false;
    return true;
}

static bool is_flattened_spec(const struct kind *kind, struct str name)
{
    return kind_form(kind)->spec != NULL && str_is(name, "spec");
}

static bool top_collides(const struct kind *kind, struct str name)
{
    return is_reserved(name) || schema_property(spec_schema(kind), name) != NULL;
}

static bool has_collisions(const struct kind *kind, int part)
{
    const struct schema *schema = part == PART_SPEC ? spec_schema(kind) : kind_form(kind)->schema;
    for (size_t i = 0; schema != NULL && i < schema->property_count; i++) {
        struct str name = schema->properties[i].name;
        if (part == PART_SPEC
                ? is_reserved(name)
                : is_plain_top(name) && !is_flattened_spec(kind, name) && top_collides(kind, name))
            return true;
    }
    return false;
}

struct field field_root(const struct kind *kind, struct value object)
{
    return (struct field){.type = FIELD_DIRECTORY,
                          .kind = kind,
                          .value = object,
                          .set = value_exists(object),
                          .required = true,
                          .root_part = PART_ROOT};
}

static struct field made_up(const struct field *root, int part)
{
    if (!has_collisions(root->kind, part))
        return none(root);
    struct field directory = *root;
    directory.root_part = part;
    return directory;
}

static struct field top_member(const struct field *root, struct str name)
{
    const struct schema *whole = kind_form(root->kind)->schema, *schema = schema_property(whole, name);
    return schema != NULL ? member_field(root, whole, schema, root->value, name) : none(root);
}

static struct field spec_member(const struct field *root, struct str name)
{
    const struct schema *spec = spec_schema(root->kind);
    const struct schema *schema = schema_property(spec, name);
    if (schema == NULL)
        return none(root);
    struct field field = member_field(root, spec, schema, value_at(root->value, "spec"), name);
    field.in_spec = true;
    return field;
}

static struct field root_child(const struct field *root, struct str name)
{
    const struct kind *kind = root->kind;
    if (root->root_part == PART_SPEC)
        return is_reserved(name) ? spec_member(root, name) : none(root);
    if (root->root_part == PART_TOP)
        return is_plain_top(name) && !is_flattened_spec(kind, name) && top_collides(kind, name)
                   ? top_member(root, name)
                   : none(root);
    if (str_is(name, "metadata")) {
        struct field metadata = top_member(root, name);
        metadata.set = root->set;
        metadata.required = true;
        return metadata;
    }
    if (str_is(name, "observed")) {
        struct field observed = top_member(root, STR("status"));
        observed.server_managed = true;
        return observed;
    }
    if (is_flattened_spec(kind, name))
        return made_up(root, PART_SPEC);
    if (str_is(name, ".top"))
        return made_up(root, PART_TOP);
    if (is_reserved(name))
        return none(root);
    if (schema_property(spec_schema(kind), name) != NULL)
        return spec_member(root, name);
    return is_plain_top(name) && !is_flattened_spec(kind, name) ? top_member(root, name) : none(root);
}

/* ---- lists ---- */

/* An entry's name depends on its keys alone: the first one, and behind hyphens those of the others that are
 * not the schema's default: 53 (TCP) and 53-UDP. Where names repeat, the second gets ~2, the third ~3. */
static void write_base_name(const struct schema *list, struct value element, size_t index, struct buf *name)
{
    struct str first =
        list->list_type == LIST_MAP ? value_str(value_get(element, list->list_keys[0])) : STR_NONE;
    if (first.length == 0) {
        buf_addf(name, "%zu", index);
        return;
    }
    field_encode(first, name);
    for (size_t i = 1; i < list->list_key_count; i++) {
        struct value key = value_get(element, list->list_keys[i]);
        const struct schema *schema = schema_property(list->items, list->list_keys[i]);
        if (!value_exists(key) || value_equal(key, schema->default_value))
            continue;
        buf_add_char(name, '-');
        field_encode(value_str(key), name);
    }
}

static bool has_base_name(const struct schema *list, struct value element, size_t index, struct str wanted,
                          struct buf *scratch)
{
    buf_clear(scratch);
    write_base_name(list, element, index, scratch);
    return str_equal(buf_str(scratch), wanted);
}

/* "web~2" is the second "web". */
static size_t cut_ordinal(struct str *name)
{
    int64_t ordinal;
    const char *tilde = memrchr(name->at, '~', name->length);
    if (tilde == NULL ||
        !str_to_int64((struct str){tilde + 1, (size_t)(name->at + name->length - tilde - 1)}, &ordinal) ||
        ordinal < 2)
        return 1;
    name->length = (size_t)(tilde - name->at);
    return (size_t)ordinal;
}

static struct value find_nth(const struct schema *list, struct value array, struct str base, size_t ordinal,
                             size_t *index)
{
    size_t i = 0;
    autobuf struct buf scratch = {0};
    value_each (element, array) {
        if (has_base_name(list, element, i, base, &scratch) && --ordinal == 0) {
            *index = i;
            return element;
        }
        i++;
    }
    return VALUE_ABSENT;
}

static struct value find_element(const struct schema *list, struct value array, struct str name,
                                 size_t *index)
{
    struct value found = find_nth(list, array, name, 1, index);
    if (value_exists(found) || name.length == 0)
        return found;
    struct str base = name;
    size_t ordinal = cut_ordinal(&base);
    return ordinal > 1 ? find_nth(list, array, base, ordinal, index) : VALUE_ABSENT;
}

static void visit_elements(const struct field *directory, field_visit *visit, void *context)
{
    size_t index = 0;
    autobuf struct buf name = {0}, scratch = {0};
    value_each (element, directory->value) {
        buf_clear(&name);
        write_base_name(directory->schema, element, index, &name);
        size_t before = 1, i = 0;
        if (directory->schema->list_type == LIST_MAP && directory->schema->repeatable)
            value_each (other, directory->value) {
                if (i == index)
                    break;
                before += has_base_name(directory->schema, other, i++, buf_str(&name), &scratch);
            }
        if (before > 1)
            buf_addf(&name, "~%zu", before);
        visit(context, buf_str(&name), FIELD_DIRECTORY);
        index++;
    }
}

static struct field element_child(const struct field *parent, struct str name, struct buf *scratch)
{
    size_t index = 0;
    struct value element = find_element(parent->schema, parent->value, name, &index);
    if (scratch != NULL) {
        buf_clear(scratch);
        buf_add_str(scratch, name);
        name = buf_str(scratch);
    }
    /* The schema has any name where names are keys, and any number elsewhere. */
    int64_t number;
    if (!value_exists(element) && parent->schema->list_type != LIST_MAP &&
        (!str_to_int64(name, &number) || number < 0 || number > (int64_t)value_count(parent->value)))
        return none(parent);
    return (struct field){.type = FIELD_DIRECTORY,
                          .kind = parent->kind,
                          .schema = parent->schema->items,
                          .value = element,
                          .parent = parent->value,
                          .key = name,
                          .index = index,
                          .set = value_exists(element),
                          .list_entry = true,
                          .list = parent->schema,
                          .server_managed = parent->server_managed};
}

/* ---- one step, and all of them ---- */

/* An entry of a map, or a member of an open object that is none of its properties. */
static struct field entry_child(const struct field *parent, const struct schema *schema, struct str name,
                                struct buf *scratch)
{
    autobuf struct buf own = {0};
    struct buf *decoded = scratch != NULL ? scratch : &own;
    buf_clear(decoded);
    if (!field_decode(name, decoded))
        return none(parent);
    struct field field = member_field(parent, NULL, schema, parent->value, buf_str(decoded));
    field.set = value_exists(field.value);
    field.map_entry = true;
    if (scratch == NULL)
        field.key = field.set ? value_key(field.value) : name;
    return field;
}

struct field field_child(const struct field *parent, struct str name, struct buf *scratch)
{
    if (parent->type != FIELD_DIRECTORY || name.length == 0)
        return none(parent);
    if (parent->root_part != PART_INSIDE)
        return root_child(parent, name);
    if (parent->schema->type == SCHEMA_MAP)
        return entry_child(parent, parent->schema->items, name, scratch);
    if (parent->schema->type == SCHEMA_ARRAY)
        return element_child(parent, name, scratch);
    const struct schema *schema = schema_property(parent->schema, name);
    if (schema == NULL)
        return parent->schema->open ? entry_child(parent, &schema_anything, name, scratch) : none(parent);
    struct field field = member_field(parent, parent->schema, schema, parent->value, name);
    for (size_t i = 0; parent->list != NULL && i < parent->list->list_key_count; i++)
        field.is_key |= str_equal(parent->list->list_keys[i], name);
    field.required |= field.is_key;
    return field;
}

struct field field_at(const struct kind *kind, struct value object, struct str path, struct buf *scratch)
{
    struct field field = field_root(kind, object);
    struct str name;
    while (path.length != 0 && str_split(&path, '/', &name))
        field = field_child(&field, name, scratch);
    return field;
}

static bool visit_entry(struct value entry, const struct schema *schema, field_visit *visit, void *context)
{
    autobuf struct buf name = {0};
    if (value_key(entry).length == 0)
        return true; /* no name of a file */
    field_encode(value_key(entry), &name);
    return visit(context, buf_str(&name), field_type_of(schema));
}

static bool visit_map(const struct field *directory, struct str after, field_visit *visit, void *context)
{
    autobuf struct buf key = {0};
    struct value member = after.length != 0 && field_decode(after, &key)
                              ? value_after(directory->value, buf_str(&key))
                              : value_first(directory->value);
    for (; value_exists(member); member = value_next(member))
        if (!visit_entry(member, directory->schema->items, visit, context))
            return false;
    return true;
}

static void visit_further(const struct field *directory, field_visit *visit, void *context)
{
    value_each (member, directory->value)
        if (schema_property(directory->schema, value_key(member)) == NULL)
            visit_entry(member, &schema_anything, visit, context);
}

static void visit_properties(const struct field *directory, const struct schema *schema, field_visit *visit,
                             void *context)
{
    for (size_t i = 0; schema != NULL && i < schema->property_count; i++) {
        struct str name = schema->properties[i].name;
        struct field child = field_child(directory, name, NULL);
        bool other =
            directory->root_part != PART_INSIDE && !child.in_spec; /* of that name in the directory */
        if (child.type != FIELD_NONE && !other && child.set)
            visit(context, name, child.type);
    }
}

static void visit_root(const struct field *root, field_visit *visit, void *context)
{
    const struct kind *kind = root->kind;
    const struct schema *schema = kind_form(kind)->schema;
    if (root->root_part == PART_ROOT) {
        struct field observed = field_child(root, STR("observed"), NULL);
        visit(context, STR("metadata"), FIELD_DIRECTORY);
        if (observed.set)
            visit(context, STR("observed"), FIELD_DIRECTORY);
    }
    if (root->root_part != PART_TOP)
        visit_properties(root, spec_schema(kind), visit, context);
    for (size_t i = 0; root->root_part != PART_SPEC && i < schema->property_count; i++) {
        struct str name = schema->properties[i].name;
        if (!is_plain_top(name) || is_flattened_spec(kind, name) || str_is(name, "spec"))
            continue;
        struct field child = field_child(root, name, NULL);
        if (child.set && !child.in_spec)
            visit(context, name, child.type);
    }
    if (root->root_part == PART_ROOT && made_up(root, PART_SPEC).type != FIELD_NONE)
        visit(context, STR("spec"), FIELD_DIRECTORY);
    if (root->root_part == PART_ROOT && made_up(root, PART_TOP).type != FIELD_NONE)
        visit(context, STR(".top"), FIELD_DIRECTORY);
}

bool field_list(const struct field *directory, struct str after, field_visit *visit, void *context)
{
    if (directory->type != FIELD_DIRECTORY)
        return true;
    if (directory->root_part != PART_INSIDE)
        visit_root(directory, visit, context);
    else if (directory->schema->type == SCHEMA_MAP)
        return visit_map(directory, after, visit, context);
    else if (directory->schema->type == SCHEMA_ARRAY)
        visit_elements(directory, visit, context);
    else
        visit_properties(directory, directory->schema, visit, context);
    if (directory->root_part == PART_INSIDE && directory->schema->open)
        visit_further(directory, visit, context);
    return true;
}
