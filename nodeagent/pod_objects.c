/* The ConfigMaps and Secrets that a pod names. They are read from the tree when something is to be made of
 * them, and not kept: the agent only follows which of them there are and when they change. */
#include "nodeagent/agent_private.h"

#include "nodeagent/pull_secret.h"
#include "nodeagent/references.h"
#include <errno.h>

/* By kind: where objects of it are in the tree. */
static const struct {
    const char *kind, *resource;
} places[] = {{"ConfigMap", "configmaps"}, {"Secret", "secrets"}, {"ServiceAccount", "serviceaccounts"}};

static const char *resource_of(const char *kind)
{
    for (size_t i = 0; i < COUNT(places); i++)
        if (strcmp(places[i].kind, kind) == 0)
            return places[i].resource;
    return NULL;
}

void pod_objects_free(struct pod_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++)
        doc_free(objects->docs[i]);
    free(objects->docs);
    error_free(objects->error);
    *objects = (struct pod_objects){0};
}

/* One that isn't there is no error: it may be optional. */
static void read_one(void *context, const char *kind, struct str name)
{
    struct pod_objects *objects = context;
    const struct pod *pod = objects->pod;
    const char *resource = resource_of(kind);
    if (objects->error != NULL || resource == NULL)
        return;
    autofree char *text = str_dup(name);
    autobuf struct buf bytes = {0};
    autoerror struct error *error = NULL;
    int result = tree_get(pod->agent->options.tree, resource, pod->record->namespace, text, &bytes, &error);
    struct doc *doc = result == 0 ? doc_parse(buf_str(&bytes), &error) : NULL;
    if (doc == NULL) {
        if (result != -ENOENT)
            objects->error = take_pointer(error);
        return;
    }
    array_grow(objects->docs, objects->count, objects->capacity);
    objects->docs[objects->count++] = doc;
}

static int result_of(struct pod_objects *objects, struct error **err)
{
    if (objects->error == NULL)
        return 0;
    int result = -objects->error->number;
    error_move(err, take_pointer(objects->error));
    return result;
}

int pod_objects_read(struct pod_objects *objects, const struct pod *pod, struct error **err)
{
    *objects = (struct pod_objects){.pod = pod};
    references_each(pod_document(pod), read_one, objects);
    return result_of(objects, err);
}

int pod_objects_read_passwords(struct pod_objects *objects, const struct pod *pod, struct error **err)
{
    struct str account = pull_account(pod_document(pod));
    *objects = (struct pod_objects){.pod = pod};
    if (account.length != 0 && !pod->record->is_static)
        read_one(objects, "ServiceAccount", account);
    value_each (reference, pull_references(pod_document(pod), pod_objects_find, objects))
        read_one(objects, "Secret", value_str(value_get(reference, STR("name"))));
    return result_of(objects, err);
}

struct value pod_objects_find(void *context, const char *kind, struct str name)
{
    const struct pod_objects *objects = context;
    for (size_t i = 0; i < objects->count; i++) {
        struct value object = doc_root(objects->docs[i]);
        if (value_is(value_get(object, STR("kind")), kind) &&
            str_equal(value_str(value_at(object, "metadata", "name")), name))
            return object;
    }
    return VALUE_ABSENT;
}

struct question {
    const struct meta *object;
    bool named;
};

static void compare(void *context, const char *kind, struct str name)
{
    struct question *question = context;
    question->named |=
        strcmp(question->object->view->kind, kind) == 0 && str_equal(question->object->name, name);
}

bool pod_names_object(const struct pod *pod, const struct meta *object)
{
    struct question question = {.object = object};
    if (str_is(object->namespace, pod->record->namespace))
        references_each(pod_document(pod), compare, &question);
    return question.named;
}
