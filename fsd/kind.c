#include "fsd/kind.h"

#include "fsd/compute.h"
#include "fsd/formats.h"
#include "fsd/jsonpath.h"
#include "fsd/schema.h"
#include "lib/file.h"
#include "lib/yaml.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

struct directory_name {
    struct str name;
    const struct kind *kind;
};

struct kinds {
    struct schema_set *set;
    struct kind **kinds;
    size_t count, capacity;
    struct directory_name
        *names; /* sorted; where a name comes twice the core group's or the first kind has it */
    size_t name_count;
};

/* ---- reading one kind ---- */

static int read_string(struct value from, const char *key, bool may_be_empty, struct str *out,
                       struct error **err)
{
    struct value v = value_get(from, str_of(key));
    if (value_type(v) != VALUE_STRING || (value_str(v).length == 0 && !may_be_empty))
        return error_make(err, EINVAL, "%s must be a string%s", key,
                          may_be_empty ? "" : " that is not empty");
    *out = value_str(v);
    return 0;
}

/* What every object has: a user's kind doesn't mention it. */
static void add_common_fields(struct value schema)
{
    if (value_exists(value_at(schema, "x-podtree-ref")))
        return;
    autodoc struct doc *old = doc_copy(value_at(schema, "properties"));
    struct value properties = value_set_object(schema, STR("properties"));
    value_setf(value_set_object(properties, STR("apiVersion")), STR("type"), "string");
    value_setf(value_set_object(properties, STR("kind")), STR("type"), "string");
    value_setf(value_set_object(properties, STR("metadata")), STR("x-podtree-ref"), "meta/v1.ObjectMeta");
    value_each (member, doc_root(old))
        if (!value_exists(value_get(properties, value_key(member))))
            value_set_copy(properties, value_key(member), member);
}

#define REASON "Reason"

static int read_column(struct column *column, struct value text, struct error **err)
{
    if (read_string(text, "name", false, &column->name, err) < 0 ||
        read_string(text, "type", false, &column->type, err) < 0)
        return -EINVAL;
    column->is_reason = str_is(column->name, REASON);
    column->priority = (int)value_int_or(value_at(text, "priority"), 0);
    column->status_form = value_str(value_at(text, "x-podtree-status"));
    column->in_status = column->status_form.length != 0;
    if (column->in_status && str_is(column->type, "date"))
        return error_make(err, EINVAL, "an age can't be part of the status line");
    struct value compute = value_at(text, "x-podtree-compute");
    if (!value_exists(compute)) {
        int result = read_string(text, "jsonPath", false, &column->path, err);
        return result < 0 || jsonpath_valid(column->path)
                   ? result
                   : error_make(err, EINVAL, "jsonPath is not understood");
    }
    column->compute = compute_find(value_str(compute));
    if (column->compute == NULL)
        return error_make(err, EINVAL, "there is no computed column " STR_FORMAT,
                          STR_ARGS(value_str(compute)));
    return 0;
}

/* Of a kind whose file has none: any object may be deleted and not go. */
static const struct column common_reason = {.name = STR(REASON),
                                            .priority = 1,
                                            .type = STR("string"),
                                            .is_reason = true,
                                            .in_status = true,
                                            .status_form = STR("reason=%")};

static int read_columns(struct schema_set *set, struct kind *kind, struct value list, struct error **err)
{
    struct column *columns = schema_set_memory(set, value_count(list) + 1, sizeof(*columns));
    bool has_reason = false;
    value_each (text, list) {
        if (read_column(&columns[kind->column_count], text, err) < 0)
            return error_wrap(err, "additionalPrinterColumns[%zu]", kind->column_count);
        has_reason |= columns[kind->column_count++].is_reason;
    }
    if (!has_reason)
        columns[kind->column_count++] = common_reason;
    kind->columns = columns;
    return 0;
}

static int read_verb(struct schema_set *set, struct verb *verb, struct value text, struct error **err)
{
    if (read_string(text, "name", false, &verb->name, err) < 0 ||
        read_string(text, "help", false, &verb->help, err) < 0 ||
        read_string(text, "annotation", false, &verb->annotation, err) < 0)
        return -EINVAL;
    static const struct str in_metadata[] = {STR("metadata"), STR("annotations")};
    verb->annotations = in_metadata;
    verb->annotations_depth = 2;
    struct value path = value_at(text, "annotations");
    if (value_exists(path))
        verb->annotations = schema_set_strings(set, path, &verb->annotations_depth, err);
    return verb->annotations != NULL ? 0 : error_wrap(err, "annotations");
}

static int read_verbs(struct schema_set *set, struct kind *kind, struct value list, struct error **err)
{
    struct verb *verbs = schema_set_memory(set, value_count(list), sizeof(*verbs));
    value_each (text, list) {
        if (read_verb(set, &verbs[kind->verb_count], text, err) < 0)
            return error_wrap(err, "x-podtree-verbs[%zu]", kind->verb_count);
        kind->verb_count++;
    }
    kind->verbs = verbs;
    return 0;
}

static int read_names(struct schema_set *set, struct kind *kind, struct value names, struct error **err)
{
    if (read_string(names, "kind", false, &kind->name, err) < 0 ||
        read_string(names, "plural", false, &kind->plural, err) < 0 ||
        read_string(names, "singular", false, &kind->singular, err) < 0)
        return error_wrap(err, "names");
    struct value shorts = value_at(names, "shortNames");
    if (value_exists(shorts)) {
        kind->short_names = schema_set_strings(set, shorts, &kind->short_name_count, err);
        if (kind->short_names == NULL)
            return error_wrap(err, "names: shortNames");
    }
    return 0;
}

static int read_permanent(struct schema_set *set, struct kind *kind, struct value list, struct error **err)
{
    if (!value_exists(list))
        return 0;
    if (kind->namespaced || !kind->live_when_empty)
        return error_make(err, EINVAL,
                          "x-podtree-permanent: only where objects are live when empty, and not namespaced");
    kind->permanent = schema_set_strings(set, list, &kind->permanent_count, err);
    return kind->permanent != NULL ? 0 : error_wrap(err, "x-podtree-permanent");
}

bool kind_is_permanent(const struct kind *kind, struct str name)
{
    for (size_t i = 0; i < kind->permanent_count; i++)
        if (str_equal(kind->permanent[i], name))
            return true;
    return false;
}

static int read_flags(struct kind *kind, struct value spec, struct error **err)
{
    struct value scope = value_at(spec, "scope");
    if (!value_is(scope, "Namespaced") && !value_is(scope, "Cluster"))
        return error_make(err, EINVAL, "scope must be Namespaced or Cluster");
    kind->namespaced = value_is(scope, "Namespaced");
    kind->live_when_empty = value_true(value_at(spec, "x-podtree-live-when-empty"));
    kind->spread = value_true(value_at(spec, "x-podtree-spread"));
    kind->memory_only = value_true(value_at(spec, "x-podtree-memory-only"));
    kind->node_field = value_str(value_at(spec, "x-podtree-node-field"));
    struct value name = value_at(spec, "x-podtree-name");
    kind->name_check = format_find(value_exists(name) ? value_str(name) : STR("dns-subdomain"));
    if (kind->name_check == NULL)
        return error_make(err, EINVAL, "x-podtree-name must be the name of a format");
    return 0;
}

static int read_version(struct schema_set *set, struct kind *kind, struct value version, struct error **err)
{
    if (read_string(version, "name", false, &kind->version, err) < 0)
        return -EINVAL;
    struct value schema = value_at(version, "schema", "openAPIV3Schema");
    if (value_type(schema) != VALUE_OBJECT)
        return error_make(err, EINVAL, "schema.openAPIV3Schema is missing");
    add_common_fields(schema);
    kind->schema = schema_read(set, schema, err);
    if (kind->schema == NULL)
        return error_wrap(err, "schema");
    kind->has_status = schema_property(kind->schema, STR("status")) != NULL;
    const struct schema *spec = schema_property(kind->schema, STR("spec"));
    kind->has_spec = spec != NULL && spec->type == SCHEMA_OBJECT;
    return read_columns(set, kind, value_at(version, "additionalPrinterColumns"), err);
}

static struct str join(struct schema_set *set, struct str a, char between, struct str b)
{
    size_t length = a.length + 1 + b.length;
    char *text = schema_set_memory(set, length + 1, 1);
    snprintf(text, length + 1, STR_FORMAT "%c" STR_FORMAT, STR_ARGS(a), between, STR_ARGS(b));
    return (struct str){text, length};
}

static int read_kind(struct schema_set *set, struct kind *kind, struct value manifest, struct error **err)
{
    if (!value_is(value_at(manifest, "kind"), "CustomResourceDefinition"))
        return error_make(err, EINVAL, "kind must be CustomResourceDefinition");
    struct value spec = value_at(manifest, "spec");
    struct value version = value_element(value_at(spec, "versions"), 0);
    if (!value_exists(version))
        return error_make(err, EINVAL, "spec.versions must have an element");
    if (read_string(spec, "group", true, &kind->group, err) < 0 ||
        read_names(set, kind, value_at(spec, "names"), err) < 0 || read_flags(kind, spec, err) < 0 ||
        read_verbs(set, kind, value_at(spec, "x-podtree-verbs"), err) < 0 ||
        read_permanent(set, kind, value_at(spec, "x-podtree-permanent"), err) < 0)
        return error_wrap(err, "spec");
    if (read_version(set, kind, version, err) < 0)
        return error_wrap(err, "spec.versions[0]");
    if (str_is(kind->group, KIND_CORE_GROUP))
        return error_make(err, EINVAL, "spec: group: \"" KIND_CORE_GROUP "\" stands for no group");
    bool core = kind->group.length == 0;
    kind->api_version = core ? kind->version : join(set, kind->group, '/', kind->version);
    kind->qualified = join(set, kind->plural, '.', core ? STR(KIND_CORE_GROUP) : kind->group);
    kind->resource = core ? kind->plural : kind->qualified;
    return 0;
}

/* ---- reading the directory ---- */

/* One kind of file, of which there is a directory. */
struct folder {
    const char *path, *suffix;
    struct doc *(*parse)(struct str text, struct error **err);
    /* `name`: of the file, without the suffix */
    int (*read)(struct kinds *kinds, struct str name, struct value root, struct error **err);
};

static int read_document(struct kinds *kinds, const struct folder *folder, const char *path,
                         struct value *root, struct error **err)
{
    autobuf struct buf text = {0};
    int result = file_read(path, &text, err);
    if (result < 0)
        return result;
    struct doc *doc = folder->parse(buf_str(&text), err);
    if (doc == NULL)
        return -EINVAL;
    schema_set_keep(kinds->set, doc);
    *root = doc_root(doc);
    return 0;
}

static int read_types(struct kinds *kinds, struct str name, struct value root, struct error **err)
{
    (void)name;
    return schema_set_define(kinds->set, root, err);
}

/* apps-v1.yaml has the rules of the package apps/v1. */
static int read_rules(struct kinds *kinds, struct str name, struct value root, struct error **err)
{
    autofree char *package = str_dup(name);
    char *dash = strrchr(package, '-');
    if (dash != NULL)
        *dash = '/';
    return schema_set_refine(kinds->set, str_of(package), root, err);
}

static int read_kind_file(struct kinds *kinds, struct str name, struct value root, struct error **err)
{
    (void)name;
    struct kind *kind = schema_set_memory(kinds->set, 1, sizeof(*kind));
    if (read_kind(kinds->set, kind, root, err) < 0)
        return -EINVAL;
    for (size_t i = 0; i < kinds->count; i++)
        if (str_equal(kinds->kinds[i]->group, kind->group) && str_equal(kinds->kinds[i]->name, kind->name))
            return error_make(err, EINVAL, STR_FORMAT " is there already", STR_ARGS(kind->name));
    kind->index = kinds->count;
    array_grow(kinds->kinds, kinds->count, kinds->capacity);
    kinds->kinds[kinds->count++] = kind;
    return 0;
}

/* What is in them builds on what is in those before. */
static const struct folder folders[] = {{"/types", ".json", doc_parse, read_types},
                                        {"/rules", ".yaml", yaml_parse, read_rules},
                                        {"", ".yaml", yaml_parse, read_kind_file}};

static int read_file(struct kinds *kinds, const struct folder *folder, const char *directory, struct str name,
                     struct error **err)
{
    autofree char *path = path_format("%s/" STR_FORMAT, directory, STR_ARGS(name));
    struct value root;
    name.length -= strlen(folder->suffix);
    int result = read_document(kinds, folder, path, &root, err);
    if (result == 0)
        result = folder->read(kinds, name, root, err);
    return result < 0 ? error_wrap(err, "%s", path) : 0;
}

/* Its files, in the order of names; the hidden ones are an editor's. */
static int read_folder(struct kinds *kinds, const struct folder *folder, const char *kinds_directory,
                       struct error **err)
{
    autofree char *directory = path_format("%s%s", kinds_directory, folder->path);
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, NULL, alphasort);
    if (count < 0)
        return error_errno(err, errno, "cannot read the kinds in %s", directory);
    int result = 0;
    for (int i = 0; i < count; i++) {
        struct str name = str_of(entries[i]->d_name);
        if (result == 0 && entries[i]->d_name[0] != '.' && str_ends(name, str_of(folder->suffix)))
            result = read_file(kinds, folder, directory, name, err);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static int compare_names(const void *a, const void *b)
{
    const struct directory_name *one = a, *other = b;
    int order = str_compare(one->name, other->name);
    if (order == 0)
        order = (one->kind->group.length != 0) - (other->kind->group.length != 0);
    return order != 0 ? order : (int)one->kind->index - (int)other->kind->index;
}

/* The bare plural and plural.group of each, and by which of them its directories go. */
static void index_names(struct kinds *kinds)
{
    struct directory_name *names = schema_set_memory(kinds->set, 2 * kinds->count, sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < kinds->count; i++) {
        const struct kind *kind = kinds->kinds[i];
        names[count++] = (struct directory_name){kind->plural, kind};
        names[count++] = (struct directory_name){kind->qualified, kind};
    }
    if (count != 0)
        qsort(names, count, sizeof(*names), compare_names);
    kinds->names = names;
    for (size_t i = 0; i < count; i++)
        if (kinds->name_count == 0 || !str_equal(names[kinds->name_count - 1].name, names[i].name))
            names[kinds->name_count++] = names[i];
    for (size_t i = 0; i < kinds->count; i++) {
        struct kind *kind = kinds->kinds[i];
        kind->directory = kinds_by_directory(kinds, kind->plural) == kind ? kind->plural : kind->qualified;
    }
}

int kinds_load(const char *directory, struct kinds **out, struct error **err)
{
    struct kinds *kinds = memory_zeroed(1, sizeof(*kinds));
    kinds->set = schema_set_new();
    int result = 0;
    for (size_t i = 0; i < COUNT(folders) && result == 0; i++)
        result = read_folder(kinds, &folders[i], directory, err);
    if (result == 0 && schema_set_read_all(kinds->set, err) < 0)
        result = error_wrap(err, "%s", directory);
    if (result < 0) {
        kinds_free(kinds);
        return result;
    }
    index_names(kinds);
    *out = kinds;
    return 0;
}

void kinds_free(struct kinds *kinds)
{
    if (kinds == NULL)
        return;
    schema_set_free(kinds->set);
    free(kinds->kinds);
    free(kinds);
}

/* ---- looking up ---- */

size_t kinds_count(const struct kinds *kinds)
{
    return kinds->count;
}

const struct kind *kinds_at(const struct kinds *kinds, size_t index)
{
    return index < kinds->count ? kinds->kinds[index] : NULL;
}

static int compare_name(const void *name, const void *entry)
{
    return str_compare(*(const struct str *)name, ((const struct directory_name *)entry)->name);
}

const struct kind *kinds_by_directory(const struct kinds *kinds, struct str name)
{
    const struct directory_name *found =
        bsearch(&name, kinds->names, kinds->name_count, sizeof(*kinds->names), compare_name);
    return found != NULL ? found->kind : NULL;
}

/* Nothing fits: what comes near? */
static int unknown_kind(const struct kinds *kinds, struct str api_version, struct str name,
                        struct error **err)
{
    const struct kind *nearest = NULL;
    size_t distance = 4;
    for (size_t i = 0; i < kinds->count; i++) {
        const struct kind *kind = kinds->kinds[i];
        if (str_equal(kind->name, name))
            return error_make(err, EINVAL,
                              "no kind \"" STR_FORMAT "\" in \"" STR_FORMAT
                              "\": its apiVersion is " STR_FORMAT,
                              STR_ARGS(name), STR_ARGS(api_version), STR_ARGS(kind->api_version));
        size_t from_here = str_distance(kind->name, name, distance);
        if (from_here < distance) {
            distance = from_here;
            nearest = kind;
        }
    }
    if (nearest != NULL)
        return error_make(err, EINVAL,
                          "no kind \"" STR_FORMAT "\" in \"" STR_FORMAT "\": did you mean \"" STR_FORMAT
                          "\" (" STR_FORMAT ")?",
                          STR_ARGS(name), STR_ARGS(api_version), STR_ARGS(nearest->name),
                          STR_ARGS(nearest->api_version));
    return error_make(err, EINVAL,
                      "no kind \"" STR_FORMAT "\" in \"" STR_FORMAT "\": api/ has those that there are",
                      STR_ARGS(name), STR_ARGS(api_version));
}

const struct kind *kinds_by_manifest(const struct kinds *kinds, struct value manifest, struct error **err)
{
    if (value_type(manifest) != VALUE_OBJECT) {
        error_make(err, EINVAL, "a manifest must be a mapping with apiVersion and kind");
        return NULL;
    }
    struct str api_version = value_str(value_get(manifest, STR("apiVersion")));
    struct str name = value_str(value_get(manifest, STR("kind")));
    if (api_version.length == 0 || name.length == 0) {
        error_make(err, EINVAL, "%s: is required", api_version.length == 0 ? "apiVersion" : "kind");
        return NULL;
    }
    for (size_t i = 0; i < kinds->count; i++) {
        const struct kind *kind = kinds->kinds[i];
        if (str_equal(kind->name, name) && str_equal(kind->api_version, api_version))
            return kind;
    }
    unknown_kind(kinds, api_version, name, err);
    return NULL;
}
