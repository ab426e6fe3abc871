#include "fsd/kind_read.h"

#include "fsd/compute.h"
#include "fsd/convert.h"
#include "fsd/formats.h"
#include "fsd/jsonpath.h"
#include "fsd/structural.h"
#include <errno.h>
#include <stdio.h>

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

/* A user's column with a path that isn't understood is empty, as in Kubernetes. */
static int read_column(struct column *column, struct value text, bool custom, struct error **err)
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
        return result < 0 || custom || jsonpath_valid(column->path)
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

static int read_columns(struct schema_set *set, struct kind_form *form, struct value list, bool custom,
                        struct error **err)
{
    struct column *columns = schema_set_memory(set, value_count(list) + 1, sizeof(*columns));
    bool has_reason = false;
    value_each (text, list) {
        if (read_column(&columns[form->column_count], text, custom, err) < 0)
            return error_wrap(err, "additionalPrinterColumns[%zu]", form->column_count);
        has_reason |= columns[form->column_count++].is_reason;
    }
    if (!has_reason)
        columns[form->column_count++] = common_reason;
    form->columns = columns;
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

static int read_names(struct schema_set *set, struct kind *kind, struct kind_form *form, struct value names,
                      struct error **err)
{
    if (read_string(names, "kind", false, &kind->name, err) < 0 ||
        read_string(names, "plural", false, &kind->plural, err) < 0 ||
        read_string(names, "singular", false, &form->singular, err) < 0)
        return error_wrap(err, "names");
    struct value shorts = value_at(names, "shortNames");
    if (value_exists(shorts)) {
        form->short_names = schema_set_strings(set, shorts, &form->short_name_count, err);
        if (form->short_names == NULL)
            return error_wrap(err, "names: shortNames");
    }
    return 0;
}

static int read_permanent(struct schema_set *set, struct kind *kind, struct value list, struct error **err)
{
    if (!value_exists(list))
        return 0;
    struct permanent *permanent = schema_set_memory(set, value_count(list) + 1, sizeof(*permanent));
    if (kind->namespaced || value_type(list) != VALUE_ARRAY)
        return error_make(err, EINVAL,
                          "x-podtree-permanent: must be a list, and only where objects are not namespaced");
    value_each (object, list) {
        bool named = value_type(object) == VALUE_STRING;
        struct str name = value_str(named ? object : value_at(object, "metadata", "name"));
        if (name.length == 0 || (named && !kind->live_when_empty))
            return error_make(err, EINVAL,
                              "x-podtree-permanent: must be objects with metadata.name, or only names where "
                              "objects are live when empty");
        permanent[kind->permanent_count++] = (struct permanent){name, named ? VALUE_ABSENT : object};
    }
    kind->permanent = permanent;
    return 0;
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
    kind->defines = value_true(value_at(spec, "x-podtree-defines"));
    kind->node_field = value_str(value_at(spec, "x-podtree-node-field"));
    kind->template = value_at(spec, "x-podtree-template");
    struct value name = value_at(spec, "x-podtree-name");
    kind->name_check = format_find(value_exists(name) ? value_str(name) : STR("dns-subdomain"));
    if (kind->name_check == NULL)
        return error_make(err, EINVAL, "x-podtree-name must be the name of a format");
    return 0;
}

static struct str join(struct schema_set *set, struct str a, char between, struct str b)
{
    size_t length = a.length + 1 + b.length;
    char *text = schema_set_memory(set, length + 1, 1);
    snprintf(text, length + 1, STR_FORMAT "%c" STR_FORMAT, STR_ARGS(a), between, STR_ARGS(b));
    return (struct str){text, length};
}

static struct str api_version(struct schema_set *set, const struct kind *kind, struct str version)
{
    return kind->group.length == 0 ? version : join(set, kind->group, '/', version);
}

static int read_version(struct schema_set *set, const struct kind *kind, struct kind_version *version,
                        struct value text, struct error **err)
{
    if (read_string(text, "name", false, &version->name, err) < 0)
        return -EINVAL;
    struct value schema = value_at(text, "schema", "openAPIV3Schema");
    if (value_type(schema) != VALUE_OBJECT)
        return error_make(err, EINVAL, "schema.openAPIV3Schema is missing");
    version->api_version = api_version(set, kind, version->name);
    if (!kind->custom)
        add_common_fields(schema);
    version->schema = kind->custom ? schema_read_custom(set, schema, err) : schema_read(set, schema, err);
    if (version->schema == NULL)
        return error_wrap(err, "schema");
    struct value conversion = value_at(text, "x-podtree-convert");
    version->convert = convert_find(value_str(conversion));
    if (value_exists(conversion) && version->convert == NULL)
        return error_make(err, EINVAL, "there is no conversion " STR_FORMAT, STR_ARGS(value_str(conversion)));
    return 0;
}

/* Its objects are kept as that version says. */
static int read_stored(struct schema_set *set, const struct kind *kind, struct kind_form *form,
                       struct value text, struct error **err)
{
    form->api_version = form->versions[0].api_version;
    form->schema = form->versions[0].schema;
    if (value_exists(value_at(text, "subresources", "status")))
        form->status = schema_property(form->schema, STR("status"));
    const struct schema *spec = schema_property(form->schema, STR("spec"));
    form->spec = spec != NULL && spec->type == SCHEMA_OBJECT ? spec : NULL;
    return read_columns(set, form, value_at(text, "additionalPrinterColumns"), kind->custom, err);
}

/* What is neither served nor kept is of no interest. */
static int read_versions(struct schema_set *set, const struct kind *kind, struct kind_form *form,
                         struct value list, struct error **err)
{
    struct kind_version *versions = schema_set_memory(set, value_count(list) + 1, sizeof(*versions));
    struct value stored = VALUE_ABSENT;
    size_t index = 0, stored_index = 0, count = 1;
    value_each (text, list) {
        bool is_stored = value_true(value_at(text, "storage"));
        struct kind_version *version = is_stored ? &versions[0] : &versions[count];
        if ((is_stored || value_true(value_at(text, "served"))) &&
            read_version(set, kind, version, text, err) < 0)
            return error_wrap(err, "spec.versions[%zu]", index);
        if (is_stored) {
            stored = text;
            stored_index = index;
        } else if (version->schema != NULL) {
            count++;
        }
        index++;
    }
    if (!value_exists(stored))
        return error_make(err, EINVAL, "spec.versions: in one of them objects have to be stored");
    form->versions = versions;
    form->version_count = count;
    if (read_stored(set, kind, form, stored, err) < 0)
        return error_wrap(err, "spec.versions[%zu]", stored_index);
    return 0;
}

int kind_read(struct schema_set *set, struct value manifest, bool built_in, struct kind **out,
              struct error **err)
{
    struct kind *kind = schema_set_memory(set, 1, sizeof(*kind));
    struct kind_form *form = schema_set_memory(set, 1, sizeof(*form));
    if (!value_is(value_at(manifest, "kind"), "CustomResourceDefinition"))
        return error_make(err, EINVAL, "kind must be CustomResourceDefinition");
    kind->custom = !built_in;
    struct value spec = value_at(manifest, "spec");
    if (read_string(spec, "group", true, &kind->group, err) < 0 ||
        read_names(set, kind, form, value_at(spec, "names"), err) < 0 || read_flags(kind, spec, err) < 0 ||
        read_verbs(set, kind, value_at(spec, "x-podtree-verbs"), err) < 0 ||
        read_permanent(set, kind, value_at(spec, "x-podtree-permanent"), err) < 0)
        return error_wrap(err, "spec");
    if (str_is(kind->group, KIND_CORE_GROUP))
        return error_make(err, EINVAL, "spec: group: \"" KIND_CORE_GROUP "\" stands for no group");
    if (read_versions(set, kind, form, value_at(spec, "versions"), err) < 0)
        return -EINVAL;
    form->generations = form->spec != NULL || kind->custom;
    bool core = kind->group.length == 0;
    kind->qualified = join(set, kind->plural, '.', core ? STR(KIND_CORE_GROUP) : kind->group);
    kind->resource = core ? kind->plural : kind->qualified;
    atomic_init(&kind->form, form);
    *out = kind;
    return 0;
}

void kind_read_in_vain(struct value manifest, struct buf *out)
{
    struct value spec = value_at(manifest, "spec");
    struct step at_spec = STEP_MEMBER(NULL, STR("spec")), list = STEP_MEMBER(&at_spec, STR("versions"));
    autobuf struct buf first = {0};
    size_t count = 0, index = 0;
    value_each (version, value_at(spec, "versions")) {
        struct step at_version = STEP_ELEMENT(&list, index++);
        struct step at_schema = STEP_MEMBER(&at_version, STR("schema"));
        struct step at = STEP_MEMBER(&at_schema, STR("openAPIV3Schema"));
        autobuf struct buf where = {0};
        count += structural_validations(&at, value_at(version, "schema", "openAPIV3Schema"), &where);
        if (first.length == 0)
            buf_add_str(&first, buf_str(&where));
    }
    if (count != 0)
        buf_addf(out, "%zu rule%s in CEL (x-kubernetes-validations, the first at %s)", count,
                 count != 1 ? "s" : "", first.at);
    if (value_is(value_at(spec, "conversion", "strategy"), "Webhook"))
        buf_addf(out, "%sspec.conversion (between versions only the apiVersion changes)",
                 count != 0 ? ", " : "");
}
