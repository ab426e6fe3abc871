#include "nodeagent/effect.h"

#include "lib/file.h"
#include "nodeagent/document.h"
#include "nodeagent/security.h"
#include "nodeagent/volume_files.h"

struct field {
    const char *member, *cause;
    const char *harmless; /* the value with which nothing is asked for, as JSON; NULL: only an empty one */
};

static const struct field of_spec[] = {
    {"hostUsers", "there are no user namespaces", "true"},
    {"ephemeralContainers", "use podtree exec", NULL},
    {"resources", "only those of containers count", NULL},
    {"topologySpreadConstraints", "the scheduler doesn't look at it", NULL},
    {"automountServiceAccountToken", "this cluster issues none", "false"},
};
static const struct field of_affinity[] = {
    {"podAffinity", "the scheduler doesn't look at it", NULL},
    {"podAntiAffinity", "the scheduler doesn't look at it", NULL},
};
static const struct field of_node_affinity[] = {
    {"preferredDuringSchedulingIgnoredDuringExecution", "the scheduler looks at what is required", NULL},
};
static const struct field of_container[] = {
    {"resizePolicy", "resources are changed by making the container anew", NULL},
};
/* Of the securityContext of a pod or a container. */
static const struct field of_security[] = {
    {"appArmorProfile", "AppArmor is not used", "{\"type\":\"Unconfined\"}"},
    {"seLinuxOptions", "SELinux is not used", NULL},
    {"seLinuxChangePolicy", "SELinux is not used", "\"\""},
    {"windowsOptions", "the node runs Linux", NULL},
};
static const struct field refused_of_spec[] = {
    {"runtimeClassName", "the node has one runtime", "\"\""},
    {"resourceClaims", "the node has no devices to claim", NULL},
};
static const struct field refused_of_container[] = {
    {"volumeDevices", "the node has no block volumes", NULL},
};

static bool asks_for(struct value v, const char *harmless)
{
    enum value_type type = value_type(v);
    if (type == VALUE_NONE || type == VALUE_NULL)
        return false;
    if ((type == VALUE_ARRAY || type == VALUE_OBJECT) && value_count(v) == 0)
        return false;
    autobuf struct buf text = {0};
    value_write(&text, v);
    return harmless == NULL || !str_is(buf_str(&text), harmless);
}

static void say(struct buf *out, struct str where, const char *member, const char *cause)
{
    buf_addf(out, "%s" STR_FORMAT ".%s (%s)", out->length != 0 ? ", " : "", STR_ARGS(where), member, cause);
}

static void find(struct buf *out, struct value object, struct str where, const struct field *fields,
                 size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (asks_for(value_get(object, str_of(fields[i].member)), fields[i].harmless))
            say(out, where, fields[i].member, fields[i].cause);
}

static void add_place(struct buf *where, const char *list, struct value member)
{
    buf_addf(where, "spec.%s[" STR_FORMAT "]", list, STR_ARGS(value_str(value_get(member, STR("name")))));
}

static void find_capabilities(struct buf *out, struct value context, struct str where)
{
    static const char *const lists[] = {"add", "drop"};
    for (size_t i = 0; i < COUNT(lists); i++)
        value_each (name, value_at(context, "capabilities", lists[i])) {
            autofree char *member =
                path_format("capabilities.%s " STR_FORMAT, lists[i], STR_ARGS(value_str(name)));
            if (!security_is_capability(value_str(name)))
                say(out, where, member, "there is no such capability");
        }
}

static void find_in_security(struct buf *out, struct value object, struct str where)
{
    struct value context = value_get(object, STR("securityContext"));
    autobuf struct buf inside = {0};
    buf_addf(&inside, STR_FORMAT ".securityContext", STR_ARGS(where));
    find(out, context, buf_str(&inside), of_security, COUNT(of_security));
    find_capabilities(out, context, buf_str(&inside));
}

/* Of containers that nobody runs too: who asks for one shall know it all. */
static void find_in_securities(struct buf *out, struct value spec)
{
    find_in_security(out, spec, STR("spec"));
    for (size_t i = 0; i < DOCUMENT_LISTS; i++)
        value_each (container, value_get(spec, str_of(document_container_lists[i]))) {
            autobuf struct buf where = {0};
            add_place(&where, document_container_lists[i], container);
            find_in_security(out, container, buf_str(&where));
        }
}

static void find_in_containers(struct buf *out, struct value spec, const struct field *fields, size_t count)
{
    for (size_t i = 0; i < DOCUMENT_LISTS_RUN; i++)
        value_each (container, value_get(spec, str_of(document_container_lists[i]))) {
            autobuf struct buf where = {0};
            add_place(&where, document_container_lists[i], container);
            find(out, container, buf_str(&where), fields, count);
        }
}

/* In the host's network a port is the host's by itself. */
static void find_host_ports(struct buf *out, struct value spec)
{
    if (value_true(value_get(spec, STR("hostNetwork"))))
        return;
    for (size_t i = 0; i < DOCUMENT_LISTS_RUN; i++)
        value_each (container, value_get(spec, str_of(document_container_lists[i])))
            value_each (port, value_get(container, STR("ports"))) {
                int64_t number = value_int_or(value_get(port, STR("hostPort")), 0);
                autobuf struct buf where = {0};
                add_place(&where, document_container_lists[i], container);
                autofree char *member = path_format("ports.hostPort %lld", (long long)number);
                if (number != 0)
                    say(out, buf_str(&where), member, "it is reserved, nothing is forwarded to the pod");
            }
}

static void find_in_volumes(struct buf *out, struct value spec)
{
    value_each (volume, value_get(spec, STR("volumes"))) {
        const char *source = volume_files_unsupported(volume);
        autobuf struct buf where = {0};
        add_place(&where, "volumes", volume);
        buf_add_text(&where, ".projected.sources");
        if (source != NULL)
            say(out, buf_str(&where), source, "this cluster issues none");
    }
}

void effect_missing(struct buf *out, struct value pod)
{
    struct value spec = value_get(pod, STR("spec"));
    find(out, spec, STR("spec"), of_spec, COUNT(of_spec));
    find(out, value_at(spec, "affinity"), STR("spec.affinity"), of_affinity, COUNT(of_affinity));
    find(out, value_at(spec, "affinity", "nodeAffinity"), STR("spec.affinity.nodeAffinity"), of_node_affinity,
         COUNT(of_node_affinity));
    find_in_containers(out, spec, of_container, COUNT(of_container));
    find_host_ports(out, spec);
    find_in_volumes(out, spec);
    find_in_securities(out, spec);
}

void effect_refused(struct buf *out, struct value pod)
{
    struct value spec = value_get(pod, STR("spec"));
    find(out, spec, STR("spec"), refused_of_spec, COUNT(refused_of_spec));
    find_in_containers(out, spec, refused_of_container, COUNT(refused_of_container));
}
