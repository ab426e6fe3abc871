#include "nodeagent/references.h"

#include "nodeagent/document.h"

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

/* The members of envFrom and of valueFrom that name an object. */
static const struct {
    const char *kind, *whole, *one;
} of_variables[] = {
    {"ConfigMap", "configMapRef", "configMapKeyRef"},
    {"Secret", "secretRef", "secretKeyRef"},
};

static void refer_from_container(struct references *to, struct value container)
{
    for (size_t i = 0; i < COUNT(of_variables); i++) {
        value_each (from, value_get(container, STR("envFrom")))
            refer(to, of_variables[i].kind, value_at(from, of_variables[i].whole, "name"));
        value_each (variable, value_get(container, STR("env")))
            refer(to, of_variables[i].kind, value_at(variable, "valueFrom", of_variables[i].one, "name"));
    }
}

/* Only a secret volume of its own calls the name otherwise. */
static void refer_from_volume(struct references *to, struct value volume)
{
    refer(to, "ConfigMap", value_at(volume, "configMap", "name"));
    refer(to, "Secret", value_at(volume, "secret", "secretName"));
    value_each (source, value_at(volume, "projected", "sources")) {
        refer(to, "ConfigMap", value_at(source, "configMap", "name"));
        refer(to, "Secret", value_at(source, "secret", "name"));
    }
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
        refer(&to, "Secret", value_get(secret, STR("name")));
}
