/* Rules of a pod's spec as a whole, of its volumes and of where it may run; and what may change in a pod. */
#include "fsd/rules.h"
#include "lib/quantity.h"

static const char *const container_lists[] = {"initContainers", "containers", "ephemeralContainers"};

static struct value find_named(struct value list, struct str name)
{
    value_each (element, list)
        if (str_equal(value_str(value_at(element, "name")), name))
            return element;
    return VALUE_ABSENT;
}

/* ---- containers together ---- */

/* Within a list the schema sees to it that names are unique; here across them. */
static void check_names(struct check *check, const struct step *list, struct value spec,
                        struct value containers, size_t which)
{
    size_t index = 0;
    value_each (container, containers) {
        struct step element = STEP_ELEMENT(list, index++);
        struct step step = STEP_MEMBER(&element, STR("name"));
        struct str name = value_str(value_at(container, "name"));
        for (size_t i = 0; i < which; i++)
            if (name.length != 0 &&
                value_exists(find_named(value_get(spec, str_of(container_lists[i])), name)))
                check_say(check, &step, "\"" STR_FORMAT "\" is there already, in %s", STR_ARGS(name),
                          container_lists[i]);
    }
}

static void check_mounts_of(struct check *check, const struct step *container, struct value mounts,
                            const char *member, struct value volumes)
{
    struct step list = STEP_MEMBER(container, str_of(member));
    size_t index = 0;
    value_each (mount, mounts) {
        struct step element = STEP_ELEMENT(&list, index++);
        struct step step = STEP_MEMBER(&element, STR("name"));
        struct str name = value_str(value_at(mount, "name"));
        if (name.length != 0 && !value_exists(find_named(volumes, name)))
            check_say(check, &step, "there is no volume \"" STR_FORMAT "\"", STR_ARGS(name));
    }
}

static void check_host_ports(struct check *check, const struct step *container, struct value ports)
{
    struct step list = STEP_MEMBER(container, STR("ports"));
    size_t index = 0;
    value_each (port, ports) {
        struct step element = STEP_ELEMENT(&list, index++);
        struct step step = STEP_MEMBER(&element, STR("hostPort"));
        struct value host = value_at(port, "hostPort");
        if (value_int_or(host, 0) != 0 && !value_equal(host, value_at(port, "containerPort")))
            check_say(check, &step, "must be equal to containerPort when hostNetwork is true");
    }
}

static void check_containers(struct check *check, const struct step *at, struct value spec)
{
    for (size_t i = 0; i < COUNT(container_lists); i++) {
        struct step list = STEP_MEMBER(at, str_of(container_lists[i]));
        struct value containers = value_get(spec, list.name);
        check_names(check, &list, spec, containers, i);
        size_t index = 0;
        value_each (container, containers) {
            struct step step = STEP_ELEMENT(&list, index++);
            struct value volumes = value_at(spec, "volumes");
            check_mounts_of(check, &step, value_at(container, "volumeMounts"), "volumeMounts", volumes);
            check_mounts_of(check, &step, value_at(container, "volumeDevices"), "volumeDevices", volumes);
            if (value_true(value_at(spec, "hostNetwork")))
                check_host_ports(check, &step, value_at(container, "ports"));
        }
    }
}

static void pod_spec(struct check *check, const struct step *at, struct value spec)
{
    check_containers(check, at, spec);
    struct step dns = STEP_MEMBER(at, STR("dnsConfig"));
    struct step nameservers = STEP_MEMBER(&dns, STR("nameservers"));
    if (value_is(value_at(spec, "dnsPolicy"), "None") &&
        value_count(value_at(spec, "dnsConfig", "nameservers")) == 0)
        check_lacks(check, &nameservers, "is required when dnsPolicy is None");
    struct step share = STEP_MEMBER(at, STR("shareProcessNamespace"));
    if (value_true(value_at(spec, "shareProcessNamespace")) && value_true(value_at(spec, "hostPID")))
        check_say(check, &share, "must not be true when hostPID is true");
}

/* A token is somebody's: a template may leave open whose, a pod may not. */
static void pod(struct check *check, const struct step *at, struct value spec)
{
    struct step volumes = STEP_MEMBER(at, STR("volumes"));
    size_t volume_index = 0;
    if (value_str(value_at(spec, "serviceAccountName")).length != 0)
        return;
    value_each (volume, value_at(spec, "volumes")) {
        struct step volume_step = STEP_ELEMENT(&volumes, volume_index++);
        struct step projected = STEP_MEMBER(&volume_step, STR("projected"));
        struct step sources = STEP_MEMBER(&projected, STR("sources"));
        size_t source_index = 0;
        value_each (source, value_at(volume, "projected", "sources")) {
            struct step source_step = STEP_ELEMENT(&sources, source_index++);
            struct step step = STEP_MEMBER(&source_step, STR("serviceAccountToken"));
            if (value_exists(value_at(source, "serviceAccountToken")))
                check_say(check, &step, "must not be there unless serviceAccountName is set");
        }
    }
}

/* ---- what may change ---- */

static const char fixed[] =
    "can't be changed in a pod: only images, tolerations (more of them) and activeDeadlineSeconds can";

static void compare_containers(struct check *check, const struct step *at, struct value before,
                               struct value after)
{
    static const char *const free_members[] = {"image", NULL};
    if (value_count(before) != value_count(after)) {
        check_say(check, at, "%s", fixed);
        return;
    }
    size_t index = 0;
    struct value old = value_first(before);
    value_each (container, after) {
        struct step step = STEP_ELEMENT(at, index++);
        rule_fixed(check, &step, old, container, free_members, fixed);
        old = value_next(old);
    }
}

/* Every element of `fewer` is in `more`. */
static bool all_remain(struct value fewer, struct value more)
{
    value_each (element, fewer) {
        bool found = false;
        value_each (candidate, more)
            found |= value_equal(element, candidate);
        if (!found)
            return false;
    }
    return true;
}

static void check_deadline(struct check *check, const struct step *at, struct value before,
                           struct value after)
{
    int64_t old, new;
    struct step step = STEP_MEMBER(at, STR("activeDeadlineSeconds"));
    if (value_int(before, &old) && (!value_int(after, &new) || new > old))
        check_say(check, &step, "can only become less than %lld", (long long)old);
}

static void pod_update(struct check *check, const struct step *at, struct value before, struct value after)
{
    static const char *const looked_at_apart[] = {
        "containers", "initContainers",  "ephemeralContainers",   "tolerations",
        "nodeName",   "schedulingGates", "activeDeadlineSeconds", NULL};
    rule_fixed(check, at, before, after, looked_at_apart, fixed);
    for (size_t i = 0; i < 2; i++) {
        struct step step = STEP_MEMBER(at, str_of(container_lists[i]));
        compare_containers(check, &step, value_get(before, step.name), value_get(after, step.name));
    }
    static const struct {
        const char *name;
        bool may_grow;
        const char *sentence;
    } lists[] = {{"tolerations", true, "can only get more: those that are there must stay"},
                 {"ephemeralContainers", true, "can only get more: those that are there must stay"},
                 {"schedulingGates", false, "can only get fewer"}};
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct step step = STEP_MEMBER(at, str_of(lists[i].name));
        struct value old = value_get(before, step.name), new = value_get(after, step.name);
        if (!(lists[i].may_grow ? all_remain(old, new) : all_remain(new, old)))
            check_say(check, &step, "%s", lists[i].sentence);
    }
    struct value node = value_at(before, "nodeName");
    struct step step = STEP_MEMBER(at, STR("nodeName"));
    if (value_str(node).length != 0 && !value_equal(node, value_at(after, "nodeName")))
        check_say(check, &step, "can't be changed: the pod is bound to \"" STR_FORMAT "\"",
                  STR_ARGS(value_str(node)));
    check_deadline(check, at, value_at(before, "activeDeadlineSeconds"),
                   value_at(after, "activeDeadlineSeconds"));
}

/* ---- volumes ---- */

static void volume(struct check *check, const struct step *at, struct value v)
{
    size_t count = 0;
    value_each (member, v) {
        struct step step = STEP_MEMBER(at, value_key(member));
        if (!str_is(value_key(member), "name") && ++count > 1)
            check_say(check, &step, "must not be there: a volume is of one type only");
    }
}

static void host_path(struct check *check, const struct step *at, struct value v)
{
    struct str piece, path = value_str(value_at(v, "path"));
    struct step step = STEP_MEMBER(at, STR("path"));
    while (str_split(&path, '/', &piece))
        if (str_is(piece, "..")) {
            check_say(check, &step, "must not contain \"..\"");
            return;
        }
}

static void empty_dir(struct check *check, const struct step *at, struct value v)
{
    int64_t limit;
    struct step step = STEP_MEMBER(at, STR("sizeLimit"));
    if (quantity_units(value_str(value_at(v, "sizeLimit")), &limit) && limit < 0)
        check_say(check, &step, "must not be negative");
}

/* A disk is named by its targets and a number there, or by its own world wide names. */
static void fibre_channel(struct check *check, const struct step *at, struct value v)
{
    size_t targets = value_count(value_at(v, "targetWWNs")), names = value_count(value_at(v, "wwids"));
    struct step targets_step = STEP_MEMBER(at, STR("targetWWNs"));
    struct step lun_step = STEP_MEMBER(at, STR("lun"));
    if (targets == 0 && names == 0)
        check_lacks(check, &targets_step, "is required where there are no wwids");
    if (targets != 0 && names != 0)
        check_say(check, &targets_step, "must not be there beside wwids");
    if (targets != 0 && !value_exists(value_at(v, "lun")))
        check_lacks(check, &lun_step, "is required when targetWWNs is set");
}

static void flocker(struct check *check, const struct step *at, struct value v)
{
    static const char *const names[] = {"datasetName", "datasetUUID", NULL};
    rule_one_of(check, at, v, names, true);
}

static void volume_projection(struct check *check, const struct step *at, struct value v)
{
    static const char *const sources[] = {
        "secret", "downwardAPI", "configMap", "serviceAccountToken", "clusterTrustBundle", NULL};
    rule_one_of(check, at, v, sources, false);
}

static void note_path(struct check *check, const struct step *at, struct value path, struct value seen)
{
    struct str text = value_str(path);
    if (text.length == 0)
        return;
    if (value_exists(value_get(seen, text)))
        check_say(check, at, "must not be \"" STR_FORMAT "\": another source has that path", STR_ARGS(text));
    value_set_bool(seen, text, true);
}

static void note_items(struct check *check, const struct step *at, struct value items, struct value seen)
{
    struct step list = STEP_MEMBER(at, STR("items"));
    size_t index = 0;
    value_each (item, items) {
        struct step element = STEP_ELEMENT(&list, index++);
        struct step step = STEP_MEMBER(&element, STR("path"));
        note_path(check, &step, value_get(item, STR("path")), seen);
    }
}

/* Files that only their objects name may meet, the last one is seen then; what the volume itself says may
 * not. */
static void projected_volume(struct check *check, const struct step *at, struct value v)
{
    autodoc struct doc *seen = doc_new();
    struct step list = STEP_MEMBER(at, STR("sources"));
    size_t index = 0;
    value_each (source, value_get(v, STR("sources"))) {
        struct step element = STEP_ELEMENT(&list, index++);
        value_each (part, source) {
            struct step member = STEP_MEMBER(&element, value_key(part));
            struct step step = STEP_MEMBER(&member, STR("path"));
            note_path(check, &step, value_get(part, STR("path")), doc_root(seen));
            note_items(check, &member, value_get(part, STR("items")), doc_root(seen));
        }
    }
}

/* ---- where it may run ---- */

static void node_selector_requirement(struct check *check, const struct step *at, struct value v)
{
    struct value operator= value_at(v, "operator"), values = value_at(v, "values");
    struct str name = value_str(operator);
    struct step step = STEP_MEMBER(at, STR("values"));
    int64_t number;
    if (name.length == 0)
        return; /* required, and to be told first */
    if (str_is(name, "Exists") || str_is(name, "DoesNotExist")) {
        if (value_count(values) != 0)
            check_say(check, &step, "must not be there when operator is " STR_FORMAT, STR_ARGS(name));
    } else if (str_is(name, "Gt") || str_is(name, "Lt")) {
        if (value_count(values) == 0)
            check_lacks(check, &step, "must be one whole number when operator is " STR_FORMAT,
                        STR_ARGS(name));
        else if (value_count(values) != 1 || !str_to_int64(value_str(value_element(values, 0)), &number))
            check_say(check, &step, "must be one whole number when operator is " STR_FORMAT, STR_ARGS(name));
    } else if (value_count(values) == 0) {
        check_lacks(check, &step, "is required when operator is " STR_FORMAT, STR_ARGS(name));
    }
}

static void toleration(struct check *check, const struct step *at, struct value v)
{
    bool exists = value_is(value_at(v, "operator"), "Exists");
    struct step operator_step = STEP_MEMBER(at, STR("operator"));
    struct step value_step = STEP_MEMBER(at, STR("value"));
    struct step effect_step = STEP_MEMBER(at, STR("effect"));
    if (value_str(value_at(v, "key")).length == 0 && !exists)
        check_say(check, &operator_step, "must be Exists when there is no key: that matches all taints");
    if (exists && value_str(value_at(v, "value")).length != 0)
        check_say(check, &value_step, "must not be there when operator is Exists");
    if (value_exists(value_at(v, "tolerationSeconds")) && !value_is(value_at(v, "effect"), "NoExecute"))
        check_say(check, &effect_step, "must be NoExecute when tolerationSeconds is set");
}

const struct rule rules_of_pods[] = {
    {"podSpec", pod_spec, NULL},
    {"pod", pod, pod_update},
    {"volume", volume, NULL},
    {"hostPath", host_path, NULL},
    {"fibreChannel", fibre_channel, NULL},
    {"flocker", flocker, NULL},
    {"volumeProjection", volume_projection, NULL},
    {"emptyDir", empty_dir, NULL},
    {"projectedVolume", projected_volume, NULL},
    {"nodeSelectorRequirement", node_selector_requirement, NULL},
    {"toleration", toleration, NULL},
    {NULL, NULL, NULL},
};
