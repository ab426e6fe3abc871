#include "nodeagent/effect.h"

#include "lib/file.h"
#include "nodeagent/document.h"
#include "nodeagent/quality.h"
#include "nodeagent/security.h"
#include "nodeagent/volume_files.h"

struct field {
    const char *path; /* from the object that it is searched in: "resources.claims" */
    const char *cause;
    const char *harmless; /* the value with which nothing is asked for, as JSON; NULL: only an empty one */
};

#define NOT_PLACED_BY "the scheduler doesn't look at it"

static const struct field of_spec[] = {
    {"hostUsers", "there are no user namespaces", "true"},
    {"ephemeralContainers", "use podtree exec", NULL},
    {"resources", "only those of containers count", NULL},
    {"topologySpreadConstraints", NOT_PLACED_BY, NULL},
    {"automountServiceAccountToken", "this cluster issues none", "false"},
    {"affinity.podAffinity", NOT_PLACED_BY, NULL},
    {"affinity.podAntiAffinity", NOT_PLACED_BY, NULL},
    {"affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution",
     "the scheduler looks at what is required", NULL},
};
static const struct field of_container[] = {
    {"resizePolicy", "resources are changed by making the container anew", NULL},
    {"lifecycle.postStart.tcpSocket", "a hook opens no connection: it fails", NULL},
    {"lifecycle.preStop.tcpSocket", "a hook opens no connection: it fails", NULL},
};
/* Of a pod or a container. */
static const struct field of_security[] = {
    {"securityContext.appArmorProfile", "AppArmor is not used", "{\"type\":\"Unconfined\"}"},
    {"securityContext.seLinuxOptions", "SELinux is not used", NULL},
    {"securityContext.seLinuxChangePolicy", "SELinux is not used", "\"\""},
    {"securityContext.windowsOptions", "the node runs Linux", NULL},
};
static const struct field refused_of_spec[] = {
    {"runtimeClassName", "the node has one runtime", "\"\""},
    {"resourceClaims", "the node has no devices to claim", NULL},
};
static const struct field refused_of_container[] = {
    {"volumeDevices", "the node has no block volumes", NULL},
    {"resources.claims", "the node has no devices to claim", NULL},
};

/* ---- lines ---- */

static bool has_line(struct str lines, struct str wanted)
{
    struct str line;
    while (lines.length != 0 && str_split(&lines, '\n', &line))
        if (str_equal(line, wanted))
            return true;
    return false;
}

bool effect_next(struct str *lines, struct str known, size_t most, struct buf *text)
{
    struct str line, rest = *lines;
    buf_clear(text);
    while (rest.length != 0 && str_split(&rest, '\n', &line)) {
        bool news = !has_line(known, line), first = text->length == 0;
        if (news && !first && text->length + 2 + line.length > most)
            break;
        if (news)
            buf_addf(text, "%s" STR_FORMAT, first ? "" : ", ", STR_ARGS(line));
        *lines = rest;
    }
    return text->length != 0;
}

/* What is there twice (two tokens in one volume) is said once. */
static void say(struct buf *out, struct str where, const char *member, const char *cause)
{
    autobuf struct buf line = {0};
    buf_addf(&line, STR_FORMAT ".%s (%s)", STR_ARGS(where), member, cause);
    if (!has_line(buf_str(out), buf_str(&line)))
        buf_addf(out, "%s\n", line.at);
}

/* ---- fields that only have to be there ---- */

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

static struct value find_at(struct value object, const char *path)
{
    struct str rest = str_of(path), member;
    while (str_split(&rest, '.', &member))
        object = value_get(object, member);
    return object;
}

static void find(struct buf *out, struct value object, struct str where, const struct field *fields,
                 size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (asks_for(find_at(object, fields[i].path), fields[i].harmless))
            say(out, where, fields[i].path, fields[i].cause);
}

/* ---- fields that it depends on ---- */

/* The API gives every pod two such tolerations (the admission plugin DefaultTolerationSeconds): nobody has
 * asked for those. */
static bool is_default(struct value toleration)
{
    struct value key = value_get(toleration, STR("key"));
    return (value_is(key, "node.kubernetes.io/not-ready") ||
            value_is(key, "node.kubernetes.io/unreachable")) &&
           value_is(value_get(toleration, STR("operator")), "Exists") &&
           value_int_or(value_get(toleration, STR("tolerationSeconds")), 0) == 300;
}

static void find_tolerations(struct buf *out, struct value spec)
{
    value_each (toleration, value_get(spec, STR("tolerations"))) {
        if (!value_exists(value_get(toleration, STR("tolerationSeconds"))) || is_default(toleration))
            continue;
        autofree char *where = path_format("spec.tolerations[" STR_FORMAT "]",
                                           STR_ARGS(value_str(value_get(toleration, STR("key")))));
        say(out, str_of(where), "tolerationSeconds", "a pod that runs is not driven away by taints");
    }
}

static void find_priority(struct buf *out, struct value spec)
{
    static const char *const classes[] = {"", "system-cluster-critical", "system-node-critical"};
    struct str name = value_str(value_get(spec, STR("priorityClassName")));
    int64_t priority = value_int_or(value_get(spec, STR("priority")), 0);
    bool known = false;
    for (size_t i = 0; i < COUNT(classes); i++)
        known |= str_is(name, classes[i]);
    autofree char *member = path_format("priorityClassName " STR_FORMAT, STR_ARGS(name));
    /* Of a pod of the tree the API has made a number of it; a static pod's nobody has looked up. */
    if (!known && !value_exists(value_get(spec, STR("priority"))))
        say(out, STR("spec"), member, "the node knows no such class: it gives no priority");
    if (priority > 0 && priority < QUALITY_SYSTEM_CRITICAL &&
        value_is(value_get(spec, STR("preemptionPolicy")), "PreemptLowerPriority"))
        say(out, STR("spec"), "preemptionPolicy PreemptLowerPriority",
            "it is placed before others, and takes nobody's place");
}

/* ClusterFirst is every pod's default: pod_sandbox.c says that beside other things. */
static void find_dns(struct buf *out, struct value spec)
{
    if (value_is(value_get(spec, STR("dnsPolicy")), "ClusterFirstWithHostNet"))
        say(out, STR("spec"), "dnsPolicy ClusterFirstWithHostNet",
            "there is no cluster DNS: it is as Default");
}

/* In the host's network a port is the host's by itself. */
static void find_host_ports(struct buf *out, struct value container, struct str where)
{
    value_each (port, value_get(container, STR("ports"))) {
        int64_t number = value_int_or(value_get(port, STR("hostPort")), 0);
        autofree char *member = path_format("ports.hostPort %lld", (long long)number);
        if (number != 0)
            say(out, where, member, "it is reserved, nothing is forwarded to the pod");
    }
}

static void find_huge_pages(struct buf *out, struct value container, struct str where)
{
    value_each (limit, value_at(container, "resources", "limits")) {
        autofree char *member = path_format("resources.limits." STR_FORMAT, STR_ARGS(value_key(limit)));
        if (str_starts(value_key(limit), STR("hugepages-")))
            say(out, where, member, "it is counted, and nothing holds the container to it");
    }
}

static void find_capabilities(struct buf *out, struct value container, struct str where)
{
    static const char *const lists[] = {"add", "drop"};
    for (size_t i = 0; i < COUNT(lists); i++)
        value_each (name, value_at(container, "securityContext", "capabilities", lists[i])) {
            autofree char *member = path_format("securityContext.capabilities.%s " STR_FORMAT, lists[i],
                                                STR_ARGS(value_str(name)));
            if (!security_is_capability(value_str(name)))
                say(out, where, member, "there is no such capability");
        }
}

static void find_in_volumes(struct buf *out, struct value spec)
{
    value_each (volume, value_get(spec, STR("volumes")))
        value_each (source, value_at(volume, "projected", "sources")) {
            autofree char *where = path_format("spec.volumes[" STR_FORMAT "].projected.sources",
                                               STR_ARGS(value_str(value_get(volume, STR("name")))));
            const char *unsupported = volume_files_unsupported(source);
            if (unsupported != NULL)
                say(out, str_of(where), unsupported, "this cluster issues none");
        }
}

/* ---- the whole ---- */

static void add_place(struct buf *where, size_t list, struct value container)
{
    buf_clear(where);
    buf_addf(where, "spec.%s[" STR_FORMAT "]", document_container_lists[list],
             STR_ARGS(value_str(value_get(container, STR("name")))));
}

/* Security is looked at in containers that nobody runs too: who asks for one shall know it all. */
static void find_in_containers(struct buf *out, struct value spec)
{
    bool own_network = !value_true(value_get(spec, STR("hostNetwork")));
    autobuf struct buf where = {0};
    for (size_t i = 0; i < DOCUMENT_LISTS; i++)
        value_each (container, value_get(spec, str_of(document_container_lists[i]))) {
            add_place(&where, i, container);
            struct str place = buf_str(&where);
            find(out, container, place, of_security, COUNT(of_security));
            find_capabilities(out, container, place);
            if (i >= DOCUMENT_LISTS_RUN)
                continue;
            find(out, container, place, of_container, COUNT(of_container));
            find_huge_pages(out, container, place);
            if (own_network)
                find_host_ports(out, container, place);
        }
}

void effect_missing(struct buf *lines, struct value pod)
{
    struct value spec = value_get(pod, STR("spec"));
    find(lines, spec, STR("spec"), of_spec, COUNT(of_spec));
    find(lines, spec, STR("spec"), of_security, COUNT(of_security));
    find_tolerations(lines, spec);
    find_priority(lines, spec);
    find_dns(lines, spec);
    find_in_containers(lines, spec);
    find_in_volumes(lines, spec);
}

void effect_refused(struct buf *lines, struct value pod)
{
    struct value spec = value_get(pod, STR("spec"));
    autobuf struct buf where = {0};
    find(lines, spec, STR("spec"), refused_of_spec, COUNT(refused_of_spec));
    for (size_t i = 0; i < DOCUMENT_LISTS_RUN; i++)
        value_each (container, value_get(spec, str_of(document_container_lists[i]))) {
            add_place(&where, i, container);
            find(lines, container, buf_str(&where), refused_of_container, COUNT(refused_of_container));
        }
}
