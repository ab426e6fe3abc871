#include "tests/unit/lib/world_private.h"

#include "lib/clock.h"
#include "lib/view.h"
#include "lib/yaml.h"
#include <errno.h>
#include <stdio.h>

/* Objects stand in a list in the order of their versions: one that changes moves to its end. Tombstones stand
 * in it too. Small worlds only: everything is searched from one end to the other. */

const struct known_kind known_kinds[] = {
    {"namespaces", "v1", "Namespace", false},
    {"nodes", "v1", "Node", false},
    {"pods", "v1", "Pod", true},
    {"configmaps", "v1", "ConfigMap", true},
    {"secrets", "v1", "Secret", true},
    {"replicasets.apps", "apps/v1", "ReplicaSet", true},
    {"deployments.apps", "apps/v1", "Deployment", true},
    {"nodes.metrics.k8s.io", "metrics.k8s.io/v1beta1", "NodeMetrics", false},
    {"leases.coordination.k8s.io", "coordination.k8s.io/v1", "Lease", true},
};
const size_t known_kind_count = COUNT(known_kinds);

/* ---- small things ---- */

uint64_t world_random(struct world *world, uint64_t limit)
{
    world->random = world->random * 6364136223846793005u + 1442695040888963407u;
    return (world->random >> 33) % limit;
}

int64_t world_now(const struct world *world)
{
    return world->now_ms;
}

void world_wait(struct world *world, int64_t ms)
{
    world->now_ms += ms;
}

int64_t world_significant_version(const struct world *world)
{
    return world->significant;
}

const struct known_kind *kind_of_resource(struct str resource)
{
    for (size_t i = 0; i < known_kind_count; i++) {
        struct str full = str_of(known_kinds[i].resource), rest = full, plural;
        str_split(&rest, '.', &plural);
        if (str_equal(resource, full) || str_equal(resource, plural))
            return &known_kinds[i];
    }
    return NULL;
}

static const struct known_kind *kind_of_manifest(struct value object)
{
    for (size_t i = 0; i < known_kind_count; i++)
        if (value_is(value_get(object, STR("apiVersion")), known_kinds[i].api_version) &&
            value_is(value_get(object, STR("kind")), known_kinds[i].kind))
            return &known_kinds[i];
    return NULL;
}

static struct value metadata_of(const struct item *item)
{
    return value_get(doc_root(item->doc), STR("metadata"));
}

static struct item *find(const struct world *world, const struct known_kind *kind, struct str namespace,
                         struct str name)
{
    for (struct item *item = world->last; item != NULL; item = item->previous) {
        if (item->kind != kind || item->deleted)
            continue;
        struct value metadata = metadata_of(item);
        if (str_equal(value_str(value_get(metadata, STR("name"))), name) &&
            (!kind->namespaced || str_equal(value_str(value_get(metadata, STR("namespace"))), namespace)))
            return item;
    }
    return NULL;
}

static void set_time(struct value v, const char *key, int64_t ms)
{
    char text[CLOCK_TEXT];
    clock_format(ms, text);
    value_set_str(v, str_of(key), str_of(text));
}

/* ---- changes ---- */

static void unlink_item(struct world *world, struct item *item)
{
    *(item->previous != NULL ? &item->previous->next : &world->first) = item->next;
    *(item->next != NULL ? &item->next->previous : &world->last) = item->previous;
}

static void append_item(struct world *world, struct item *item)
{
    item->previous = world->last;
    item->next = NULL;
    *(world->last != NULL ? &world->last->next : &world->first) = item;
    world->last = item;
}

static void announce(struct world *world, const struct known_kind *kind)
{
    for (struct client *client = world->clients; client != NULL; client = client->next)
        for (size_t i = 0; i < client->following_count; i++)
            if (client->followings[i].kind == kind)
                client->followings[i].news = true;
}

/* The item has been changed: it gets the next version and goes to the end. */
static void stamp(struct world *world, struct item *item)
{
    item->version = ++world->version;
    if (strcmp(item->kind->kind, "Lease") != 0)
        world->significant = world->version;
    value_setf(metadata_of(item), STR("resourceVersion"), "%lld", (long long)item->version);
    unlink_item(world, item);
    append_item(world, item);
    announce(world, item->kind);
}

static void remove_item(struct world *world, struct item *item)
{
    item->deleted = true;
    value_unset(doc_root(item->doc), STR("spec"));
    value_unset(doc_root(item->doc), STR("status"));
    value_set_bool(doc_root(item->doc), STR("deleted"), true);
    stamp(world, item);
}

static bool is_held(const struct item *item)
{
    struct value metadata = metadata_of(item);
    return value_count(value_get(metadata, STR("finalizers"))) != 0 ||
           value_count(value_at(doc_root(item->doc), "spec", "finalizers")) != 0;
}

static bool is_being_deleted(const struct item *item)
{
    return value_exists(value_get(metadata_of(item), STR("deletionTimestamp")));
}

static struct item *create(struct world *world, const struct known_kind *kind, struct value object)
{
    struct item *item = memory_zeroed(1, sizeof(*item));
    item->kind = kind;
    item->doc = doc_copy(object);
    struct value root = doc_root(item->doc), metadata = value_ensure_object(root, STR("metadata"));
    value_setf(metadata, STR("uid"), "uid-%lld", (long long)++world->uids);
    value_set_int(metadata, STR("generation"), 1);
    set_time(metadata, "creationTimestamp", world->now_ms);
    if (strcmp(kind->kind, "Namespace") == 0)
        value_append_str(value_ensure_array(value_ensure_object(root, STR("spec")), STR("finalizers")),
                         STR("kubernetes"));
    append_item(world, item);
    stamp(world, item);
    return item;
}

/* Puts `changed` in the item's place if it differs; a terminating item that nothing holds any more goes. */
static void replace(struct world *world, struct item *item, struct doc *changed)
{
    struct value before = doc_root(item->doc), now = doc_root(changed);
    if (value_equal(before, now)) {
        doc_free(changed);
        return;
    }
    if (!value_equal(value_get(before, STR("spec")), value_get(now, STR("spec")))) {
        int64_t generation = value_int_or(value_get(metadata_of(item), STR("generation")), 0);
        value_set_int(value_get(now, STR("metadata")), STR("generation"), generation + 1);
    }
    doc_free(item->doc);
    item->doc = changed;
    if (is_being_deleted(item) && !is_held(item) &&
        (strcmp(item->kind->kind, "Pod") != 0 || value_str(value_at(now, "spec", "nodeName")).length == 0))
        remove_item(world, item);
    else
        stamp(world, item);
}

static void delete (struct world *world, struct item *item, bool finished, int64_t grace)
{
    bool runs = strcmp(item->kind->kind, "Pod") == 0 && !finished && grace != 0 &&
                value_str(value_at(doc_root(item->doc), "spec", "nodeName")).length != 0;
    if (!is_held(item) && !runs) {
        remove_item(world, item);
    } else if (!is_being_deleted(item)) {
        set_time(metadata_of(item), "deletionTimestamp", world->now_ms);
        stamp(world, item);
    }
}

/* ---- people ---- */

static struct doc **parse_all(const char *yaml, int *count)
{
    struct doc **docs = NULL;
    autoerror struct error *err = NULL;
    *count = yaml_parse_all(str_of(yaml), &docs, NULL, &err);
    if (*count < 0) {
        fprintf(stderr, "%s\n%s\n", error_message(err), yaml);
        abort();
    }
    return docs;
}

static void apply(struct world *world, struct value object)
{
    const struct known_kind *kind = kind_of_manifest(object);
    if (kind == NULL)
        abort();
    struct value metadata = value_ensure_object(object, STR("metadata"));
    if (kind->namespaced && !value_exists(value_get(metadata, STR("namespace"))))
        value_set_str(metadata, STR("namespace"), STR("default"));
    struct item *item = find(world, kind, value_str(value_get(metadata, STR("namespace"))),
                             value_str(value_get(metadata, STR("name"))));
    if (item == NULL) {
        create(world, kind, object);
        return;
    }
    struct doc *changed = doc_copy(doc_root(item->doc));
    value_merge(doc_root(changed), object);
    replace(world, item, changed);
}

void world_apply(struct world *world, const char *yaml)
{
    int count;
    struct doc **docs = parse_all(yaml, &count);
    for (int i = 0; i < count; i++)
        apply(world, doc_root(docs[i]));
    yaml_free_all(docs, count);
}

void world_delete(struct world *world, const char *resource, const char *namespace, const char *name)
{
    struct item *item = find(world, kind_of_resource(str_of(resource)), str_of(namespace), str_of(name));
    if (item == NULL)
        abort();
    delete (world, item, false, -1);
}

/* ---- looking ---- */

struct value world_get(const struct world *world, const char *resource, const char *namespace,
                       const char *name)
{
    const struct item *item =
        find(world, kind_of_resource(str_of(resource)), str_of(namespace), str_of(name));
    return item != NULL ? doc_root(item->doc) : VALUE_ABSENT;
}

void world_each(const struct world *world, const char *resource,
                void (*each)(void *context, struct value object), void *context)
{
    const struct known_kind *kind = kind_of_resource(str_of(resource));
    for (const struct item *item = world->first; item != NULL; item = item->next)
        if (item->kind == kind && !item->deleted)
            each(context, doc_root(item->doc));
}

static void count_one(void *context, struct value object)
{
    (void)object;
    ++*(size_t *)context;
}

size_t world_count(const struct world *world, const char *resource)
{
    size_t count = 0;
    world_each(world, resource, count_one, &count);
    return count;
}

size_t world_events(const struct world *world, const char *reason)
{
    size_t count = 0;
    for (const struct told *told = world->events; told != NULL; told = told->next)
        count += reason == NULL || strcmp(told->reason, reason) == 0;
    return count;
}

/* ---- bulk ---- */

static void fail(struct buf *results, const char *error, const char *message)
{
    buf_addf(results, "{\"error\":\"%s\",\"message\":\"%s\"}\n", error, message);
}

static void succeed(struct buf *results, const struct item *item)
{
    struct value metadata = metadata_of(item);
    buf_addf(results, "{\"uid\":\"" STR_FORMAT "\",\"name\":\"" STR_FORMAT "\",\"rv\":\"%lld\"}\n",
             STR_ARGS(value_str(value_get(metadata, STR("uid")))),
             STR_ARGS(value_str(value_get(metadata, STR("name")))), (long long)item->version);
}

static bool is_closed(const struct world *world, struct str namespace)
{
    const struct item *item = find(world, &known_kinds[0], STR(""), namespace);
    return item != NULL && is_being_deleted(item);
}

static void do_create(struct world *world, struct value request, struct buf *results)
{
    struct value object = value_get(request, STR("object"));
    const struct known_kind *kind = kind_of_manifest(object);
    struct str namespace = value_str(value_at(object, "metadata", "namespace"));
    struct str name = value_str(value_at(object, "metadata", "name"));
    if (kind == NULL || name.length == 0)
        fail(results, "EINVAL", "no kind or no name");
    else if (kind == world->refused_kind)
        fail(results, world->refused_error, "the test says no");
    else if (kind->namespaced && is_closed(world, namespace))
        fail(results, "EBUSY", "the namespace is being deleted");
    else if (find(world, kind, namespace, name) != NULL)
        fail(results, "EEXIST", "there is one of that name");
    else
        succeed(results, create(world, kind, object));
}

static void do_patch(struct world *world, struct item *item, struct value merge, struct buf *results)
{
    struct doc *changed = doc_copy(doc_root(item->doc));
    struct str bound = value_str(value_at(doc_root(item->doc), "spec", "nodeName"));
    value_unset(merge, STR("status"));
    value_merge(doc_root(changed), merge);
    if (bound.length != 0 && !str_equal(bound, value_str(value_at(doc_root(changed), "spec", "nodeName")))) {
        doc_free(changed);
        fail(results, "EPERM", "spec.nodeName is written once");
        return;
    }
    replace(world, item, changed);
    succeed(results, item);
}

static void do_status(struct world *world, struct item *item, struct value merge, struct buf *results)
{
    struct doc *changed = doc_copy(doc_root(item->doc));
    value_merge(value_ensure_object(doc_root(changed), STR("status")), merge);
    replace(world, item, changed);
    succeed(results, item);
}

static void do_event(struct world *world, struct value request)
{
    struct told *told = memory_zeroed(1, sizeof(*told));
    told->reason = str_dup(value_str(value_get(request, STR("reason"))));
    told->next = world->events;
    world->events = told;
}

static void carry_out(struct world *world, struct value request, struct buf *results)
{
    struct value op = value_get(request, STR("op")), merge = value_get(request, STR("merge"));
    struct str uid = value_str(value_get(request, STR("uid"))), rv = value_str(value_get(request, STR("rv")));
    if (value_is(op, "create")) {
        do_create(world, request, results);
        return;
    }
    struct item *item =
        find(world, kind_of_resource(value_str(value_get(request, STR("resource")))),
             value_str(value_get(request, STR("namespace"))), value_str(value_get(request, STR("name"))));
    if (item == NULL ||
        (uid.length != 0 && !str_equal(uid, value_str(value_get(metadata_of(item), STR("uid"))))))
        fail(results, "ENOENT", "there is no such object");
    else if (rv.length != 0 &&
             !str_equal(rv, value_str(value_get(metadata_of(item), STR("resourceVersion")))))
        fail(results, "EAGAIN", "it has changed");
    else if (value_is(op, "patch"))
        do_patch(world, item, merge, results);
    else if (value_is(op, "status"))
        do_status(world, item, merge, results);
    else if (value_is(op, "delete")) {
        delete (world, item, value_true(value_get(request, STR("finished"))),
                value_int_or(value_get(request, STR("grace")), -1));
        succeed(results, item);
    } else if (value_is(op, "event")) {
        do_event(world, request);
        succeed(results, item);
    } else {
        fail(results, "EINVAL", "no such operation");
    }
}

int world_bulk(struct world *world, struct str requests, struct buf *results, struct error **err)
{
    struct str line;
    while (str_split(&requests, '\n', &line)) {
        if (line.length == 0)
            continue;
        autodoc struct doc *doc = doc_parse(line, err);
        if (doc == NULL)
            return -EINVAL;
        carry_out(world, doc_root(doc), results);
    }
    if (world->check != NULL)
        world->check(world->context, world);
    return 0;
}

void world_refuse(struct world *world, const char *resource, const char *error)
{
    world->refused_kind = error != NULL ? kind_of_resource(str_of(resource)) : NULL;
    world->refused_error = error;
}

void world_watch(struct world *world, void (*check)(void *context, struct world *world), void *context)
{
    world->check = check;
    world->context = context;
}

/* ---- the world itself ---- */

struct world *world_new(uint64_t seed)
{
    struct world *world = memory_zeroed(1, sizeof(*world));
    world->random = seed;
    clock_parse(STR("2026-01-01T00:00:00Z"), &world->now_ms);
    return world;
}

void world_free(struct world *world)
{
    while (world->first != NULL) {
        struct item *item = world->first;
        unlink_item(world, item);
        doc_free(item->doc);
        free(item);
    }
    while (world->events != NULL) {
        struct told *told = world->events;
        world->events = told->next;
        free(told->reason);
        free(told);
    }
    free(world);
}
