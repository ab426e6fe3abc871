#include "nodeagent/environment.h"

#include "lib/base64.h"
#include "lib/utf8.h"
#include "nodeagent/downward.h"
#include "nodeagent/expand.h"
#include <errno.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static struct str text_at(struct value v, const char *member)
{
    return value_str(value_get(v, str_of(member)));
}

/* ---- what a variable may be ---- */

/* Since Kubernetes 1.30 the kubelet takes any key of a ConfigMap or Secret as a name, and since 1.32 the API
 * takes, for env and for prefixes, all that is printable ASCII and not '='. This is that rule. Keys always
 * follow it; a prefix does where the pod has been checked. */
static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.length; i++)
        if (name.at[i] < ' ' || name.at[i] > '~' || name.at[i] == '=')
            return false;
    return name.length != 0;
}

/* Bytes that neither are UTF-8 nor could be handed to a process: Kubernetes fails on them when it talks to
 * the container runtime. */
static bool is_text(struct str text)
{
    const char *end = text.at + text.length;
    for (const char *at = text.at; at != end;) {
        uint32_t code;
        size_t length = utf8_decode(at, end, &code);
        if (length == 0 || code == 0)
            return false;
        at += length;
    }
    return true;
}

static int set_variable(struct value variables, struct str name, struct str text, struct error **err)
{
    if (text.length == 0)
        text = STR("");
    if (!is_text(text))
        return error_make(err, EILSEQ, "the value for variable " STR_FORMAT " is no text", STR_ARGS(name));
    value_set_str(variables, name, text);
    return 0;
}

/* ---- ConfigMaps and Secrets ---- */

static struct str namespace_of(const struct environment_input *input)
{
    return value_str(value_at(input->pod, "metadata", "namespace"));
}

/* The object that `reference` names. Absent, without an error, when it isn't there and needn't be. */
static int find(const struct environment_input *input, const struct reference_kind *kind,
                struct value reference, struct value *object, struct error **err)
{
    struct str name = text_at(reference, "name");
    *object = input->find != NULL ? input->find(input->context, kind->kind, name) : VALUE_ABSENT;
    if (value_exists(*object) || value_true(value_get(reference, STR("optional"))))
        return 0;
    return error_make(err, ENOENT, "%s \"" STR_FORMAT "\" not found", kind->called, STR_ARGS(name));
}

static int decode(const struct environment_input *input, const struct reference_kind *kind, struct str object,
                  struct value entry, struct buf *text, struct error **err)
{
    if (!kind->encoded)
        buf_add_str(text, value_str(entry));
    else if (!base64_decode(value_str(entry), text))
        return error_make(err, EINVAL, "key " STR_FORMAT " in %s " STR_FORMAT "/" STR_FORMAT " is not base64",
                          STR_ARGS(value_key(entry)), kind->kind, STR_ARGS(namespace_of(input)),
                          STR_ARGS(object));
    return 0;
}

/* ---- envFrom ---- */

static int compare_texts(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static void warn_of_skipped(const struct environment_input *input, const struct reference_kind *kind,
                            struct str object, struct value skipped)
{
    size_t count = value_count(skipped), i = 0;
    if (count == 0 || input->warn == NULL)
        return;
    autofree struct str *names = memory_zeroed(count, sizeof(*names));
    value_each (name, skipped)
        names[i++] = value_str(name);
    qsort(names, count, sizeof(*names), compare_texts);
    autobuf struct buf sentence = {0};
    buf_add_text(&sentence, "Keys [");
    for (i = 0; i < count; i++)
        buf_addf(&sentence, "%s" STR_FORMAT, i != 0 ? ", " : "", STR_ARGS(names[i]));
    buf_addf(&sentence,
             "] from the EnvFrom %s " STR_FORMAT "/" STR_FORMAT
             " were skipped since they are considered invalid environment variable names.",
             kind->member, STR_ARGS(namespace_of(input)), STR_ARGS(object));
    input->warn(input->context, sentence.at);
}

static int add_entries(struct value variables, const struct environment_input *input,
                       const struct reference_kind *kind, struct str prefix, struct str object,
                       struct value data, struct error **err)
{
    autodoc struct doc *notes = doc_new();
    struct value skipped = value_set_array(doc_root(notes), STR("skipped"));
    value_each (entry, data) {
        autobuf struct buf name = {0}, text = {0};
        buf_add_str(&name, prefix);
        buf_add_str(&name, value_key(entry));
        if (!is_name(buf_str(&name))) {
            value_append_str(skipped, buf_str(&name));
            continue;
        }
        int result = decode(input, kind, object, entry, &text, err);
        if (result == 0)
            result = set_variable(variables, buf_str(&name), buf_str(&text), err);
        if (result < 0)
            return result;
    }
    warn_of_skipped(input, kind, object, skipped);
    return 0;
}

static int add_whole_objects(struct value variables, const struct environment_input *input,
                             struct error **err)
{
    value_each (from, value_get(input->container, STR("envFrom"))) {
        for (size_t i = 0; i < REFERENCE_KINDS; i++) {
            struct value reference = value_get(from, str_of(reference_kinds[i].whole)), object;
            if (value_type(reference) != VALUE_OBJECT)
                continue;
            int result = find(input, &reference_kinds[i], reference, &object, err);
            if (result == 0)
                result = add_entries(variables, input, &reference_kinds[i], text_at(from, "prefix"),
                                     text_at(reference, "name"), value_get(object, STR("data")), err);
            if (result < 0)
                return result;
        }
    }
    return 0;
}

/* ---- valueFrom: keys ---- */

/* Resolvers return 1 when *text is the value, 0 when there is none and needn't be. */
static int resolve_key(const struct environment_input *input, const struct reference_kind *kind,
                       struct value reference, struct buf *text, struct error **err)
{
    struct value object;
    int result = find(input, kind, reference, &object, err);
    if (result < 0 || !value_exists(object))
        return result;
    struct str key = text_at(reference, "key"), name = text_at(reference, "name");
    struct value entry = value_get(value_get(object, STR("data")), key);
    if (value_exists(entry)) {
        result = decode(input, kind, name, entry, text, err);
        return result < 0 ? result : 1;
    }
    if (value_true(value_get(reference, STR("optional"))))
        return 0;
    return error_make(err, ENOENT, "couldn't find key " STR_FORMAT " in %s " STR_FORMAT "/" STR_FORMAT,
                      STR_ARGS(key), kind->kind, STR_ARGS(namespace_of(input)), STR_ARGS(name));
}

/* ---- valueFrom: fields ---- */

/* A pod on the host's network has its addresses. */
static const char *pod_addresses(const struct environment_input *input)
{
    bool shared = value_true(value_at(input->pod, "spec", "hostNetwork"));
    return input->pod_addresses == NULL && shared ? input->host_addresses : input->pod_addresses;
}

static void add_field(struct buf *text, struct value pod, const char *part, const char *member)
{
    buf_add_str(text, value_str(value_at(pod, part, member)));
}

static void add_addresses(struct buf *text, const char *addresses, bool all)
{
    struct str rest = str_of(addresses), first = STR_NONE;
    buf_add_str(text, all || !str_split(&rest, ',', &first) ? str_of(addresses) : first);
}

static const struct {
    const char *path, *part, *member; /* of the pod */
} fields[] = {
    {"metadata.name", "metadata", "name"},
    {"metadata.namespace", "metadata", "namespace"},
    {"metadata.uid", "metadata", "uid"},
    {"spec.nodeName", "spec", "nodeName"},
    {"spec.serviceAccountName", "spec", "serviceAccountName"},
};

static const struct {
    const char *path;
    bool of_host, all;
} address_fields[] = {
    {"status.hostIP", true, false},
    {"status.hostIPs", true, true},
    {"status.podIP", false, false},
    {"status.podIPs", false, true},
};

static int resolve_field(const struct environment_input *input, struct value reference, struct buf *text,
                         struct error **err)
{
    struct str path = text_at(reference, "fieldPath");
    for (size_t i = 0; i < COUNT(fields); i++) {
        if (!str_is(path, fields[i].path))
            continue;
        add_field(text, input->pod, fields[i].part, fields[i].member);
        return 1;
    }
    for (size_t i = 0; i < COUNT(address_fields); i++) {
        if (!str_is(path, address_fields[i].path))
            continue;
        add_addresses(text, address_fields[i].of_host ? input->host_addresses : pod_addresses(input),
                      address_fields[i].all);
        return 1;
    }
    if (downward_subscripted(input->pod, path, text))
        return 1;
    return error_make(err, EINVAL, "field label not supported: " STR_FORMAT, STR_ARGS(path));
}

/* ---- valueFrom: resources ---- */

/* Of the container itself, or of one that is named. The node stands in for the limits of the container whose
 * environment this is, whatever it is, but of those named only where they are no init containers: the kubelet
 * does so (defaultPodLimitsForDownwardAPI). */
static int resolve_resource(const struct environment_input *input, struct value reference, struct buf *text,
                            struct error **err)
{
    struct str name = text_at(reference, "containerName");
    struct value container = input->container;
    bool initial = false;
    int result = 0;
    if (name.length != 0)
        result = downward_container(input->pod, name, &container, &initial, err);
    if (result == 0)
        result =
            downward_resource(container, reference, initial ? VALUE_ABSENT : input->allocatable, text, err);
    return result < 0 ? result : 1;
}

/* ---- env ---- */

static int resolve(const struct environment_input *input, struct value from, struct buf *text,
                   struct error **err)
{
    struct value field = value_get(from, STR("fieldRef"));
    if (value_type(field) == VALUE_OBJECT)
        return resolve_field(input, field, text, err);
    struct value resource = value_get(from, STR("resourceFieldRef"));
    if (value_type(resource) == VALUE_OBJECT)
        return resolve_resource(input, resource, text, err);
    for (size_t i = 0; i < REFERENCE_KINDS; i++) {
        struct value reference = value_get(from, str_of(reference_kinds[i].one));
        if (value_type(reference) == VALUE_OBJECT)
            return resolve_key(input, &reference_kinds[i], reference, text, err);
    }
    return 1;
}

/* A value, with what is known so far put in for $(NAME); where there is none, what valueFrom says, as it
 * stands. A variable that is optional and not there leaves what there is of that name. */
static int add_own(struct value variables, const struct environment_input *input, struct error **err)
{
    value_each (variable, value_get(input->container, STR("env"))) {
        autobuf struct buf text = {0};
        struct str own = text_at(variable, "value");
        int result = 1;
        if (own.length != 0)
            expand(&text, own, variables);
        else
            result = resolve(input, value_get(variable, STR("valueFrom")), &text, err);
        if (result > 0)
            result = set_variable(variables, text_at(variable, "name"), buf_str(&text), err);
        if (result < 0)
            return result;
    }
    return 0;
}

struct doc *environment_variables(const struct environment_input *input, struct error **err)
{
    autodoc struct doc *doc = value_exists(input->services) ? doc_copy(input->services) : doc_new();
    if (add_whole_objects(doc_root(doc), input, err) < 0 || add_own(doc_root(doc), input, err) < 0)
        return NULL;
    return take_pointer(doc);
}

/* ---- the whole ---- */

/* Splits NAME=VALUE and sets it; an image takes a variable away by its mere name. */
static void set_assignment(struct value environment, struct str assignment)
{
    struct str name;
    if (!str_split(&assignment, '=', &name) || name.length == 0)
        return;
    if (assignment.at == NULL)
        value_unset(environment, name);
    else
        value_set_str(environment, name, assignment);
}

void environment_write(struct value list, struct value image, const char *hostname, bool terminal,
                       struct value variables)
{
    autodoc struct doc *all = doc_new();
    value_set_str(doc_root(all), STR("PATH"), STR(DEFAULT_PATH));
    if (terminal)
        value_set_str(doc_root(all), STR("TERM"), STR("xterm"));
    value_set_str(doc_root(all), STR("HOSTNAME"), str_of(hostname));
    value_each (assignment, value_get(image, STR("Env")))
        set_assignment(doc_root(all), value_str(assignment));
    value_each (variable, variables)
        value_set_copy(doc_root(all), value_key(variable), variable);
    value_each (variable, doc_root(all)) {
        autobuf struct buf text = {0};
        buf_add_str(&text, value_key(variable));
        buf_add_char(&text, '=');
        buf_add_str(&text, value_str(variable));
        value_append_str(list, buf_str(&text));
    }
}
