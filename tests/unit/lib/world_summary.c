#include "tests/unit/lib/world_private.h"

#include "lib/yaml.h"

/* A world as text that is the same for worlds that differ only in what is drawn or counted. */

/* The revision too: two instances that look at different moments may count a step twice. */
static const char *const volatile_keys[] = {
    "deployment.kubernetes.io/revision",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "observedGeneration",
    "deletionTimestamp",
    "nodeName",
    "podIP",
    "hostIP",
    "lastTransitionTime",
    "lastUpdateTime",
    "startTime",
    "ip",
    "containerID",
    "startedAt",
    "renewTime",
    "lastHeartbeatTime",
};

/* The name of a pod that a replica set has made ends in what is drawn. */
static void flatten_name(struct value metadata)
{
    struct str name = value_str(value_get(metadata, STR("name")));
    struct value owner = value_element(value_get(metadata, STR("ownerReferences")), 0);
    if (value_is(value_get(owner, STR("kind")), "ReplicaSet") && name.length > 5)
        value_setf(metadata, STR("name"), STR_FORMAT "*", (int)name.length - 5, name.at);
}

static void flatten(struct value v)
{
    value_each (child, v) {
        for (size_t i = 0; i < COUNT(volatile_keys); i++)
            if (value_type(v) == VALUE_OBJECT && str_is(value_key(child), volatile_keys[i])) {
                value_set_str(v, value_key(child), STR("*"));
                break;
            }
        if (value_type(child) == VALUE_OBJECT || value_type(child) == VALUE_ARRAY)
            flatten(child);
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void world_summary(const struct world *world, struct buf *out)
{
    char **texts = NULL;
    size_t count = 0, capacity = 0;
    for (const struct item *item = world->first; item != NULL; item = item->next) {
        if (item->deleted)
            continue;
        autodoc struct doc *copy = doc_copy(doc_root(item->doc));
        flatten_name(value_get(doc_root(copy), STR("metadata")));
        flatten(doc_root(copy));
        value_sort(doc_root(copy));
        struct buf text = {0};
        yaml_write(&text, doc_root(copy));
        array_grow(texts, count, capacity);
        texts[count++] = buf_take(&text);
    }
    if (count != 0)
        qsort(texts, count, sizeof(*texts), compare_texts);
    for (size_t i = 0; i < count; i++) {
        buf_addf(out, "---\n%s", texts[i]);
        free(texts[i]);
    }
    free(texts);
}
