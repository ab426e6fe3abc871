/* What there is of pods on the machine: processes, groups, mounts, files; looked for without asking anybody
 * who might be wrong. A process of a container knows its pod and its name from its environment, a sandbox has
 * the uid among its arguments. */
#include "tests/torture/node.h"

#include "lib/file.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST_FIRST 512

/* ---- groups ---- */

/* Calls for the directory and all below it, those below first. */
typedef void visit_fn(void *context, const char *directory);
static void walk(const char *directory, visit_fn *visit, void *context)
{
    DIR *entries = opendir(directory);
    if (entries == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
            autofree char *below = path_format("%s/%s", directory, entry->d_name);
            walk(below, visit, context);
        }
    closedir(entries);
    visit(context, directory);
}

/* In every hierarchy. */
static void walk_groups(visit_fn *visit, void *context)
{
    autobuf struct buf mounts = {0};
    demand(file_read("/proc/self/mounts", &mounts, NULL) == 0, "read the mounts");
    struct str rest = buf_str(&mounts), line, device, place, type;
    while (str_split(&rest, '\n', &line))
        if (str_split(&line, ' ', &device) && str_split(&line, ' ', &place) && str_split(&line, ' ', &type) &&
            str_starts(type, STR("cgroup"))) {
            autofree char *root = path_format(STR_FORMAT "%s", STR_ARGS(place), node.cgroup);
            walk(root, visit, context);
        }
}

struct process_search {
    const char *kind;
    look_process_fn *found;
    void *context;
};

/* As nodeagent/hierarchy.h says. */
static const char *kind_of_group(const char *directory)
{
    const char *slash = strrchr(directory, '/');
    if (strstr(directory, "/monitors/") != NULL)
        return "monitor";
    return strcmp(slash, "/sandbox") == 0   ? "sandbox"
           : strncmp(slash, "/pod", 4) == 0 ? "pod"
           : strchr(slash, '.') != NULL     ? "container"
                                            : "class";
}

static void visit_members(void *context, const char *directory)
{
    struct process_search *search = context;
    if (strcmp(kind_of_group(directory), search->kind) != 0)
        return;
    autofree char *path = path_format("%s/cgroup.procs", directory);
    autobuf struct buf text = {0};
    (void)file_read(path, &text, NULL);
    struct str rest = buf_str(&text), line;
    int64_t pid;
    while (str_split(&rest, '\n', &line))
        if (str_to_int64(line, &pid) && pid > 0)
            search->found(search->context, (pid_t)pid);
}

void look_at_processes(const char *kind, look_process_fn *found, void *context)
{
    walk_groups(visit_members, &(struct process_search){kind, found, context});
}

/* ---- processes ---- */

static bool read_of_process(const char *pid, const char *file, struct buf *text)
{
    autofree char *path = path_format("/proc/%s/%s", pid, file);
    buf_clear(text);
    return file_read(path, text, NULL) == 0;
}

/* Is it the first process of its namespace, not of the machine's? */
static bool is_first(const char *pid)
{
    autobuf struct buf text = {0};
    struct str line, rest;
    if (!read_of_process(pid, "status", &text))
        return false;
    for (rest = buf_str(&text); str_split(&rest, '\n', &line);)
        if (str_starts(line, STR("NSpid:")))
            return str_ends(line, STR("\t1")) && !str_is(line, "NSpid:\t1");
    return false;
}

static struct str word_with(struct str words, const char *prefix)
{
    struct str word;
    while (str_split(&words, '\0', &word))
        if (str_starts(word, str_of(prefix)))
            return (struct str){word.at + strlen(prefix), word.length - strlen(prefix)};
    return STR_NONE;
}

/* "<uid>.<container>" or "<uid>." for a sandbox; false when it is of no pod. */
static bool whose(const char *pid, char out[128])
{
    autobuf struct buf arguments = {0}, environment = {0};
    struct str rest, program, title, uid;
    if (!read_of_process(pid, "cmdline", &arguments) || !read_of_process(pid, "environ", &environment))
        return false;
    rest = buf_str(&arguments);
    if (str_split(&rest, '\0', &program) && str_ends(program, STR("podtree-pause")) &&
        str_split(&rest, '\0', &title) && str_split(&rest, '\0', &uid)) {
        autofree char *text = str_dup(title);
        if (strstr(text, node.token) == NULL)
            return false;
        snprintf(out, 128, STR_FORMAT ".", STR_ARGS(uid));
        return true;
    }
    uid = word_with(buf_str(&environment), "POD_UID=");
    struct str token = word_with(buf_str(&environment), "TORTURE=");
    struct str container = word_with(buf_str(&environment), "CONTAINER=");
    snprintf(out, 128, STR_FORMAT "." STR_FORMAT, STR_ARGS(uid), STR_ARGS(container));
    return str_is(token, node.token) && uid.length > 0 && container.length > 0;
}

/* ---- doubles ---- */

struct first {
    char pid[16], whose[128];
};

static bool still_is(const struct first *first)
{
    char now[128];
    return whose(first->pid, now) && strcmp(now, first->whose) == 0;
}

static void compare(const struct first *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            /* The one may have ended before the other began. */
            if (strcmp(all[i].whose, all[j].whose) == 0 && still_is(&all[i]) && still_is(&all[j]))
                fail("torture: processes %s and %s both are %s", all[i].pid, all[j].pid, all[i].whose);
}

static void look_once(void)
{
    static struct first all[MOST_FIRST];
    size_t count = 0;
    DIR *processes = opendir("/proc");
    demand(processes != NULL, "opendir of /proc");
    for (struct dirent *entry; (entry = readdir(processes)) != NULL && count < MOST_FIRST;) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || !whose(entry->d_name, all[count].whose))
            continue;
        bool sandbox = str_ends(str_of(all[count].whose), STR("."));
        if (!sandbox && !is_first(entry->d_name))
            continue;
        snprintf(all[count++].pid, sizeof(all[0].pid), "%.15s", entry->d_name);
    }
    closedir(processes);
    compare(all, count);
}

void look_for_doubles(void)
{
    autofree char *screams = path_format("%s/screams", node.said);
    while (!atomic_load(&torture->settle)) {
        look_once();
        nap(50000);
        autobuf struct buf text = {0};
        if (file_read(screams, &text, NULL) == 0)
            fail("torture: a container says: %s", text.at);
    }
}

/* ---- what is left ---- */

struct remains {
    const char *uid; /* NULL: anybody's */
    struct buf *what;
};

static bool is_of(const struct remains *remains, const char *name)
{
    return remains->uid == NULL || strstr(name, remains->uid) != NULL;
}

static void visit_group(void *context, const char *directory)
{
    struct remains *remains = context;
    if (is_of(remains, directory) && strcmp(kind_of_group(directory), "class") != 0)
        buf_addf(remains->what, "group %s; ", directory);
}

static void look_in_directory(struct remains *remains, const char *directory, const char *name)
{
    autofree char *path = path_format("%s/%s", directory, name);
    autobuf struct buf names = {0};
    (void)directory_names(path, &names, NULL);
    names_each(entry, names) if (is_of(remains, entry)) buf_addf(remains->what, "%s/%s; ", path, entry);
}

static void look_at_mounts(struct remains *remains)
{
    autobuf struct buf mounts = {0};
    demand(file_read("/proc/self/mounts", &mounts, NULL) == 0, "read the mounts");
    struct str rest = buf_str(&mounts), line;
    while (str_split(&rest, '\n', &line)) {
        autofree char *text = str_dup(line);
        bool of_pod = strstr(text, node.directory) != NULL && strstr(text, "/pods/") != NULL;
        if (of_pod && is_of(remains, text))
            buf_addf(remains->what, "mount %s; ", text);
    }
}

static void look_at_all_processes(struct remains *remains)
{
    DIR *processes = opendir("/proc");
    demand(processes != NULL, "opendir of /proc");
    char name[128];
    for (struct dirent *entry; (entry = readdir(processes)) != NULL;)
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && whose(entry->d_name, name) &&
            remains->uid != NULL && is_of(remains, name))
            buf_addf(remains->what, "process %s (%s); ", entry->d_name, name);
    closedir(processes);
}

static void count_process(void *context, pid_t pid)
{
    struct remains *remains = context;
    buf_addf(remains->what, "process %d; ", (int)pid);
}

bool look_for_remains(const char *uid, struct buf *what)
{
    struct remains remains = {uid, what};
    buf_clear(what);
    const char *const places[][2] = {
        {node.run, "pods"}, {node.run, node.oci_name}, {node.run, "exits"}, {node.state, "pods"}};
    for (size_t i = 0; i < COUNT(places); i++)
        look_in_directory(&remains, places[i][0], places[i][1]);
    look_at_mounts(&remains);
    walk_groups(visit_group, &remains);
    look_at_all_processes(&remains);
    static const char *const kinds[] = {"monitor", "sandbox", "container"};
    for (size_t i = 0; uid == NULL && i < 3; i++)
        look_at_processes(kinds[i], count_process, &remains);
    return what->length > 0;
}
