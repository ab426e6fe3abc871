/* podtree logs: what containers write, of a pod or of all pods of a workload, which come and go.
 *
 * The pods are followed as every program does it (.since); of each of their containers the log is read that
 * the tree has beside the one for people, with times and streams. Nobody is told when a container writes, so
 * who follows it looks again and again. */
#include "cli/command.h"
#include "cli/container_lines.h"
#include "cli/interest.h"
#include "cli/kinds.h"
#include "cli/settings.h"
#include "lib/doc.h"
#include "lib/file.h"
#include "lib/selector.h"
#include "lib/tree.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#define LOOK_MS 200
/* So many looks, and it is asked for changes also where inotify is silent: over a network. */
#define ASK_LOOKS  10
#define READ_BYTES (64 << 10)

struct wishes {
    const char *mount, *container, *space;
    bool follow, previous, timestamps, prefix;
    bool tails;
    int64_t tail;
};

/* A container's log that is being printed. */
struct shown {
    char *path;
    int fd;     /* -1: not open */
    bool looks; /* its name may mean another attempt's log by now */
    bool began; /* only the first one is shown from its last lines on */
    struct container_lines lines;
};

struct pod {
    char *space, *name, *uid;
    struct shown *shown;
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
    for (size_t i = 0; i < pod->count; i++) {
        if (pod->shown[i].fd >= 0)
            close(pod->shown[i].fd);
        container_lines_free(&pod->shown[i].lines);
        free(pod->shown[i].path);
    }
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
    struct shown *shown = &pod->shown[pod->count++];
    *shown = (struct shown){.path = take_pointer(path), .fd = -1};
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
    struct value root = doc_root(doc), version = value_get(root, STR("version"));
    if (value_exists(version)) {
        str_to_int64(value_str(version), &logs->version);
        return 1;
    }
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
        pod->shown[i].looks = true;
    return 0;
}

static int compare_pods(const void *a, const void *b)
{
    return strcmp(((const struct pod *)a)->name, ((const struct pod *)b)->name);
}

/* ---- printing ---- */

static void print(const struct buf *out)
{
    if (out->length > 0)
        fwrite(out->at, 1, out->length, stdout);
}

/* Where the last lines begin. What is needed for that is read from the end, more and more of it. */
static int64_t place_of_tail(int fd, int64_t count)
{
    struct stat attributes;
    if (fstat(fd, &attributes) < 0)
        return 0;
    for (int64_t wanted = READ_BYTES;; wanted *= 4) {
        int64_t from = wanted < attributes.st_size ? attributes.st_size - wanted : 0;
        size_t size = (size_t)(attributes.st_size - from), length = 0;
        autofree char *text = memory_new(size + 1);
        for (ssize_t n = 1; n > 0 && length < size;) {
            n = pread(fd, text + length, size - length, from + (int64_t)length);
            length += n > 0 ? (size_t)n : 0;
        }
        int64_t place = container_lines_last((struct str){text, length}, from == 0, count);
        if (place >= 0)
            return from + place;
        if (from == 0)
            return 0;
    }
}

static bool open_shown(const struct logs *logs, struct shown *shown)
{
    shown->looks = false;
    shown->fd = open(shown->path, O_RDONLY | O_CLOEXEC);
    if (shown->fd < 0 && errno != ENOENT && errno != ENOTDIR) /* it is tried again when the pod changes */
        fprintf(stderr, "podtree logs: cannot read %s: %s\n", shown->path, strerror(errno));
    if (shown->fd < 0)
        return false;
    if (logs->wishes.tails && !shown->began)
        lseek(shown->fd, place_of_tail(shown->fd, logs->wishes.tail), SEEK_SET);
    shown->began = true;
    return true;
}

/* The log of another attempt has taken the name: everything of the one before has been read. */
static bool is_replaced(const struct shown *shown)
{
    struct stat open_now, named;
    return fstat(shown->fd, &open_now) == 0 && stat(shown->path, &named) == 0 &&
           open_now.st_ino != named.st_ino;
}

static bool read_on(struct shown *shown)
{
    char bytes[READ_BYTES];
    autobuf struct buf out = {0};
    bool progress = false;
    for (ssize_t n; (n = read(shown->fd, bytes, sizeof(bytes))) > 0; progress = true) {
        buf_clear(&out);
        container_lines_take(&shown->lines, (struct str){bytes, (size_t)n}, &out);
        print(&out);
    }
    return progress;
}

/* What there is of it. True: there was something. */
static bool show(const struct logs *logs, struct shown *shown)
{
    if (shown->fd < 0 && (!shown->looks || !open_shown(logs, shown)))
        return false;
    bool progress = read_on(shown), looked = shown->looks;
    shown->looks = false;
    if (!looked || !is_replaced(shown))
        return progress;
    progress = read_on(shown) || progress; /* what came before it was replaced */
    autobuf struct buf out = {0};
    container_lines_end(&shown->lines, &out);
    print(&out);
    close(shown->fd);
    shown->fd = -1;
    shown->looks = true;
    return true;
}

static bool show_all(const struct logs *logs)
{
    bool progress = false;
    for (size_t i = 0; i < logs->count; i++)
        for (size_t k = 0; k < logs->pods[i].count; k++)
            progress = show(logs, &logs->pods[i].shown[k]) || progress;
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
    autobuf struct buf out = {0};
    for (size_t i = 0; i < logs->count; i++) {
        for (size_t k = 0; k < logs->pods[i].count; k++)
            container_lines_end(&logs->pods[i].shown[k].lines, &out);
        forget_pod(&logs->pods[i]);
    }
    print(&out);
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
        logs->wishes.tails = false; /* what comes later is shown from its beginning */
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
        {.name = "namespace",
         .letter = 'n',
         .argument = "NAME",
         .help = "where the target is (default)",
         .text = &wishes->space},
        OPTION_MOUNT(directories),
        {0},
    };
    const struct usage usage = {
        .synopsis = "podtree logs [-f] [--previous] [--tail=N] [--timestamps] [-c NAME] POD|KIND/NAME",
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
    wishes->tails = wishes->tail >= 0;
    return print_logs(&logs, words[0], err);
}
