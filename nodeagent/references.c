#include "nodeagent/references.h"

#include "nodeagent/document.h"

const struct reference_kind reference_kinds[REFERENCE_KINDS] = {
    [REFERENCE_CONFIGMAP] = {"ConfigMap", "configmap", "configMap", "name", "configMapRef", "configMapKeyRef",
                             false},
    [REFERENCE_SECRET] = {"Secret", "secret", "secret", "secretName", "secretRef", "secretKeyRef", true},
};

struct references {
    struct doc *seen; /* an object of "Kind/name" */
    references_visit_fn *visit;
    void *context;
};

static void refer(struct references *to, const char *kind, struct value name)
{
    struct str text = value_str(name);
    autobuf struct buf key = {0};
    if (text.length == 0)
        return;
    buf_addf(&key, "%s/" STR_FORMAT, kind, STR_ARGS(text));
    if (value_exists(value_get(doc_root(to->seen), buf_str(&key))))
        return;
    value_set_bool(doc_root(to->seen), buf_str(&key), true);
    to->visit(to->context, kind, text);
}

static void refer_from_container(struct references *to, struct value container)
{
    for (size_t i = 0; i < REFERENCE_KINDS; i++) {
        const struct reference_kind *kind = &reference_kinds[i];
        value_each (from, value_get(container, STR("envFrom")))
            refer(to, kind->kind, value_at(from, kind->whole, "name"));
        value_each (variable, value_get(container, STR("env")))
            refer(to, kind->kind, value_at(variable, "valueFrom", kind->one, "name"));
    }
}

static void refer_from_place(struct references *to, struct value place, bool projected)
{
    for (size_t i = 0; i < REFERENCE_KINDS; i++) {
        const struct reference_kind *kind = &reference_kinds[i];
        refer(to, kind->kind, value_at(place, kind->member, projected ? "name" : kind->name_in_volume));
    }
}

static void refer_from_volume(struct references *to, struct value volume)
{
    refer_from_place(to, volume, false);
    value_each (source, value_at(volume, "projected", "sources"))
        refer_from_place(to, source, true);
}

void references_each(struct value pod, references_visit_fn *visit, void *context)
{
    autodoc struct doc *seen = doc_new();
    struct references to = {.seen = seen, .visit = visit, .context = context};
    for (size_t i = 0; i < DOCUMENT_LISTS; i++)
        value_each (container, value_at(pod, "spec", document_container_lists[i]))
            refer_from_container(&to, container);
    value_each (volume, value_at(pod, "spec", "volumes"))
        refer_from_volume(&to, volume);
    value_each (secret, value_at(pod, "spec", "imagePullSecrets"))
        refer(&to, reference_kinds[REFERENCE_SECRET].kind, value_get(secret, STR("name")));
}
