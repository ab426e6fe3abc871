#include "tests/unit/lib/world.h"

#include "lib/clock.h"
#include "lib/view.h"
#include "lib/yaml.h"
#include <errno.h>
#include <stdio.h>

/* Objects stand in a list in the order of their versions: one that changes moves to its end. Tombstones stand
 * in it too. Small worlds only: everything is searched from one end to the other. */

static const struct known_kind {
    const char *resource, *api_version, *kind;
    bool namespaced;
} known_kinds[] = {
    {"namespaces", "v1", "Namespace", false},
    {"nodes", "v1", "Node", false},
    {"pods", "v1", "Pod", true},
    {"configmaps", "v1", "ConfigMap", true},
    {"replicasets.apps", "apps/v1", "ReplicaSet", true},
    {"deployments.apps", "apps/v1", "Deployment", true},
    {"leases.coordination.k8s.io", "coordination.k8s.io/v1", "Lease", true},
};
enum { KIND_COUNT = sizeof(known_kinds) / sizeof(*known_kinds) };

struct item {
    struct item *previous, *next;
    const struct known_kind *kind;
    int64_t version;
    struct doc *doc;
    bool deleted;
};

struct told {
    struct told *next;
    char *reason;
};

struct client;

struct world {
    struct item *first, *last;
    int64_t version, significant, now_ms, uids;
    uint64_t random;
    struct client *clients;
    struct told *events;
    const struct known_kind *refused_kind;
    const char *refused_error;
    void (*check)(void *context, struct world *world);
    void *context;
};

struct following {
    const struct known_kind *kind;
    bool *changed;
    bool news;
};

struct client {
    struct tree tree;
    struct world *world;
    struct client *next;
    struct following followings[32];
    size_t following_count;
    size_t steps_left; /* 0: any number */
    bool dead, delayed;
    size_t reads, bulks;
};

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

int64_t world_version(const struct world *world)
{
    return world->version;
}

int64_t world_significant_version(const struct world *world)
{
    return world->significant;
}

static const struct known_kind *kind_of_resource(struct str resource)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct str full = str_of(known_kinds[i].resource), rest = full, plural;
        str_split(&rest, '.', &plural);
        if (str_equal(resource, full) || str_equal(resource, plural))
            return &known_kinds[i];
    }
    return NULL;
}

static const struct known_kind *kind_of_manifest(struct value object)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
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

static int run_bulk(struct world *world, struct str requests, struct buf *results, struct error **err)
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

/* ---- clients ---- */

static struct client *client_of(const struct tree *tree)
{
    return (struct client *)tree;
}

/* Counts a step. Returns whether it is the client's last. */
static bool is_last_step(struct client *client)
{
    if (client->steps_left == 0)
        return false;
    client->dead = --client->steps_left == 0;
    return client->dead;
}

static int dead(struct error **err)
{
    return error_make(err, EIO, "the client is dead");
}

static void client_follow(struct tree *tree, const char *resource, bool *changed)
{
    struct client *client = client_of(tree);
    if (client->following_count == sizeof(client->followings) / sizeof(*client->followings))
        abort();
    client->followings[client->following_count++] =
        (struct following){kind_of_resource(str_of(resource)), changed, true};
}

static int client_events(struct tree *tree, struct error **err)
{
    struct client *client = client_of(tree);
    if (client->dead)
        return dead(err);
    for (size_t i = 0; i < client->following_count; i++) {
        struct following *following = &client->followings[i];
        if (!following->news || (client->delayed && world_random(client->world, 3) != 0))
            continue;
        following->news = false;
        *following->changed = true;
    }
    return 0;
}

static int client_descriptor(struct tree *tree)
{
    (void)tree;
    return -1;
}

static int give_line(const struct item *item, bool metadata_only, tree_line_fn *line, void *context,
                     struct error **err)
{
    autobuf struct buf text = {0};
    if (metadata_only) {
        autodoc struct doc *copy = doc_copy(doc_root(item->doc));
        value_unset(doc_root(copy), STR("spec"));
        value_unset(doc_root(copy), STR("status"));
        value_write(&text, doc_root(copy));
    } else {
        value_write(&text, doc_root(item->doc));
    }
    return line(context, buf_str(&text), err);
}

/* A list has no tombstones. A client that dies gets a part of the answer. */
static int client_since(struct tree *tree, const char *resource, int64_t version, bool metadata_only,
                        tree_line_fn *line, void *context, struct error **err)
{
    struct client *client = client_of(tree);
    if (client->dead)
        return dead(err);
    client->reads++;
    bool last = is_last_step(client);
    size_t lines_left = last ? world_random(client->world, 4) : SIZE_MAX;
    const struct known_kind *kind = kind_of_resource(str_of(resource));
    for (const struct item *item = client->world->first; item != NULL; item = item->next) {
        if (item->kind != kind || item->version <= version || (item->deleted && version == 0))
            continue;
        if (lines_left-- == 0)
            return dead(err);
        int result = give_line(item, metadata_only, line, context, err);
        if (result < 0)
            return result;
    }
    if (last)
        return dead(err);
    char text[64];
    snprintf(text, sizeof(text), "{\"version\":\"%lld\"}", (long long)client->world->version);
    int result = line(context, str_of(text), err);
    return result < 0 ? result : 0;
}

static int client_bulk(struct tree *tree, struct str requests, size_t count, struct buf *results,
                       struct error **err)
{
    struct client *client = client_of(tree);
    (void)count;
    if (client->dead)
        return dead(err);
    client->bulks++;
    bool last = is_last_step(client);
    if (last && world_random(client->world, 2) == 0)
        return dead(err);
    int result = run_bulk(client->world, requests, results, err);
    if (result == 0 && last)
        return dead(err);
    return result;
}

static int client_resources(struct tree *tree, struct buf *names, struct error **err)
{
    if (client_of(tree)->dead)
        return dead(err);
    for (size_t i = 0; i < KIND_COUNT; i++)
        buf_addf(names, "%s\n", known_kinds[i].resource);
    return 0;
}

static int64_t client_clock(struct tree *tree)
{
    return client_of(tree)->world->now_ms;
}

static void client_close(struct tree *tree)
{
    struct client *client = client_of(tree);
    struct client **link = &client->world->clients;
    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    free(client);
}

static const struct tree_operations client_operations = {
    .follow = client_follow,
    .events = client_events,
    .descriptor = client_descriptor,
    .since = client_since,
    .bulk = client_bulk,
    .resources = client_resources,
    .wall_ms = client_clock,
    .clock_ms = client_clock,
    .close = client_close,
};

struct tree *world_client(struct world *world)
{
    struct client *client = memory_zeroed(1, sizeof(*client));
    client->tree.operations = &client_operations;
    client->world = world;
    client->next = world->clients;
    world->clients = client;
    return &client->tree;
}

void client_kill_after(struct tree *client, size_t steps)
{
    client_of(client)->steps_left = steps;
}

bool client_is_dead(const struct tree *client)
{
    return client_of(client)->dead;
}

void client_delay(struct tree *client, bool delay)
{
    client_of(client)->delayed = delay;
}

bool client_has_news(const struct tree *tree)
{
    const struct client *client = client_of(tree);
    for (size_t i = 0; i < client->following_count; i++)
        if (client->followings[i].news)
            return true;
    return false;
}

size_t client_reads(const struct tree *client)
{
    return client_of(client)->reads;
}

size_t client_bulks(const struct tree *client)
{
    return client_of(client)->bulks;
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

/* ---- the summary ---- */

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
        for (size_t i = 0; i < sizeof(volatile_keys) / sizeof(*volatile_keys); i++)
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
