#include "nodeagent/agent_private.h"

#include "lib/clock.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mirror.h"
#include "nodeagent/discard.h"
#include "nodeagent/log_rotation.h"
#include "nodeagent/node.h"
#include "nodeagent/static_pod.h"
#include <errno.h>
#include <sys/epoll.h>

#define READ_ALL_MS    (3 * 60 * 1000)
#define READ_RETRY_MS  100
#define REPORT_MS      1000 /* most pods end before anybody wonders */
#define REPORT_MORE_MS 10000
#define REPORTED_PODS  5

struct pod *agent_find_pod(const struct agent *agent, struct str uid)
{
    return map_entry(map_find(&agent->pods, uid), struct pod, by_uid);
}

struct pod *agent_next_pod(const struct agent *agent, const struct pod *previous)
{
    return map_entry(map_next(&agent->pods, previous != NULL ? &previous->by_uid : NULL), struct pod, by_uid);
}

/* Calls for every pod, and stands it when the pod goes away in it. */
static void each_pod(struct agent *agent, void (*visit)(struct pod *pod))
{
    struct pod *next;
    for (struct pod *pod = agent_next_pod(agent, NULL); pod != NULL; pod = next) {
        next = agent_next_pod(agent, pod);
        visit(pod);
    }
}

/* ---- which pods are ours ---- */

/* A view can't be told anything but the document, so the node's name stands here. */
static const char *own_node;

struct bound_pod {
    struct meta meta;
    struct value object; /* the whole, where it is bound to this node */
};

static void fill_bound_pod(struct keeper *keeper, struct value object, void *view)
{
    struct bound_pod *pod = view;
    if (value_is(value_at(object, "spec", "nodeName"), own_node))
        pod->object = keep_value(keeper, object);
}

static const struct view bound_pod_view = {
    .resource = "pods",
    .api_version = "v1",
    .kind = "Pod",
    .size = sizeof(struct bound_pod),
    .fill = fill_bound_pod,
};

static void fill_own_node(struct keeper *keeper, struct value object, void *view)
{
    struct own_node *node = view;
    if (str_is(node->meta.name, own_node))
        node->taints = keep_value(keeper, value_at(object, "spec", "taints"));
}

/* Of nodes it only matters whether this one is there, and what it is; of ConfigMaps and Secrets when they
 * change: what they say is read when it is wanted (pod_objects.c). */
static const struct view own_node_view = {
    .resource = "nodes",
    .api_version = "v1",
    .kind = "Node",
    .size = sizeof(struct own_node),
    .fill = fill_own_node,
};
static const struct view configmap_view = {
    .resource = "configmaps",
    .api_version = "v1",
    .kind = "ConfigMap",
    .size = sizeof(struct meta),
    .metadata_only = true,
};
static const struct view secret_view = {
    .resource = "secrets",
    .api_version = "v1",
    .kind = "Secret",
    .size = sizeof(struct meta),
    .metadata_only = true,
};

static const struct view *const followed[AGENT_FOLLOWS] = {&bound_pod_view, &own_node_view, &configmap_view,
                                                           &secret_view};

const struct own_node *agent_own_node(const struct agent *agent)
{
    if (agent->cache == NULL)
        return NULL;
    return cache_get(agent->cache, &own_node_view, (struct key){STR(""), str_of(own_node)});
}

struct value agent_allocatable(const struct agent *agent)
{
    return value_get(doc_root(agent->node_status), STR("allocatable"));
}

struct value agent_bound_pod(const struct agent *agent, const char *namespace, const char *name)
{
    const struct bound_pod *pod =
        agent->cache != NULL
            ? cache_get(agent->cache, &bound_pod_view, (struct key){str_of(namespace), str_of(name)})
            : NULL;
    return pod != NULL ? pod->object : VALUE_ABSENT;
}

void agent_each_bound_pod(struct agent *agent, void (*visit)(void *context, struct value pod), void *context)
{
    for (const struct bound_pod *pod = NULL; (pod = cache_next(agent->cache, &bound_pod_view, pod)) != NULL;)
        if (value_exists(pod->object))
            visit(context, pod->object);
}

static bool is_mirror(const struct bound_pod *pod)
{
    return pod != NULL && mirror_of(pod->object).length != 0;
}

/* Mirrors are nothing to be run. */
static bool is_ours(const struct bound_pod *pod)
{
    return pod != NULL && value_exists(pod->object) && !is_mirror(pod);
}

static void on_pod_changed(struct agent *agent, const void *before, const void *now)
{
    const struct bound_pod *old = before, *new = now;
    if (is_mirror(old) || is_mirror(new))
        agent_mirror_later(agent);
    if (is_ours(old) && (!is_ours(new) || !str_equal(old->meta.uid, new->meta.uid))) {
        struct pod *gone = agent_find_pod(agent, old->meta.uid);
        if (gone != NULL)
            pod_set_document(gone, NULL);
    }
    if (!is_ours(new))
        return;
    struct pod *pod = agent_find_pod(agent, new->meta.uid);
    if (pod == NULL)
        pod = pod_new(agent, record_new(new->object, clock_wall_ms()));
    record_identify(pod->record, new->object, clock_wall_ms());
    struct doc *document = doc_copy(new->object);
    static_pod_disclaim(doc_root(document));
    pod_set_document(pod, document);
}

/* Somebody has removed the node, or put another in its place. */
static void on_node_changed(struct agent *agent, const struct meta *before, const struct meta *now)
{
    if (now != NULL && before == NULL && str_is(now->name, own_node))
        agent_mirror_later(agent);
    if (before != NULL && str_is(before->name, own_node) &&
        (now == NULL || !str_equal(now->uid, before->uid)))
        agent_say_node(agent);
}

/* Programs see new values of environment variables when they are started anew, new files at once. */
static void on_object_changed(struct agent *agent, const struct meta *object)
{
    for (struct pod *pod = NULL; (pod = agent_next_pod(agent, pod)) != NULL;) {
        if (!pod_names_object(pod, object))
            continue;
        pod_update_volumes(pod);
        pod_retry(pod);
    }
}

static void on_changed(void *context, const void *before, const void *now)
{
    const struct meta *object = meta_of(now != NULL ? now : before);
    if (object->view == &bound_pod_view)
        on_pod_changed(context, before, now);
    else if (object->view == &own_node_view)
        on_node_changed(context, before, now);
    else
        on_object_changed(context, object);
}

/* ---- following the tree ---- */

static void read_tree(void *context);

static void read_later(struct agent *agent, int64_t after_ms)
{
    loop_remove(agent->read_timer);
    agent->read_timer = loop_timer(agent->loop, after_ms, read_tree, agent);
}

/* Now it is known which of the pods that were found here are still wanted. */
void agent_set_ready(struct agent *agent, enum source source)
{
    if (agent->ready[source])
        return;
    agent->ready[source] = true;
    each_pod(agent, pod_sync);
}

static int read_changed(struct agent *agent, struct error **err)
{
    for (size_t i = 0; i < AGENT_FOLLOWS; i++) {
        if (!agent->changed[i] && !agent->read_all)
            continue;
        int result = cache_read(agent->cache, followed[i], agent->options.tree, agent->read_all, err);
        agent->changed[i] = result < 0;
        if (result < 0)
            return result;
    }
    agent->read_all = false;
    return 0;
}

static void read_tree(void *context)
{
    struct agent *agent = context;
    static int64_t complained;
    autoerror struct error *error = NULL, *unwatched = NULL;
    agent->read_timer = NULL;
    if (tree_events(agent->options.tree, &unwatched) < 0)
        read_later(agent, READ_RETRY_MS);
    if (read_changed(agent, &error) < 0) {
        if (log_due(&complained, 10))
            log_warning("cannot read the tree: %s", error_message(error));
        read_later(agent, READ_RETRY_MS);
        return;
    }
    if (!agent->ready[SOURCE_TREE])
        agent_mirror_later(agent);
    agent_set_ready(agent, SOURCE_TREE);
}

static void on_tree_events(void *context, uint32_t events)
{
    (void)events;
    read_tree(context);
}

static void on_read_all_due(void *context)
{
    struct agent *agent = context;
    agent->read_all = true;
    agent->read_all_timer = loop_timer(agent->loop, READ_ALL_MS, on_read_all_due, agent);
    read_tree(agent);
}

/* ---- what the tree answers ---- */

static void on_pod_answer(struct agent *agent, enum message_kind kind, const char *uid, struct str error,
                          struct str message)
{
    struct pod *pod = agent_find_pod(agent, str_of(uid));
    bool gone = str_is(error, "ENOENT"), outdated = str_is(error, "EAGAIN");
    if (error.length != 0 && !gone && !outdated)
        log_warning("pod %s: the tree refuses: " STR_FORMAT, uid, STR_ARGS(message));
    if (pod == NULL)
        return;
    if (kind == MESSAGE_STATUS && error.length != 0 && !gone)
        pod_status_refused(pod, outdated);
    if (kind == MESSAGE_FINISH && (error.length == 0 || gone)) {
        fault_point("finish-answered");
        pod_forget(pod);
    } else if (kind == MESSAGE_FINISH) {
        pod->finishing = false;
        pod_sync_later(pod, READ_RETRY_MS * 10);
    }
}

/* Somebody may remove the node or its lease: they are made again. */
static void on_answer(void *context, enum message_kind kind, const char *subject, struct str error,
                      struct str message)
{
    struct agent *agent = context;
    bool gone = str_is(error, "ENOENT");
    switch (kind) {
    case MESSAGE_STATUS:
    case MESSAGE_EVENT:
    case MESSAGE_FINISH:
        on_pod_answer(agent, kind, subject, error, message);
        return;
    case MESSAGE_MIRROR:
        agent_mirror_answered(agent, subject, error, message);
        return;
    case MESSAGE_NODE_STATUS:
        if (gone) {
            agent_say_node(agent);
            return;
        }
        break;
    case MESSAGE_LEASE_RENEW:
        if (gone) {
            agent_say_lease(agent);
            return;
        }
        break;
    case MESSAGE_USAGE:
        if (gone) {
            agent_say_usage_exists(agent);
            return;
        }
        break;
    case MESSAGE_NODE_CREATE:
    case MESSAGE_LEASE_CREATE:
    case MESSAGE_USAGE_CREATE:
        if (str_is(error, "EEXIST"))
            return;
        break;
    }
    if (error.length != 0)
        log_warning("%s: the tree refuses: " STR_FORMAT, subject, STR_ARGS(message));
}

/* ---- what the runtime and the image store tell ---- */

static void on_sandbox_ended(void *context, const char *uid)
{
    struct pod *pod = agent_find_pod(context, str_of(uid));
    if (pod != NULL)
        pod_sandbox_ended(pod);
}

static void on_container_ended(void *context, const char *uid, const char *name, int attempt,
                               const struct runtime_end *end)
{
    struct pod *pod = agent_find_pod(context, str_of(uid));
    if (pod != NULL)
        pod_container_ended(pod, name, attempt, end);
}

static void on_images_changed(void *context)
{
    each_pod(context, pod_retry);
}

/* ---- what containers write ---- */

static void rotate_logs(struct pod *pod)
{
    log_rotate_pod(pod->agent->options.place, pod->record);
}

static void on_logs_due(void *context)
{
    struct agent *agent = context;
    each_pod(agent, rotate_logs);
    agent->logs_timer = loop_timer(agent->loop, LOG_ROTATION_MS, on_logs_due, agent);
}

/* ---- what is there already ---- */

static void load_records(struct agent *agent)
{
    autofree char *directory = path_format("%s/pods", agent->options.place->state);
    autobuf struct buf uids = {0};
    directory_names(directory, &uids, NULL);
    names_each(uid, uids)
    {
        autoerror struct error *error = NULL;
        struct pod_record *record = record_load(agent->options.place, uid, &error);
        if (record == NULL) {
            /* What it was about is found below, if anything of it runs. */
            log_warning("pod %s: its record is lost: %s", uid, error_message(error));
            record = record_stray(uid);
        }
        pod_new(agent, record);
    }
}

static void on_old_attempt_removed(void *context, struct error *error)
{
    (void)context;
    if (error != NULL)
        log_error("cannot remove what is left of a container: %s", error_message(error));
}

/* What runs here but stands in no record becomes part of one, so that it is ended like everything else. */
static void on_found(void *context, const char *uid, const char *name, int attempt)
{
    struct agent *agent = context;
    struct pod *pod = agent_find_pod(agent, str_of(uid));
    if (pod == NULL)
        pod = pod_new(agent, record_stray(uid));
    if (name == NULL)
        return;
    record_add_remains(pod->record, name, attempt);
    if (record_container(pod->record, name)->attempt != attempt)
        runtime_remove_container(agent->runtime, uid, name, attempt, on_old_attempt_removed, NULL);
}

static void recover(struct agent *agent)
{
    load_records(agent);
    runtime_list(agent->runtime, on_found, agent);
    each_pod(agent, pod_adopt);
    discard_rest(agent->options.place->state);
    log_info("found %zu pods here", agent->pods.count);
}

/* ---- what people want of containers ---- */

/* People know a static pod by the uid of its mirror. */
static const struct pod *find_mirrored(const struct agent *agent, const char *uid)
{
    for (const struct pod *pod = NULL; (pod = agent_next_pod(agent, pod)) != NULL;)
        if (pod->record->is_static && value_is(value_at(pod_mirror(pod), "metadata", "uid"), uid))
            return pod;
    return NULL;
}

static int find_running(void *context, struct runtime_target *target, char **title, struct error **err)
{
    const struct pod *pod = agent_find_pod(context, str_of(target->uid));
    if (pod == NULL)
        pod = find_mirrored(context, target->uid);
    if (pod == NULL)
        return error_make(err, ENOENT, "the pod is not on this node, which is %s", own_node);
    const struct container_record *record = record_container(pod->record, target->name);
    if (record == NULL || record->state != CONTAINER_RUNNING)
        return error_make(err, ESRCH, "container %s of pod " POD_FORMAT " is not running", target->name,
                          POD_ARGS(pod));
    target->uid = pod->record->uid;
    target->attempt = record->attempt;
    *title = path_format(POD_FORMAT, POD_ARGS(pod));
    return 0;
}

/* ---- the whole ---- */

static int follow_tree(struct agent *agent, struct error **err)
{
    struct tree *tree = agent->options.tree;
    agent->cache = cache_new();
    for (size_t i = 0; i < AGENT_FOLLOWS; i++)
        cache_add_view(agent->cache, followed[i]);
    cache_listen(agent->cache, on_changed, agent);
    agent->outbox = outbox_new(agent->loop, tree, on_answer, agent);
    agent->node_status = doc_new();
    agent->callers =
        callers_open(agent->loop, agent->runtime, agent->options.place->run, find_running, agent, err);
    int result = agent->callers == NULL ? -EIO
                                        : runtime_open_images(agent->runtime, &agent->options.images,
                                                              agent_say_of_node, agent, err);
    if (result < 0)
        return result;
    for (size_t i = 0; i < AGENT_FOLLOWS; i++)
        tree_follow(tree, followed[i]->resource, &agent->changed[i]);
    agent->tree_source = loop_fd(agent->loop, tree_descriptor(tree), EPOLLIN, on_tree_events, agent, err);
    if (agent->tree_source == NULL)
        return -EIO;
    agent->read_all = true;
    agent_begin_node(agent);
    agent->usage = usage_new();
    agent_say_usage(agent);
    agent->read_all_timer = loop_timer(agent->loop, 0, on_read_all_due, agent);
    on_logs_due(agent);
    agent_watch_storage(agent);
    return agent_open_static_pods(agent, err);
}

/* Who asked for the end of all wants to know what takes so long: pods have some time to end by themselves. */
static void report_remaining(struct agent *agent)
{
    if (agent->options.report == 0 || clock_ms() < agent->report_ms)
        return;
    agent->report_ms = clock_ms() + REPORT_MORE_MS;
    autobuf struct buf line = {0};
    size_t count = 0;
    for (const struct pod *pod = NULL; (pod = agent_next_pod(agent, pod)) != NULL; count++)
        if (count < REPORTED_PODS)
            buf_addf(&line, "%s " POD_FORMAT, count == 0 ? "waiting for pods" : ",", POD_ARGS(pod));
    if (count > REPORTED_PODS)
        buf_addf(&line, " and %zu more", count - REPORTED_PODS);
    buf_add_char(&line, '\n');
    if (write(agent->options.report, line.at, line.length) < 0)
        log_warning("nobody hears what is waited for");
}

static void stop_when_empty(void *context)
{
    struct agent *agent = context;
    agent->read_timer = NULL;
    if (agent->pods.count != 0) {
        report_remaining(agent);
        agent->read_timer = loop_timer(agent->loop, 10, stop_when_empty, agent);
        return;
    }
    runtime_clear(agent->runtime);
    discard_wait();
    loop_stop(agent->loop);
}

struct agent *agent_new(struct loop *loop, const struct agent_options *options, struct error **err)
{
    struct agent *agent = memory_zeroed(1, sizeof(*agent));
    *agent = (struct agent){.loop = loop, .options = *options, .begun_ms = clock_wall_ms()};
    struct runtime_listener listener = {on_sandbox_ended, on_container_ended, on_images_changed, agent};
    own_node = options->node;
    agent->address = node_address();
    agent->runtime = runtime_open(loop, options->place, &listener, err);
    int result = agent->runtime != NULL ? 0 : -EIO;
    if (result == 0)
        recover(agent);
    if (result == 0 && !options->end_pods)
        result = follow_tree(agent, err);
    if (result < 0) {
        agent_free(agent);
        return NULL;
    }
    if (options->end_pods) {
        agent->report_ms = clock_ms() + REPORT_MS;
        for (enum source source = 0; source < SOURCES; source++)
            agent_set_ready(agent, source);
        agent->read_timer = loop_timer(loop, 0, stop_when_empty, agent);
    }
    return agent;
}

void agent_free(struct agent *agent)
{
    if (agent == NULL)
        return;
    each_pod(agent, pod_free);
    map_free(&agent->pods);
    agent_close_static_pods(agent);
    struct loop_source *const sources[] = {agent->tree_source, agent->read_timer,   agent->read_all_timer,
                                           agent->lease_timer, agent->node_timer,   agent->usage_timer,
                                           agent->logs_timer,  agent->mirror_timer, agent->runtime_timer};
    for (size_t i = 0; i < COUNT(sources); i++)
        loop_remove(sources[i]);
    usage_free(agent->usage);
    agent_forget_storage(agent);
    callers_close(agent->callers);
    outbox_free(agent->outbox);
    cache_free(agent->cache);
    runtime_close(agent->runtime);
    doc_free(agent->node_status);
    free(agent->runtime_version);
    free(agent->runtime_complaint);
    free(agent->address);
    free(agent);
}
