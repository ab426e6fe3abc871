/* The second source of the agent's pods: a directory of manifests. It follows that with inotify, has each new
 * or changed file read (podtree-manifest gives it the defaults that the tree would), and keeps what pods they
 * want. These go the way of the tree's pods: each is given a document, and one that is not wanted any more a
 * document that is marked as deleted, so that it ends as gracefully.
 *
 * A manifest that can't be read is said, and stops no other; the pod that it was read to before goes on. A
 * pod waits for one of the same name that is still ending: a changed manifest is another pod. */
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/process.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/document.h"
#include "nodeagent/static_pod.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define LOOK_MS         20000 /* the kubelet's fileCheckFrequency: where no event tells of a change */
#define READ_TIMEOUT_MS 10000
#define WATCHED         (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_ONLYDIR)

struct manifest {
    struct manifest *next;
    struct static_pods *all;
    char *path;
    struct stat is;          /* as it was read */
    struct process *process; /* reads it */
    struct doc *pod;         /* NULL: none yet */
    bool found;              /* in this look */
};

struct static_pods {
    struct agent *agent;
    char *directory;
    const char *kinds;
    int inotify;
    struct loop_source *source, *look_timer, *deliver_timer;
    struct manifest *manifests;
    bool looked;
};

/* ---- what they are to the agent ---- */

static bool is_wanted(const struct static_pods *all, const char *uid)
{
    for (const struct manifest *manifest = all->manifests; manifest != NULL; manifest = manifest->next)
        if (value_is(value_at(doc_root(manifest->pod), "metadata", "uid"), uid))
            return true;
    return false;
}

struct pod *agent_find_static_pod(const struct agent *agent, struct value metadata)
{
    for (struct pod *pod = NULL; (pod = agent_next_pod(agent, pod)) != NULL;)
        if (pod->record->is_static &&
            value_is(value_get(metadata, STR("namespace")), pod->record->namespace) &&
            value_is(value_get(metadata, STR("name")), pod->record->name))
            return pod;
    return NULL;
}

static void end_unwanted(struct static_pods *all)
{
    for (struct pod *pod = NULL; (pod = agent_next_pod(all->agent, pod)) != NULL;) {
        if (!pod->record->is_static || pod->document == NULL || is_wanted(all, pod->record->uid) ||
            document_is_deleted(pod_document(pod)))
            continue;
        struct doc *ending = doc_copy(pod_document(pod));
        static_pod_delete(doc_root(ending), clock_wall_ms());
        pod_set_document(pod, ending);
    }
}

static void run_wanted(struct agent *agent, struct value wanted)
{
    struct value meta = value_get(wanted, STR("metadata"));
    struct pod *pod = agent_find_pod(agent, value_str(value_get(meta, STR("uid"))));
    if (pod == NULL && agent_find_static_pod(agent, meta) != NULL)
        return; /* that one has to go first */
    if (pod == NULL) {
        pod = pod_new(agent, record_new(wanted, clock_wall_ms()));
        pod->record->is_static = true;
    }
    if (pod->document != NULL)
        return; /* as it is wanted, or still ending */
    record_identify(pod->record, wanted, clock_wall_ms());
    pod_set_document(pod, doc_copy(wanted));
}

static bool is_reading(const struct static_pods *all)
{
    for (const struct manifest *manifest = all->manifests; manifest != NULL; manifest = manifest->next)
        if (manifest->process != NULL)
            return true;
    return !all->looked;
}

static void deliver(void *context)
{
    struct static_pods *all = context;
    struct agent *agent = all->agent;
    all->deliver_timer = NULL;
    if (is_reading(all))
        return; /* it is done when that is */
    end_unwanted(all);
    for (struct manifest *manifest = all->manifests; manifest != NULL; manifest = manifest->next)
        if (manifest->pod != NULL)
            run_wanted(agent, doc_root(manifest->pod));
    agent_set_ready(agent, SOURCE_FILES);
    agent_mirror_later(agent);
}

void agent_deliver_static_pods(struct agent *agent)
{
    struct static_pods *all = agent->static_pods;
    if (all != NULL && all->deliver_timer == NULL)
        all->deliver_timer = loop_timer(agent->loop, 0, deliver, all);
}

/* ---- reading ---- */

static void complain(const struct manifest *manifest, const char *sentence)
{
    autofree char *message = path_format("%s: %s", manifest->path, sentence);
    log_error("%s", message);
    agent_say_of_node(manifest->all->agent, "Warning", "InvalidStaticPod", message);
}

static struct doc *take_output(const struct manifest *manifest, const struct process_result *result,
                               struct error **err)
{
    autofree char *complaint = process_complaint("podtree-manifest", result);
    struct str said = str_trim(result->complaints);
    if (complaint != NULL) {
        error_make(err, EINVAL, STR_FORMAT,
                   STR_ARGS(said.length != 0 && !result->timed_out ? said : str_of(complaint)));
        return NULL;
    }
    autodoc struct doc *pod = doc_parse(result->output, err);
    if (pod == NULL || static_pod_make(doc_root(pod), manifest->all->agent->options.node, manifest->path,
                                       clock_wall_ms(), err) < 0)
        return NULL;
    return take_pointer(pod);
}

static void on_read(void *context, const struct process_result *result)
{
    struct manifest *manifest = context;
    autoerror struct error *error = NULL;
    manifest->process = NULL;
    struct doc *pod = take_output(manifest, result, &error);
    if (pod != NULL) {
        doc_free(manifest->pod);
        manifest->pod = pod;
    } else {
        complain(manifest, error_message(error));
    }
    agent_deliver_static_pods(manifest->all->agent);
}

static void read_manifest(struct manifest *manifest)
{
    const struct static_pods *all = manifest->all;
    autofree char *kinds = path_format("--kinds=%s", all->kinds);
    const char *const argv[] = {
        all->agent->options.place->manifest, kinds, "--kind=Pod", "--", manifest->path, NULL};
    struct process_plan plan = {.argv = argv, .timeout_ms = READ_TIMEOUT_MS};
    autoerror struct error *error = NULL;
    if (manifest->process != NULL)
        process_forget(manifest->process);
    manifest->process = process_start(all->agent->loop, &plan, on_read, manifest, &error);
    if (manifest->process == NULL)
        complain(manifest, error_message(error));
}

/* ---- the directory ---- */

static void manifest_free(struct manifest *manifest)
{
    if (manifest->process != NULL)
        process_forget(manifest->process);
    doc_free(manifest->pod);
    free(manifest->path);
    free(manifest);
}

/* The one with that path, made if there is none; they are kept in the order of their paths, so that of two
 * with the same name it is always the same that comes first. */
static struct manifest *manifest_at(struct static_pods *all, const char *path)
{
    struct manifest **at = &all->manifests;
    while (*at != NULL && strcmp((*at)->path, path) < 0)
        at = &(*at)->next;
    if (*at != NULL && strcmp((*at)->path, path) == 0)
        return *at;
    struct manifest *manifest = memory_zeroed(1, sizeof(*manifest));
    *manifest = (struct manifest){.next = *at, .all = all, .path = str_dup(str_of(path))};
    *at = manifest;
    return manifest;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void look_at(struct static_pods *all, const char *name)
{
    autofree char *path = path_format("%s/%s", all->directory, name);
    struct stat is;
    if (!static_pod_is_manifest(name) || stat(path, &is) < 0 || !S_ISREG(is.st_mode))
        return;
    struct manifest *manifest = manifest_at(all, path);
    manifest->found = true;
    if (is_same_file(&manifest->is, &is))
        return;
    manifest->is = is;
    read_manifest(manifest);
}

static void drop_lost(struct static_pods *all)
{
    for (struct manifest **at = &all->manifests; *at != NULL;) {
        struct manifest *manifest = *at;
        if (manifest->found) {
            at = &manifest->next;
            continue;
        }
        *at = manifest->next;
        manifest_free(manifest);
    }
}

/* The directory itself may come, go and be replaced. */
static void look(void *context)
{
    struct static_pods *all = context;
    autobuf struct buf names = {0};
    autoerror struct error *error = NULL;
    loop_remove(all->look_timer);
    all->look_timer = loop_timer(all->agent->loop, LOOK_MS, look, all);
    inotify_add_watch(all->inotify, all->directory, WATCHED);
    int result = directory_names(all->directory, &names, &error);
    if (result < 0 && result != -ENOENT) {
        log_error("%s", error_message(error)); /* nothing is known, so nothing changes */
        return;
    }
    for (struct manifest *manifest = all->manifests; manifest != NULL; manifest = manifest->next)
        manifest->found = false;
    names_each(name, names) look_at(all, name);
    drop_lost(all);
    all->looked = true;
    agent_deliver_static_pods(all->agent);
}

static void on_events(void *context, uint32_t events)
{
    struct static_pods *all = context;
    char buffer[4096];
    (void)events;
    while (read(all->inotify, buffer, sizeof(buffer)) > 0)
        ;
    look(all);
}

int agent_open_static_pods(struct agent *agent, struct error **err)
{
    const struct agent_options *options = &agent->options;
    struct static_pods *all = memory_zeroed(1, sizeof(*all));
    *all = (struct static_pods){.agent = agent,
                                .directory = options->static_pods != NULL
                                                 ? str_dup(str_of(options->static_pods))
                                                 : path_format("%s/manifests", options->place->state),
                                .kinds = options->kinds};
    agent->static_pods = all;
    int result = directory_make(all->directory, 0755, err);
    if (result < 0)
        return result;
    all->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (all->inotify < 0)
        return error_errno(err, errno, "cannot watch %s", all->directory);
    all->source = loop_fd(agent->loop, all->inotify, EPOLLIN, on_events, all, err);
    if (all->source == NULL)
        return -EIO;
    look(all);
    return 0;
}

void agent_close_static_pods(struct agent *agent)
{
    struct static_pods *all = agent->static_pods;
    if (all == NULL)
        return;
    while (all->manifests != NULL) {
        struct manifest *manifest = all->manifests;
        all->manifests = manifest->next;
        manifest_free(manifest);
    }
    loop_remove(all->source);
    loop_remove(all->look_timer);
    loop_remove(all->deliver_timer);
    if (all->inotify > 0)
        close(all->inotify);
    free(all->directory);
    free(all);
}
