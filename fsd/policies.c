#include "fsd/policies.h"

struct policy {
    atomic_uint references;
    char *namespace, *name;
    struct doc *document; /* only read, by several threads */
};

/* By namespace and name. */
struct policy_list {
    struct policy **policies;
    size_t count, capacity;
};

struct policies {
    atomic_uint references;
    struct policy_list lists[POLICY_TYPES];
};

static const struct {
    const char *group, *kind;
} kinds_of_policies[POLICY_TYPES] = {
    [POLICY_PRIORITY_CLASS] = {"scheduling.k8s.io", "PriorityClass"},
    [POLICY_RUNTIME_CLASS] = {"node.k8s.io", "RuntimeClass"},
    [POLICY_STORAGE_CLASS] = {"storage.k8s.io", "StorageClass"},
    [POLICY_INGRESS_CLASS] = {"networking.k8s.io", "IngressClass"},
    [POLICY_LIMIT_RANGE] = {"", "LimitRange"},
};

/* ---- references ---- */

static void drop_policy(struct policy *policy)
{
    if (atomic_fetch_sub(&policy->references, 1) != 1)
        return;
    free(policy->namespace);
    free(policy->name);
    doc_free(policy->document);
    free(policy);
}

struct policies *policies_new(void)
{
    struct policies *policies = memory_zeroed(1, sizeof(*policies));
    atomic_init(&policies->references, 1);
    return policies;
}

struct policies *policies_hold(struct policies *policies)
{
    if (policies != NULL)
        atomic_fetch_add(&policies->references, 1);
    return policies;
}

void policies_drop(struct policies *policies)
{
    if (policies == NULL || atomic_fetch_sub(&policies->references, 1) != 1)
        return;
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        for (size_t j = 0; j < policies->lists[i].count; j++)
            drop_policy(policies->lists[i].policies[j]);
        free(policies->lists[i].policies);
    }
    free(policies);
}

/* One that nobody else holds. Only main makes references out of none, so a single one stays so. */
static struct policies *own(struct policies *policies)
{
    if (atomic_load(&policies->references) == 1)
        return policies;
    struct policies *copy = policies_new();
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        const struct policy_list *from = &policies->lists[i];
        struct policy_list *to = &copy->lists[i];
        to->count = to->capacity = from->count;
        to->policies = from->count != 0 ? memory_new(from->count * sizeof(*to->policies)) : NULL;
        for (size_t j = 0; j < from->count; j++) {
            to->policies[j] = from->policies[j];
            atomic_fetch_add(&to->policies[j]->references, 1);
        }
    }
    policies_drop(policies);
    return copy;
}

/* ---- finding ---- */

static int compare(const struct policy *policy, struct str namespace, struct str name)
{
    int order = str_compare(str_of(policy->namespace), namespace);
    return order != 0 ? order : str_compare(str_of(policy->name), name);
}

static size_t place_of(const struct policy_list *list, struct str namespace, struct str name)
{
    return sorted_place(list->count, i, compare(list->policies[i], namespace, name) >= 0);
}

struct value policies_find(const struct policies *policies, enum policy_type type, struct str namespace,
                           struct str name)
{
    if (policies == NULL)
        return VALUE_ABSENT;
    const struct policy_list *list = &policies->lists[type];
    size_t place = place_of(list, namespace, name);
    bool found = place < list->count && compare(list->policies[place], namespace, name) == 0;
    return found ? doc_root(list->policies[place]->document) : VALUE_ABSENT;
}

struct value policies_next(const struct policies *policies, enum policy_type type, struct str namespace,
                           size_t *place)
{
    if (policies == NULL)
        return VALUE_ABSENT;
    const struct policy_list *list = &policies->lists[type];
    if (*place == 0)
        *place = place_of(list, namespace, STR(""));
    if (*place >= list->count || !str_is(namespace, list->policies[*place]->namespace))
        return VALUE_ABSENT;
    return doc_root(list->policies[(*place)++]->document);
}

/* ---- changing ---- */

static void insert(struct policy_list *list, size_t place, struct str namespace, struct str name,
                   struct doc *document)
{
    struct policy *policy = memory_zeroed(1, sizeof(*policy));
    atomic_init(&policy->references, 1);
    policy->namespace = str_dup(namespace);
    policy->name = str_dup(name);
    policy->document = document;
    array_grow(list->policies, list->count, list->capacity);
    memmove(list->policies + place + 1, list->policies + place,
            (list->count - place) * sizeof(*list->policies));
    list->policies[place] = policy;
    list->count++;
}

void policies_put(struct policies **policies, enum policy_type type, struct str namespace, struct str name,
                  struct doc *document)
{
    *policies = own(*policies);
    struct policy_list *list = &(*policies)->lists[type];
    size_t place = place_of(list, namespace, name);
    if (place < list->count && compare(list->policies[place], namespace, name) == 0) {
        drop_policy(list->policies[place]);
        list->count--;
        memmove(list->policies + place, list->policies + place + 1,
                (list->count - place) * sizeof(*list->policies));
    }
    if (document != NULL)
        insert(list, place, namespace, name, document);
}

void policies_note(struct policies **policies, const struct object *object, const struct version *after)
{
    for (int type = 0; type < POLICY_TYPES; type++)
        if (kind_is(object->kind, kinds_of_policies[type].group, kinds_of_policies[type].kind))
            policies_put(policies, (enum policy_type)type, str_of(object->namespace), str_of(object->name),
                         version_is_live(after) ? doc_parse(version_text(after), NULL) : NULL);
}
