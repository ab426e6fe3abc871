/* Rules of what is stored and what is shared out: volumes, claims, limits, quotas. */
#include "fsd/rules.h"
#include "lib/quantity.h"

/* Is it there, and not more than nothing? */
static bool is_positive(struct value v)
{
    int64_t units;
    return quantity_units(value_str(v), &units) && units > 0;
}

/* In thousandths, or where these are too many in units. */
static bool is_more(struct str a, struct str b)
{
    int64_t one, other;
    if (quantity_milli(a, &one) && quantity_milli(b, &other))
        return one > other;
    return quantity_units(a, &one) && quantity_units(b, &other) && one > other;
}

static void check_storage(struct check *check, const struct step *at, struct value given)
{
    struct step key = STEP_KEY(at, STR("storage"));
    if (!value_exists(given))
        check_lacks(check, &key, "is required");
    else if (!is_positive(given))
        check_say(check, &key, "must be greater than zero");
}

static void check_modes(struct check *check, const struct step *at, struct value spec)
{
    struct step modes = STEP_MEMBER(at, STR("accessModes"));
    bool single = false;
    value_each (mode, value_at(spec, "accessModes"))
        single |= value_is(mode, "ReadWriteOncePod");
    if (single && value_count(value_at(spec, "accessModes")) > 1)
        check_say(check, &modes, "must have no other beside ReadWriteOncePod");
}

static void claim_spec(struct check *check, const struct step *at, struct value spec)
{
    struct step resources = STEP_MEMBER(at, STR("resources"));
    struct value requests = value_at(spec, "resources", "requests");
    check_storage(check, &resources, value_at(requests, "storage"));
    struct step modes = STEP_MEMBER(at, STR("accessModes"));
    if (value_count(value_at(spec, "accessModes")) == 0)
        check_lacks(check, &modes, "is required: at least one mode of access");
    check_modes(check, at, spec);
    struct step source = STEP_MEMBER(at, STR("dataSource")), group = STEP_MEMBER(&source, STR("apiGroup"));
    struct value from = value_at(spec, "dataSource");
    if (value_exists(from) && value_str(value_at(from, "apiGroup")).length == 0 &&
        !value_is(value_at(from, "kind"), "PersistentVolumeClaim"))
        check_lacks(check, &group, "is required where kind is another than PersistentVolumeClaim");
}

/* Once it is asked for, only more can be asked for, and another class where it can be changed. */
static void claim_update(struct check *check, const struct step *at, struct value before, struct value after)
{
    static const char *const free_members[] = {"resources", "volumeAttributesClassName", "volumeName",
                                               "storageClassName", NULL};
    static const char *const once[] = {"volumeName", "storageClassName"};
    static const char sentence[] = "can't be changed after creation";
    rule_fixed(check, at, before, after, free_members, sentence);
    for (size_t i = 0; i < COUNT(once); i++) {
        struct value old = value_get(before, str_of(once[i]));
        struct step step = STEP_MEMBER(at, str_of(once[i]));
        if (value_exists(old) && !value_equal(old, value_get(after, step.name)))
            check_say(check, &step, "%s", sentence);
    }
}

static const char *const volume_sources[] = {"gcePersistentDisk",
                                             "awsElasticBlockStore",
                                             "hostPath",
                                             "glusterfs",
                                             "nfs",
                                             "rbd",
                                             "iscsi",
                                             "cinder",
                                             "cephfs",
                                             "fc",
                                             "flocker",
                                             "flexVolume",
                                             "azureFile",
                                             "vsphereVolume",
                                             "quobyte",
                                             "azureDisk",
                                             "photonPersistentDisk",
                                             "portworxVolume",
                                             "scaleIO",
                                             "local",
                                             "storageos",
                                             "csi",
                                             NULL};

static void persistent_volume(struct check *check, const struct step *at, struct value spec)
{
    struct step capacity = STEP_MEMBER(at, STR("capacity"));
    struct value given = value_at(spec, "capacity");
    check_storage(check, &capacity, value_at(given, "storage"));
    rule_one_of(check, at, spec, volume_sources, true);
    if (value_count(given) > 1)
        check_say(check, &capacity, "must have storage, and nothing else");
    struct step affinity = STEP_MEMBER(at, STR("nodeAffinity"));
    if (value_exists(value_at(spec, "local")) && !value_exists(value_at(spec, "nodeAffinity", "required")))
        check_lacks(check, &affinity, "is required: a local volume is on one node");
    check_modes(check, at, spec);
    struct str path = value_str(value_at(spec, "hostPath", "path"));
    struct step reclaim = STEP_MEMBER(at, STR("persistentVolumeReclaimPolicy"));
    if (str_is(path, "/") && value_is(value_at(spec, "persistentVolumeReclaimPolicy"), "Recycle"))
        check_say(check, &reclaim, "must not be Recycle for the root of the machine");
}

/* Where the data are can't be changed under them. */
static void persistent_volume_update(struct check *check, const struct step *at, struct value before,
                                     struct value after)
{
    static const char sentence[] = "can't be changed after creation";
    for (size_t i = 0; volume_sources[i] != NULL; i++) {
        struct step step = STEP_MEMBER(at, str_of(volume_sources[i]));
        if (!value_equal(value_get(before, step.name), value_get(after, step.name)))
            check_say(check, &step, "%s", sentence);
    }
    struct step mode = STEP_MEMBER(at, STR("volumeMode")), affinity = STEP_MEMBER(at, STR("nodeAffinity"));
    if (!value_equal(value_get(before, mode.name), value_get(after, mode.name)))
        check_say(check, &mode, "%s", sentence);
    if (value_exists(value_get(before, affinity.name)) &&
        !value_equal(value_get(before, affinity.name), value_get(after, affinity.name)))
        check_say(check, &affinity, "can't be changed once it is set");
}

static void attachment_source(struct check *check, const struct step *at, struct value source)
{
    static const char *const names[] = {"persistentVolumeName", "inlineVolumeSpec", NULL};
    rule_one_of(check, at, source, names, true);
}

/* ---- limits and quotas ---- */

static void limit_range(struct check *check, const struct step *at, struct value spec)
{
    struct step list = STEP_MEMBER(at, STR("limits"));
    size_t i = 0;
    value_each (item, value_at(spec, "limits")) {
        struct step step = STEP_ELEMENT(&list, i), type = STEP_MEMBER(&step, STR("type"));
        for (size_t other = 0; other < i; other++)
            if (value_equal(value_at(value_element(value_at(spec, "limits"), other), "type"),
                            value_at(item, "type")))
                check_say(check, &type, "\"" STR_FORMAT "\" is there already",
                          STR_ARGS(value_str(value_at(item, "type"))));
        i++;
    }
}

static void quota(struct check *check, const struct step *at, struct value spec)
{
    static const char *const fractions[] = {"cpu", "memory", "storage"};
    struct step hard = STEP_MEMBER(at, STR("hard"));
    value_each (amount, value_at(spec, "hard")) {
        struct step step = STEP_KEY(&hard, value_key(amount));
        struct str text = value_str(amount), name = value_key(amount);
        bool divisible = memchr(name.at, '/', name.length) != NULL;
        int64_t milli;
        for (size_t i = 0; i < COUNT(fractions); i++)
            divisible |= str_ends(name, str_of(fractions[i]));
        if (text.length != 0 && text.at[0] == '-')
            check_say(check, &step, "must not be negative");
        else if (!divisible && quantity_milli(text, &milli) && milli % 1000 != 0)
            check_say(check, &step, "must be a whole number");
    }
}

static void limit_range_item(struct check *check, const struct step *at, struct value item)
{
    static const struct {
        const char *low, *high;
    } order[] = {{"min", "max"},
                 {"min", "default"},
                 {"default", "max"},
                 {"min", "defaultRequest"},
                 {"defaultRequest", "default"},
                 {"defaultRequest", "max"}};
    bool pod = value_is(value_at(item, "type"), "Pod");
    if (value_is(value_at(item, "type"), "PersistentVolumeClaim") &&
        !value_exists(value_at(item, "min", "storage")) && !value_exists(value_at(item, "max", "storage")))
        check_lacks(check, at, "must have min[storage] or max[storage]");
    for (size_t i = 0; i < COUNT(order); i++) {
        struct step step = STEP_MEMBER(at, str_of(order[i].low));
        value_each (low, value_get(item, str_of(order[i].low))) {
            struct value high = value_get(value_get(item, str_of(order[i].high)), value_key(low));
            struct step key = STEP_KEY(&step, value_key(low));
            if (value_exists(high) && is_more(value_str(low), value_str(high)))
                check_say(check, &key, "must be at most what %s says, " STR_FORMAT, order[i].high,
                          STR_ARGS(value_str(high)));
        }
    }
    static const char *const not_of_pods[] = {"default", "defaultRequest"};
    for (size_t i = 0; i < COUNT(not_of_pods) && pod; i++) {
        struct step step = STEP_MEMBER(at, str_of(not_of_pods[i]));
        if (value_count(value_get(item, str_of(not_of_pods[i]))) != 0)
            check_say(check, &step, "must not be there when type is Pod");
    }
}

const struct rule rules_of_storage[] = {
    {"claim", claim_spec, claim_update},
    {"persistentVolume", persistent_volume, persistent_volume_update},
    {"attachmentSource", attachment_source, NULL},
    {"limitRange", limit_range, NULL},
    {"quota", quota, NULL},
    {"limitRangeItem", limit_range_item, NULL},
    {NULL, NULL, NULL},
};
