/* podtree logs: what containers write, of a pod or of all pods of a workload, which come and go.
 *
 * The pods are followed as every program does it (.since); of each of their containers the log is read that
 * the tree has beside the one for people, with times and streams. Nobody is told when a container writes, so
 * who follows it looks again and again. */
#include "cli/command.h"
#include "cli/interest.h"
#include "cli/kinds.h"
#include "cli/settings.h"
#include "cli/shown_log.h"
#include "lib/doc.h"
#include "lib/file.h"
#include "lib/selector.h"
#include "lib/tree.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#define LOOK_MS 200
/* So many looks, and it is asked for changes also where inotify is silent: over a network. */
#define ASK_LOOKS 10

struct wishes {
    const char *mount, *container, *space;
    bool follow, previous, timestamps, prefix;
    int64_t tail; /* -1: all lines */
};

struct pod {
    char *space, *name, *uid;
    struct shown_log *shown;
    size_t count;
    bool gone, over; /* it has been deleted; its containers have ended for good */
};

struct logs {
    struct wishes wishes;
    struct tree *tree;
    struct interest target;
    struct doc *workload; /* whose selector chooses pods; NULL: the target is a pod */
    struct pod *pods;
    size_t count, capacity;
    int64_t version;
    bool changed;
    int colours; /* given out; negative: none are */
};

/* ---- which pods ---- */

static bool is_wanted(const struct logs *logs, struct value object)
{
    struct value meta = value_get(object, STR("metadata"));
    struct str space = value_str(value_get(meta, STR("namespace")));
    if (!str_equal(space, logs->target.space))
        return false;
    if (logs->workload == NULL)
        return str_equal(value_str(value_get(meta, STR("name"))), logs->target.name);
    return selector_matches(value_at(doc_root(logs->workload), "spec", "selector"),
                            value_get(meta, STR("labels")));
}

static struct pod *find_pod(struct logs *logs, struct str uid)
{
    for (size_t i = 0; i < logs->count; i++)
        if (str_is(uid, logs->pods[i].uid))
            return &logs->pods[i];
    return NULL;
}

static void forget_pod(struct pod *pod)
{
    for (size_t i = 0; i < pod->count; i++)
        shown_log_free(&pod->shown[i]);
    free(pod->shown);
    free(pod->space);
    free(pod->name);
    free(pod->uid);
}

static const char *const container_lists[] = {"initContainers", "containers", "ephemeralContainers"};

static bool is_chosen(const struct logs *logs, struct str name)
{
    return logs->wishes.container == NULL || str_is(name, logs->wishes.container);
}

static size_t count_containers(const struct logs *logs, struct value spec)
{
    size_t count = 0;
    for (size_t i = 0; i < COUNT(container_lists); i++) {
        struct value list = value_get(spec, str_of(container_lists[i]));
        value_each (container, list) {
            count += is_chosen(logs, value_str(value_get(container, STR("name"))));
        }
    }
    return count;
}

static bool shows(const struct pod *pod, const char *path)
{
    for (size_t i = 0; i < pod->count; i++)
        if (strcmp(pod->shown[i].path, path) == 0)
            return true;
    return false;
}

/* Of one container nobody needs to be told which it is. */
static void add_container(struct logs *logs, struct pod *pod, const char *list, const char *name, bool alone)
{
    autofree char *path =
        path_format("%s/namespaces/%s/pods/%s/%s/%s/%s", logs->wishes.mount, pod->space, pod->name, list,
                    name, logs->wishes.previous ? ".log.previous" : ".log");
    if (shows(pod, path))
        return;
    bool prefix = logs->wishes.prefix || logs->workload != NULL || !alone;
    pod->shown = memory_resize(pod->shown, (pod->count + 1) * sizeof(*pod->shown));
    struct shown_log *shown = &pod->shown[pod->count++];
    shown_log_init(shown, take_pointer(path), logs->wishes.tail);
    container_lines_init(&shown->lines, prefix ? pod->name : NULL, name, logs->colours,
                         logs->wishes.timestamps);
    if (logs->colours >= 0)
        logs->colours++;
}

static void add_containers(struct logs *logs, struct pod *pod, struct value spec)
{
    bool alone = count_containers(logs, spec) <= 1;
    for (size_t i = 0; i < COUNT(container_lists); i++) {
        struct value list = value_get(spec, str_of(container_lists[i]));
        value_each (container, list) {
            struct str name = value_str(value_get(container, STR("name")));
            autofree char *text = str_dup(name);
            if (is_chosen(logs, name))
                add_container(logs, pod, container_lists[i], text, alone);
        }
    }
}

static struct pod *add_pod(struct logs *logs, struct value meta)
{
    array_grow(logs->pods, logs->count, logs->capacity);
    logs->pods[logs->count] = (struct pod){.space = str_dup(value_str(value_get(meta, STR("namespace")))),
                                           .name = str_dup(value_str(value_get(meta, STR("name")))),
                                           .uid = str_dup(value_str(value_get(meta, STR("uid"))))};
    return &logs->pods[logs->count++];
}

static int on_line(void *context, struct str line, struct error **err)
{
    struct logs *logs = context;
    autodoc struct doc *doc = doc_parse(line, err);
    if (doc == NULL)
        return -EPROTO;
    struct value root = doc_root(doc);
    if (tree_is_reached(root, &logs->version))
        return 1;
    struct value meta = value_get(root, STR("metadata"));
    struct pod *pod = find_pod(logs, value_str(value_get(meta, STR("uid"))));
    if (value_true(value_get(root, STR("deleted")))) {
        if (pod != NULL)
            pod->gone = true;
        return 0;
    }
    if (pod == NULL && is_wanted(logs, root))
        pod = add_pod(logs, meta);
    if (pod == NULL)
        return 0;
    struct value phase = value_at(root, "status", "phase");
    pod->over = value_is(phase, "Succeeded") || value_is(phase, "Failed");
    add_containers(logs, pod, value_get(root, STR("spec")));
    for (size_t i = 0; i < pod->count; i++)
        shown_log_changed(&pod->shown[i]);
    return 0;
}

static int compare_pods(const void *a, const void *b)
{
    return strcmp(((const struct pod *)a)->name, ((const struct pod *)b)->name);
}

/* ---- printing ---- */

static bool show_all(const struct logs *logs)
{
    bool progress = false;
    for (size_t i = 0; i < logs->count; i++)
        for (size_t k = 0; k < logs->pods[i].count; k++)
            progress = shown_log_print(&logs->pods[i].shown[k]) || progress;
    fflush(stdout);
    return progress;
}

/* Everything has been read of those that are gone. */
static void drop_gone(struct logs *logs)
{
    size_t kept = 0;
    for (size_t i = 0; i < logs->count; i++) {
        if (logs->pods[i].gone)
            forget_pod(&logs->pods[i]);
        else
            logs->pods[kept++] = logs->pods[i];
    }
    logs->count = kept;
}

static void end_all(struct logs *logs)
{
    for (size_t i = 0; i < logs->count; i++) {
        for (size_t k = 0; k < logs->pods[i].count; k++)
            shown_log_end(&logs->pods[i].shown[k]);
        forget_pod(&logs->pods[i]);
    }
    fflush(stdout);
    free(logs->pods);
}

/* ---- following ---- */

static int catch_up(struct logs *logs, struct error **err)
{
    if (!logs->changed)
        return 0;
    bool first = logs->version == 0;
    logs->changed = false;
    int result = tree_since(logs->tree, "pods", logs->version, false, on_line, logs, err);
    if (first && logs->count > 0)
        qsort(logs->pods, logs->count, sizeof(*logs->pods), compare_pods);
    return result;
}

/* What is asked for and can't come any more. */
static int check_found(const struct logs *logs, struct error **err)
{
    const struct wishes *wishes = &logs->wishes;
    if (logs->count == 0 && logs->workload == NULL)
        return error_make(err, ENOENT, "there is no pod " STR_FORMAT " in namespace " STR_FORMAT,
                          STR_ARGS(logs->target.name), STR_ARGS(logs->target.space));
    if (logs->count == 0 && !wishes->follow)
        return error_make(err, ENOENT, STR_FORMAT "/" STR_FORMAT " has no pods",
                          STR_ARGS(logs->target.resource), STR_ARGS(logs->target.name));
    size_t shown = 0, there = 0;
    for (size_t i = 0; i < logs->count; i++)
        for (size_t k = 0; k < logs->pods[i].count; k++, shown++)
            there += access(logs->pods[i].shown[k].path, F_OK) == 0;
    if (logs->count > 0 && shown == 0)
        return error_make(err, ENOENT, "%s has no container %s", logs->pods[0].name, wishes->container);
    if (logs->count > 0 && there == 0 && wishes->previous)
        return error_make(err, ENOENT, "no container has been restarted: there are no previous logs");
    return 0;
}

static bool is_over(const struct logs *logs)
{
    if (!logs->wishes.follow)
        return true;
    return logs->workload == NULL && (logs->count == 0 || logs->pods[0].gone || logs->pods[0].over);
}

static int follow(struct logs *logs, struct error **err)
{
    bool checked = false;
    int looks = 0;
    tree_follow(logs->tree, "pods", &logs->changed);
    for (;;) {
        autoerror struct error *unwatched = NULL;
        if (tree_events(logs->tree, &unwatched) < 0 || ++looks % ASK_LOOKS == 0)
            logs->changed = true;
        int result = catch_up(logs, err);
        if (result == 0 && !checked)
            result = check_found(logs, err);
        if (result < 0)
            return result;
        checked = true;
        bool over = is_over(logs); /* known before the last look */
        bool progress = show_all(logs);
        if (ferror(stdout)) /* said where the program ends */
            return 0;
        logs->wishes.tail = -1; /* what comes later is shown from its beginning */
        drop_gone(logs);
        if (over && !progress)
            return 0;
        struct pollfd waiting = {.fd = tree_descriptor(logs->tree), .events = POLLIN};
        poll(&waiting, 1, progress || over ? 0 : LOOK_MS);
    }
}

/* ---- what is asked for ---- */

static const struct {
    const char *word, *resource;
} short_names[] = {{"deploy", "deployments"},
                   {"deployment", "deployments"},
                   {"rs", "replicasets"},
                   {"replicaset", "replicasets"},
                   {"sts", "statefulsets"},
                   {"statefulset", "statefulsets"},
                   {"ds", "daemonsets"},
                   {"daemonset", "daemonsets"},
                   {"job", "jobs"},
                   {"svc", "services"},
                   {"service", "services"},
                   {"po", "pods"},
                   {"pod", "pods"}};

/* A pod's name alone, or a path as everywhere; with kubectl's short names. */
static int parse_target(struct logs *logs, const char *word, struct error **err)
{
    struct interest *target = &logs->target;
    *target = (struct interest){.resource = STR("pods"), .name = str_of(word)};
    if (strchr(word, '/') != NULL) {
        int result = interest_parse(word, logs->wishes.mount, target, err);
        if (result < 0)
            return result;
    }
    for (size_t i = 0; i < COUNT(short_names); i++)
        if (str_is(target->resource, short_names[i].word))
            target->resource = str_of(short_names[i].resource);
    if (target->name.length == 0)
        return error_make(err, EINVAL, "%s is neither a pod nor the path of one: web-0, deploy/web", word);
    if (target->space.length == 0)
        target->space = str_of(logs->wishes.space);
    return 0;
}

static int find_workload(struct logs *logs, struct error **err)
{
    const struct interest *target = &logs->target;
    if (str_is(target->resource, "pods"))
        return 0;
    int result = kinds_check(logs->tree, logs->wishes.mount, target->resource, err);
    if (result < 0)
        return result;
    autofree char *path =
        path_format("%s/namespaces/" STR_FORMAT "/" STR_FORMAT "/" STR_FORMAT "/.json", logs->wishes.mount,
                    STR_ARGS(target->space), STR_ARGS(target->resource), STR_ARGS(target->name));
    autobuf struct buf text = {0};
    result = file_read(path, &text, NULL);
    if (result == -ENOENT)
        return error_make(err, ENOENT, "there is no " STR_FORMAT "/" STR_FORMAT " in namespace " STR_FORMAT,
                          STR_ARGS(target->resource), STR_ARGS(target->name), STR_ARGS(target->space));
    if (result < 0)
        return error_errno(err, -result, "cannot read %s", path);
    logs->workload = doc_parse(buf_str(&text), err);
    if (logs->workload == NULL)
        return -EPROTO;
    if (!value_exists(value_at(doc_root(logs->workload), "spec", "selector")))
        return error_make(err, EINVAL, STR_FORMAT " choose no pods", STR_ARGS(target->resource));
    return 0;
}

static int print_logs(struct logs *logs, const char *word, struct error **err)
{
    bool coloured = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
    logs->colours = coloured ? 0 : -1;
    descriptors_allow_all();
    int result = parse_target(logs, word, err);
    if (result == 0)
        result = tree_mount(logs->wishes.mount, &logs->tree, err);
    if (result == 0)
        result = find_workload(logs, err);
    if (result == 0)
        result = follow(logs, err);
    end_all(logs);
    doc_free(logs->workload);
    if (logs->tree != NULL)
        tree_close(logs->tree);
    return result;
}

int command_logs(int argc, char **argv, struct error **err)
{
    struct directories directories = directories_default();
    struct logs logs = {.wishes = {.space = "default", .tail = -1}};
    struct wishes *wishes = &logs.wishes;
    const struct option_row options[] = {
        {.name = "follow", .letter = 'f', .help = "go on with what comes", .flag = &wishes->follow},
        {.name = "previous",
         .letter = 'p',
         .help = "what was written before the last restart",
         .flag = &wishes->previous},
        {.name = "tail",
         .argument = "N",
         .help = "only the last N lines of each container",
         .number = &wishes->tail},
        {.name = "timestamps", .help = "when each line was written", .flag = &wishes->timestamps},
        {.name = "prefix", .help = "[POD/CONTAINER] before each line, also of one", .flag = &wishes->prefix},
        {.name = "container",
         .letter = 'c',
         .argument = "NAME",
         .help = "of this container alone (all)",
         .text = &wishes->container},
        OPTION_NAMESPACE(wishes->space, "where the target is (default)"),
        OPTION_MOUNT(directories),
        {0},
    };
    const struct usage usage = {
        .synopsis = "podtree logs [-f] [--previous] [--tail=N] [--timestamps] [--prefix] [-c NAME] [-n NS] "
                    "POD|KIND/NAME",
        .about =
            "Prints what the containers of a pod write, or of all pods of a Deployment or another "
            "workload\n"
            "(deploy/web): with -f also of those that come later. The same as pods/POD/containers/NAME/log "
            "in\n"
            "the tree, for many at once.\n",
        .options = options,
        .least = 1,
        .most = 1,
    };
    char **words;
    int count, result = options_parse(&usage, argc, argv, &words, &count, err);
    if (result != 0)
        return result < 0 ? result : EXIT_SUCCESS;
    wishes->mount = directories.mount;
    return print_logs(&logs, words[0], err);
}
