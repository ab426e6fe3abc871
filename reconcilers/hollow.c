#include "reconcilers/hollow.h"

#include "lib/clock.h"
#include "lib/condition.h"
#include "lib/views.h"
#include <stdio.h>

/* One process plays all nodes. Each is registered, renews its lease every ten seconds, and says of every pod
 * that is bound to it that it runs, as soon as it sees it; a pod that is being deleted ends at once. What a
 * real node takes time for takes none, so what is measured with such nodes is the rest of the cluster. */

enum { RENEW_MS = 10 * 1000, LEASE_SECONDS = 40 };

#define LEASE_NAMESPACE "kube-node-lease"
#define PREFIX          "hollow-"

static int64_t node_count;

void hollow_set_count(int64_t nodes)
{
    node_count = nodes;
}

/* The number of a node, -1 if it is none of ours. */
static int64_t node_number(struct str name)
{
    int64_t number;
    if (!str_starts(name, STR(PREFIX)))
        return -1;
    name.at += strlen(PREFIX);
    name.length -= strlen(PREFIX);
    return str_to_int64(name, &number) && number >= 0 && number < node_count ? number : -1;
}

/* ---- nodes ---- */

static void set_time(struct value v, const char *key, int64_t now_ms)
{
    char text[CLOCK_TEXT];
    clock_format(now_ms, text);
    value_set_str(v, str_of(key), str_of(text));
}

static void set_micro_time(struct value v, const char *key, int64_t now_ms)
{
    char text[CLOCK_TEXT];
    clock_format_micro(now_ms * 1000, text);
    value_set_str(v, str_of(key), str_of(text));
}

static struct doc *make_object(const struct view *view, struct key key)
{
    struct doc *doc = doc_new();
    struct value object = doc_root(doc);
    value_set_str(object, STR("apiVersion"), str_of(view->api_version));
    value_set_str(object, STR("kind"), str_of(view->kind));
    struct value metadata = value_set_object(object, STR("metadata"));
    value_set_str(metadata, STR("name"), key.name);
    if (key.namespace.length != 0)
        value_set_str(metadata, STR("namespace"), key.namespace);
    return doc;
}

static void plan_node(struct pass *pass, struct key key)
{
    struct doc *doc = make_object(&node_view, key);
    struct value labels = value_ensure_object(value_get(doc_root(doc), STR("metadata")), STR("labels"));
    value_set_str(labels, STR("kubernetes.io/hostname"), key.name);
    value_set_str(labels, STR("kubernetes.io/os"), STR("linux"));
    value_set_str(labels, STR("podtree/hollow"), STR("true"));
    plan_create(pass, &node_view, doc);
}

/* 10.128.0.0/9 is the nodes', the other half of 10.0.0.0/8 the pods'. */
static void format_node_address(int64_t number, char out[16])
{
    snprintf(out, 16, "10.%d.%d.%d", 128 + (int)(number >> 16 & 0x7f), (int)(number >> 8 & 0xff),
             (int)(number & 0xff));
}

static void set_room(struct value resources)
{
    value_set_str(resources, STR("cpu"), STR("32"));
    value_set_str(resources, STR("memory"), STR("256Gi"));
    value_set_str(resources, STR("pods"), STR("110"));
}

static void plan_node_status(struct pass *pass, const struct node *node)
{
    struct doc *doc = doc_new();
    struct value status = doc_root(doc);
    set_room(value_set_object(status, STR("capacity")));
    set_room(value_set_object(status, STR("allocatable")));
    struct value condition = condition_set(value_set_array(status, STR("conditions")), "Ready", "True",
                                           "KubeletReady", STR("hollow node is ready"), pass_now(pass));
    set_time(condition, "lastHeartbeatTime", pass_now(pass));
    char ip[16];
    format_node_address(node_number(node->meta.name), ip);
    struct value addresses = value_set_array(status, STR("addresses"));
    struct value address = value_append_object(addresses);
    value_set_str(address, STR("type"), STR("InternalIP"));
    value_set_str(address, STR("address"), str_of(ip));
    plan_status(pass, &node->meta, doc);
}

/* Without a lease there is nothing to renew: it is made. */
static void plan_lease(struct pass *pass, struct key node)
{
    struct key key = {STR(LEASE_NAMESPACE), node.name};
    const struct lease *lease = pass_get(pass, &lease_view, key);
    int64_t now = pass_now(pass);
    int64_t due = lease != NULL ? lease->renewed_ms + RENEW_MS : now;
    if (due > now) {
        pass_again(pass, due - now);
        return;
    }
    struct doc *doc = lease != NULL ? doc_new() : make_object(&lease_view, key);
    struct value spec = value_set_object(doc_root(doc), STR("spec"));
    set_micro_time(spec, "renewTime", now);
    pass_again(pass, RENEW_MS);
    if (lease != NULL) {
        plan_patch_any(pass, &lease->meta, doc);
        return;
    }
    value_set_str(spec, STR("holderIdentity"), node.name);
    value_set_int(spec, STR("leaseDurationSeconds"), LEASE_SECONDS);
    plan_create(pass, &lease_view, doc);
}

static int reconcile_node(struct pass *pass, struct key key, struct error **err)
{
    (void)err;
    if (node_number(key.name) < 0)
        return 0;
    const struct node *node = pass_get(pass, &node_view, key);
    if (node == NULL)
        plan_node(pass, key);
    else if (!is_terminating(node) && (!node->ready || !node->has_status))
        plan_node_status(pass, node);
    plan_lease(pass, key);
    return 0;
}

static void start_nodes(struct keys *keys)
{
    for (int64_t i = 0; i < node_count; i++) {
        char name[32];
        snprintf(name, sizeof(name), PREFIX "%lld", (long long)i);
        keys_add(keys, (struct key){STR(""), str_of(name)});
    }
}

static void wake_node(struct keys *keys, const struct controller *controller, const struct cache *cache,
                      const void *before, const void *now)
{
    (void)controller;
    (void)cache;
    struct key key = {STR(""), meta_of(now != NULL ? now : before)->name};
    if (node_number(key.name) >= 0)
        keys_add(keys, key);
}

/* One that is renewed is our own doing. */
static void wake_for_lease(struct keys *keys, const struct controller *controller, const struct cache *cache,
                           const void *before, const void *now)
{
    if (now == NULL && str_is(meta_of(before)->namespace, LEASE_NAMESPACE))
        wake_node(keys, controller, cache, before, now);
}

static const struct watch node_watches[] = {{&node_view, wake_node}, {&lease_view, wake_for_lease}, {0}};

const struct controller hollow_nodes_controller = {
    .name = "hollow-node", .watches = node_watches, .start = start_nodes, .reconcile = reconcile_node};

/* ---- pods ---- */

/* What such a node wants to know of a pod. */
struct hollow_pod {
    struct meta meta;
    struct str node, ip;
    bool pending;
    struct value containers; /* shared by all pods of a template */
};

static void fill_pod(struct keeper *keeper, struct value object, void *view)
{
    struct hollow_pod *pod = view;
    struct value spec = value_get(object, STR("spec")), status = value_get(object, STR("status"));
    struct str phase = value_str(value_get(status, STR("phase")));
    pod->node = keep_str(keeper, value_str(value_get(spec, STR("nodeName"))));
    pod->ip = keep_str(keeper, value_str(value_get(status, STR("podIP"))));
    pod->pending = phase.length == 0 || str_is(phase, "Pending");
    if (pod->pending)
        pod->containers = keep_value(keeper, value_get(spec, STR("containers")));
}

static const struct view hollow_pod_view = {.resource = "pods",
                                            .api_version = "v1",
                                            .kind = "Pod",
                                            .size = sizeof(struct hollow_pod),
                                            .fill = fill_pod};

static struct str ip_value(const void *object, size_t n)
{
    const struct hollow_pod *pod = object;
    return n == 0 && pod->ip.length != 0 ? pod->ip : STR_NONE;
}

static const struct cache_index pods_by_ip = {&hollow_pod_view, ip_value, NULL};

/* The next address that no pod has: from 10.0.0.1 up, round and round. */
static void draw_address(struct pass *pass, char out[16])
{
    static uint32_t last;
    do {
        last = (last + 1) & 0x7fffff;
        snprintf(out, 16, "10.%u.%u.%u", last >> 16 & 0x7f, last >> 8 & 0xff, last & 0xff);
    } while ((last & 0xff) == 0 || (last & 0xff) == 255 || pass_found(pass, &pods_by_ip, str_of(out)) != 0);
}

static void set_container_statuses(struct value status, const struct hollow_pod *pod, int64_t now_ms)
{
    struct value statuses = value_set_array(status, STR("containerStatuses"));
    value_each (container, pod->containers) {
        struct value one = value_append_object(statuses);
        value_set_copy(one, STR("name"), value_get(container, STR("name")));
        value_set_copy(one, STR("image"), value_get(container, STR("image")));
        value_set_str(one, STR("imageID"), STR(""));
        value_setf(one, STR("containerID"), "hollow://" STR_FORMAT "/" STR_FORMAT, STR_ARGS(pod->meta.uid),
                   STR_ARGS(value_str(value_get(container, STR("name")))));
        value_set_bool(one, STR("ready"), true);
        value_set_bool(one, STR("started"), true);
        value_set_int(one, STR("restartCount"), 0);
        struct value running = value_set_object(value_set_object(one, STR("state")), STR("running"));
        set_time(running, "startedAt", now_ms);
    }
}

static void plan_running(struct pass *pass, const struct hollow_pod *pod)
{
    static const char *const conditions[] = {"PodReadyToStartContainers", "Initialized", "Ready",
                                             "ContainersReady", "PodScheduled"};
    int64_t now = pass_now(pass);
    char ip[16], host_ip[16];
    draw_address(pass, ip);
    format_node_address(node_number(pod->node), host_ip);
    struct doc *doc = doc_new();
    struct value status = doc_root(doc);
    value_set_str(status, STR("phase"), STR("Running"));
    set_time(status, "startTime", now);
    value_set_str(status, STR("hostIP"), str_of(host_ip));
    value_set_str(status, STR("podIP"), str_of(ip));
    struct value ips = value_set_array(status, STR("podIPs"));
    value_set_str(value_append_object(ips), STR("ip"), str_of(ip));
    struct value array = value_set_array(status, STR("conditions"));
    for (size_t i = 0; i < COUNT(conditions); i++)
        condition_set(array, conditions[i], "True", "", STR(""), now);
    set_container_statuses(status, pod, now);
    plan_status(pass, &pod->meta, doc);
}

static int reconcile_pod(struct pass *pass, struct key key, struct error **err)
{
    (void)err;
    const struct hollow_pod *pod = pass_get(pass, &hollow_pod_view, key);
    if (pod == NULL || node_number(pod->node) < 0)
        return 0;
    if (is_terminating(pod))
        plan_delete_finished(pass, &pod->meta);
    else if (pod->pending)
        plan_running(pass, pod);
    return 0;
}

static void wake_pod(struct keys *keys, const struct controller *controller, const struct cache *cache,
                     const void *before, const void *now)
{
    (void)controller;
    (void)cache;
    (void)before;
    const struct hollow_pod *pod = now;
    if (pod != NULL && node_number(pod->node) >= 0 && (pod->pending || is_terminating(pod)))
        keys_add(keys, key_of(pod));
}

static const struct watch pod_watches[] = {{&hollow_pod_view, wake_pod}, {0}};
static const struct cache_index *const pod_indexes[] = {&pods_by_ip, NULL};

const struct controller hollow_pods_controller = {
    .name = "hollow-pod", .watches = pod_watches, .indexes = pod_indexes, .reconcile = reconcile_pod};
