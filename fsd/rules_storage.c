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

static void claim_spec(struct check *check, const struct step *at, struct value spec)
{
    struct step resources = STEP_MEMBER(at, STR("resources"));
    struct value requests = value_at(spec, "resources", "requests");
    check_storage(check, &resources, value_at(requests, "storage"));
    struct step modes = STEP_MEMBER(at, STR("accessModes"));
    if (value_count(value_at(spec, "accessModes")) == 0)
        check_lacks(check, &modes, "is required: at least one mode of access");
    bool single = false;
    value_each (mode, value_at(spec, "accessModes"))
        single |= value_is(mode, "ReadWriteOncePod");
    if (single && value_count(value_at(spec, "accessModes")) > 1)
        check_say(check, &modes, "must have no other beside ReadWriteOncePod");
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
    struct str path = value_str(value_at(spec, "hostPath", "path"));
    struct step reclaim = STEP_MEMBER(at, STR("persistentVolumeReclaimPolicy"));
    if (str_is(path, "/") && value_is(value_at(spec, "persistentVolumeReclaimPolicy"), "Recycle"))
        check_say(check, &reclaim, "must not be Recycle for the root of the machine");
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
    {"claim", claim_spec, NULL},
    {"persistentVolume", persistent_volume, NULL},
    {"limitRangeItem", limit_range_item, NULL},
    {NULL, NULL, NULL},
};
