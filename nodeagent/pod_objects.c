/* What has to be found out before something can be made of a pod, and may take long: the ConfigMaps and
 * Secrets that it names, which the tree has, and whether the machine's paths are what its hostPaths ask for,
 * which may lie on a disk of the network. Errands find it out (errand.h): whoever needs it asks pod_knows(),
 * and when that says no he leaves it at that. When all is known that was asked for the pod is looked at
 * again, and for that one look, pod_sync(), it is known; nothing is kept. So what is made is made of what
 * there was a moment ago.
 *
 * A path that nobody answers for holds up this pod alone: each is looked at on a line of its own. */
#include "nodeagent/agent_private.h"

#include "lib/clock.h"
#include "nodeagent/errand.h"
#include "nodeagent/ownership.h"
#include "nodeagent/pull_secret.h"
#include "nodeagent/references.h"
#include "nodeagent/volume.h"
#include <errno.h>

/* By kind: where objects of it are in the tree. */
static const struct {
    const char *kind, *resource;
} places[] = {{"ConfigMap", "configmaps"}, {"Secret", "secrets"}, {"ServiceAccount", "serviceaccounts"}};

/* What has been found out. */
struct pod_objects {
    unsigned needs;
    struct doc **docs;
    size_t count, capacity;
    struct error *error;    /* they can't be read */
    struct doc *complaints; /* about hostPaths: sentences, by the volumes' names */
};

/* On the way to that: first the paths, so that objects are as new as can be. */
struct pod_search {
    struct pod *pod;
    struct pod_objects *found;
    struct line *paths;
    struct reading *reading;
};

static const char *resource_of(const char *kind)
{
    for (size_t i = 0; i < COUNT(places); i++)
        if (strcmp(places[i].kind, kind) == 0)
            return places[i].resource;
    return NULL;
}

static void objects_free(struct pod_objects *objects)
{
    if (objects == NULL)
        return;
    for (size_t i = 0; i < objects->count; i++)
        doc_free(objects->docs[i]);
    free(objects->docs);
    error_free(objects->error);
    doc_free(objects->complaints);
    free(objects);
}

static struct pod_objects *objects_new(void)
{
    return memory_zeroed(1, sizeof(struct pod_objects));
}

struct value pod_objects_find(void *context, const char *kind, struct str name)
{
    const struct pod_objects *objects = context;
    for (size_t i = 0; objects != NULL && i < objects->count; i++) {
        struct value object = doc_root(objects->docs[i]);
        if (value_is(value_get(object, STR("kind")), kind) &&
            str_equal(value_str(value_at(object, "metadata", "name")), name))
            return object;
    }
    return VALUE_ABSENT;
}

/* ---- reading objects: on the tree's line ---- */

struct reading {
    struct errand errand;
    struct pod_search *search; /* the loop's */
    struct tree *tree;
    struct doc *pod;
    char *namespace;
    bool is_static;
    struct pod_objects *found;
};

/* One that isn't there is no error: it may be optional. */
static void read_one(void *context, const char *kind, struct str name)
{
    struct reading *reading = context;
    struct pod_objects *found = reading->found;
    const char *resource = resource_of(kind);
    if (found->error != NULL || resource == NULL || value_exists(pod_objects_find(found, kind, name)))
        return;
    autofree char *text = str_dup(name);
    autobuf struct buf bytes = {0};
    autoerror struct error *error = NULL;
    int result = tree_get(reading->tree, resource, reading->namespace, text, &bytes, &error);
    struct doc *doc = result == 0 ? doc_parse(buf_str(&bytes), &error) : NULL;
    if (doc == NULL) {
        if (result != -ENOENT)
            found->error = take_pointer(error);
        return;
    }
    array_grow(found->docs, found->count, found->capacity);
    found->docs[found->count++] = doc;
}

/* Its imagePullSecrets, or its account and those of that (pull_secret.h). */
static void read_passwords(struct reading *reading)
{
    struct value pod = doc_root(reading->pod);
    struct str account = pull_account(pod);
    if (account.length != 0 && !reading->is_static)
        read_one(reading, "ServiceAccount", account);
    value_each (reference, pull_references(pod, pod_objects_find, reading->found))
        read_one(reading, "Secret", value_str(value_get(reference, STR("name"))));
}

static void read_objects(struct errand *errand)
{
    struct reading *reading = (struct reading *)errand;
    if ((reading->found->needs & NEED_OBJECTS) != 0)
        references_each(doc_root(reading->pod), read_one, reading);
    if ((reading->found->needs & NEED_PASSWORDS) != 0)
        read_passwords(reading);
}

static void reading_free(struct errand *errand)
{
    struct reading *reading = (struct reading *)errand;
    objects_free(reading->found);
    doc_free(reading->pod);
    free(reading->namespace);
    free(reading);
}

static void search_end(struct pod_search *search);

static void on_read(struct errand *errand)
{
    struct reading *reading = (struct reading *)errand;
    struct pod_search *search = reading->search;
    search->found = take_pointer(reading->found);
    search->reading = NULL;
    search_end(search);
}

static void begin_reading(struct pod_search *search)
{
    struct pod *pod = search->pod;
    struct reading *reading = search->reading = memory_zeroed(1, sizeof(*reading));
    *reading = (struct reading){.errand = {.work = read_objects, .done = on_read, .free = reading_free},
                                .search = search,
                                .tree = pod->agent->options.tree,
                                .pod = doc_copy(pod_document(pod)),
                                .namespace = str_dup(str_of(pod->record->namespace)),
                                .is_static = pod->record->is_static};
    reading->found = take_pointer(search->found);
    line_add(pod->agent->line, &reading->errand);
}

/* ---- looking at paths: on a line of the pod's own ---- */

struct looking {
    struct errand errand;
    struct pod_search *search; /* the loop's */
    struct doc *pod, *complaints;
};

static void look_at_paths(struct errand *errand)
{
    struct looking *looking = (struct looking *)errand;
    autogroup int own = ownership_of_root();
    value_each (volume, value_at(doc_root(looking->pod), "spec", "volumes")) {
        struct value source = value_get(volume, STR("hostPath"));
        autoerror struct error *error = NULL;
        if (value_exists(source) && volume_host_path(source, &error) < 0)
            value_set_str(doc_root(looking->complaints), volume_name(volume), str_of(error_message(error)));
    }
}

static void looking_free(struct errand *errand)
{
    struct looking *looking = (struct looking *)errand;
    doc_free(looking->pod);
    doc_free(looking->complaints);
    free(looking);
}

static void on_looked(struct errand *errand)
{
    struct looking *looking = (struct looking *)errand;
    struct pod_search *search = looking->search;
    line_free(take_pointer(search->paths), NULL, NULL);
    search->found->complaints = take_pointer(looking->complaints);
    begin_reading(search);
}

static int begin_looking(struct pod_search *search, struct error **err)
{
    search->paths = line_new(search->pod->agent->loop, "paths", err);
    if (search->paths == NULL)
        return -EIO;
    struct looking *looking = memory_zeroed(1, sizeof(*looking));
    *looking = (struct looking){.errand = {.work = look_at_paths, .done = on_looked, .free = looking_free},
                                .search = search,
                                .pod = doc_copy(pod_document(search->pod)),
                                .complaints = doc_new()};
    line_add(search->paths, &looking->errand);
    return 0;
}

/* ---- the search ---- */

static void search_free(struct pod_search *search)
{
    if (search == NULL)
        return;
    line_free(search->paths, NULL, NULL);
    errand_forget((struct errand *)search->reading);
    objects_free(search->found);
    free(search);
}

static void search_end(struct pod_search *search)
{
    struct pod *pod = search->pod;
    pod->search = NULL;
    pod->found = take_pointer(search->found);
    search_free(search);
    if ((pod->found->needs & NEED_UPDATE) != 0)
        pod_bring_volumes_up_to_date(pod);
    pod_retry(pod);
    pod_sync(pod); /* the pod may be gone afterwards */
}

static void search_begin(struct pod *pod, unsigned needs)
{
    struct pod_search *search = pod->search = memory_zeroed(1, sizeof(*search));
    *search = (struct pod_search){.pod = pod, .found = objects_new()};
    search->found->needs = needs;
    if ((needs & NEED_HOST_PATHS) == 0 || begin_looking(search, &search->found->error) < 0)
        begin_reading(search);
}

static void note_one(void *context, const char *kind, struct str name)
{
    (void)kind;
    (void)name;
    *(bool *)context = true;
}

static bool names_any(const struct pod *pod)
{
    bool any = false;
    references_each(pod_document(pod), note_one, &any);
    return any;
}

static bool has_host_path(const struct pod *pod)
{
    bool any = false;
    value_each (volume, value_at(pod_document(pod), "spec", "volumes"))
        any |= value_exists(value_get(volume, STR("hostPath")));
    return any;
}

bool pod_knows(struct pod *pod, unsigned needs, int64_t *retry_ms)
{
    if (!names_any(pod))
        needs &= ~(unsigned)NEED_OBJECTS;
    if (!has_host_path(pod))
        needs &= ~(unsigned)NEED_HOST_PATHS;
    needs &= ~(pod->found != NULL ? pod->found->needs : 0);
    if (needs == 0)
        return true;
    pod->wanted |= needs;
    *retry_ms = clock_wall_ms() + MACHINE_RETRY_MS;
    return false;
}

void pod_objects_forget_found(struct pod *pod)
{
    objects_free(take_pointer(pod->found));
    if (pod->wanted == 0 || pod->search != NULL || pod->agent->line == NULL || pod->document == NULL)
        return;
    unsigned needs = pod->wanted;
    pod->wanted = 0;
    search_begin(pod, needs);
}

void pod_objects_forget(struct pod *pod)
{
    objects_free(take_pointer(pod->found));
    search_free(take_pointer(pod->search));
}

int pod_objects(struct pod *pod, struct pod_objects **objects, struct error **err)
{
    *objects = pod->found;
    return *objects == NULL || (*objects)->error == NULL
               ? 0
               : error_make(err, (*objects)->error->number, "%s", (*objects)->error->message);
}

int pod_host_path(void *context, struct value volume, struct error **err)
{
    const struct pod *pod = context;
    struct value complaint =
        pod->found != NULL ? value_get(doc_root(pod->found->complaints), volume_name(volume)) : VALUE_ABSENT;
    return value_exists(complaint) ? error_make(err, EINVAL, STR_FORMAT, STR_ARGS(value_str(complaint))) : 0;
}

/* ---- which they are ---- */

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
