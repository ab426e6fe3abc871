/* One object and what the kernel knows of it, for tests of who is told what: what the kernel would be told is
 * written down instead. Included once in a program. */
#ifndef PODTREE_TEST_SCENE_H
#define PODTREE_TEST_SCENE_H

#include "fsd/announce.h"
#include "fsd/documents.h"
#include "fsd/invalidator.h"
#include "fsd/txn_private.h"
#include "tests/unit/fsd/kinds.h"
#include "tests/unit/fsd/shared.h"

#include <sys/socket.h>

enum { OBJECT = 1, NAMESPACE = 1000000 };

struct scene {
    struct shared *shared;
    struct fsd fsd;
    struct txn txn;
    int ends[2]; /* of the announcer's socket */
    struct object *object;
    uint32_t node; /* /configmaps/conf */
    struct buf told;
};

/* ---- instead of the invalidator ---- */

static struct scene *told_scene;

static void note(const char *what, uint32_t node)
{
    struct str name = node != 0 ? node_name(told_scene->fsd.nodes, node) : STR("?");
    buf_addf(&told_scene->told, "%s " STR_FORMAT "\n", what, STR_ARGS(name));
}

void invalidate_node(struct invalidator *invalidator, uint64_t number, bool attributes_only)
{
    (void)invalidator;
    note(attributes_only ? "attributes" : "contents", node_of_number(told_scene->fsd.nodes, number));
}

void invalidate_deleted(struct invalidator *invalidator, uint64_t parent, uint64_t child, struct str name)
{
    (void)invalidator, (void)parent, (void)name;
    note("gone", node_of_number(told_scene->fsd.nodes, child));
}

void invalidate_entry(struct invalidator *invalidator, uint64_t parent, struct str name)
{
    (void)invalidator, (void)parent, (void)name;
    fail_msg("nothing that is told of here takes only a name");
}

void invalidate_fence(struct invalidator *invalidator, void *cookie)
{
    (void)invalidator, (void)cookie;
}

void invalidator_turn(struct invalidator *invalidator)
{
    (void)invalidator;
}

bool invalidator_is_idle(struct invalidator *invalidator)
{
    (void)invalidator;
    return true;
}

void *invalidator_reached(struct invalidator *invalidator)
{
    (void)invalidator;
    return NULL;
}

/* ---- the scene ---- */

static inline struct version *scene_version(struct scene *scene, const char *data)
{
    autobuf struct buf text = {0};
    buf_addf(&text,
             "{\"apiVersion\":\"v1\",\"data\":%s,\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"conf\","
             "\"namespace\":\"default\",\"resourceVersion\":\"%lld\"}}",
             data, (long long)++scene->txn.published);
    struct record record = {.id = OBJECT, .version = scene->txn.published, .document = buf_str(&text)};
    return version_from_record(must_kind("configmaps"), &record);
}

/* The kernel looks a name up, and keeps what it gets. */
static inline uint32_t scene_look(struct scene *scene, uint32_t parent, const char *name)
{
    struct nodes *nodes = scene->fsd.nodes;
    uint32_t node = node_find(nodes, parent, str_of(name));
    if (node == 0)
        node = node_make(nodes, parent, str_of(name));
    node_grant(nodes, node);
    node_record(nodes, node)->flags |= NODE_CACHED;
    return node;
}

static inline void scene_begin(struct scene *scene)
{
    struct fsd *fsd = &scene->fsd;
    fsd->memory = scene->shared->memory;
    fsd->mount = "/k8s";
    fsd->nodes = nodes_new(fsd->memory);
    fsd->handles = handles_new(fsd->memory);
    arena_ready(fsd->memory->arena);
    fsd->kinds = kinds;
    fsd->objects = objects_new(kinds);
    fsd->documents = documents_new();
    fsd->txn = &scene->txn;
    fsd->announcer = announcer_new(fsd, scene->ends[0]);
    told_scene = scene;
}

static inline void scene_end(struct scene *scene)
{
    struct fsd *fsd = &scene->fsd;
    announcer_free(fsd->announcer);
    documents_free(fsd->documents);
    objects_free(fsd->objects);
    handles_free(fsd->handles);
    nodes_free(fsd->nodes);
}

/* What the store has: the object, with this data, and its namespace. */
static inline void scene_load(struct scene *scene, const char *data)
{
    struct record namespace = {.id = NAMESPACE, .version = 1, .document = STR("{}")};
    object_load(scene->fsd.objects, NAMESPACE, must_kind("namespaces"), STR(""), STR("default"), STR("uid-0"),
                version_from_record(must_kind("namespaces"), &namespace));
    scene->object = object_load(scene->fsd.objects, OBJECT, must_kind("configmaps"), STR("default"),
                                STR("conf"), STR("uid-1"), scene_version(scene, data));
}

static inline int scene_make(void **state)
{
    struct scene *scene = memory_zeroed(1, sizeof(*scene));
    shared_make(state);
    scene->shared = *state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, scene->ends), 0);
    scene_begin(scene);
    scene->txn.published = 1; /* the namespace */
    scene_load(scene, "{\"a\":\"1\",\"b\":\"1\"}");
    uint32_t node = scene_look(scene, NODE_ROOT, "namespaces");
    node = scene_look(scene, node, "default");
    node_record(scene->fsd.nodes, node)->object = NAMESPACE;
    node = scene_look(scene, node, "configmaps");
    scene->node = scene_look(scene, node, "conf");
    node_record(scene->fsd.nodes, scene->node)->object = OBJECT;
    *state = scene;
    return 0;
}

static inline int scene_free(void **state)
{
    struct scene *scene = *state;
    void *shared = scene->shared;
    scene_end(scene);
    close(scene->ends[0]);
    close(scene->ends[1]);
    buf_free(&scene->told);
    free(scene);
    return shared_free(&shared);
}

#endif
