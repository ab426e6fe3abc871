#include "nodeagent/cgroup.h"

#include "lib/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

struct hierarchy {
    char *root;
    enum cgroup_version version;
    char *controllers; /* words between commas, spaces or ends of lines, among others */
};

/* Version 1 has one hierarchy per controller, a hybrid machine a version 2 hierarchy without controllers
 * beside them. `tracking` is the one that the sandbox and the monitors are put into: version 2 where there is
 * one, because a process can be born into a group there; else systemd's own, so that the end of the service
 * they were started by is not theirs. */
struct cgroups {
    struct hierarchy hierarchies[32];
    int count;
    int tracking;
    bool has_v2;
};

/* Of version 1 the options of its mount say which they are, of version 2 a file. */
static char *controllers_of(const struct mntent *mount, bool v2)
{
    if (!v2)
        return str_dup(str_of(mount->mnt_opts));
    autofree char *path = path_format("%s/cgroup.controllers", mount->mnt_dir);
    autobuf struct buf text = {0};
    return str_dup(file_read(path, &text, NULL) == 0 && text.length != 0 ? buf_str(&text) : STR(""));
}

struct cgroups *cgroups_open_from(const char *mounts, struct error **err)
{
    FILE *table = setmntent(mounts, "re");
    if (table == NULL) {
        error_errno(err, errno, "cannot read %s", mounts);
        return NULL;
    }
    struct cgroups *cgroups = memory_zeroed(1, sizeof(*cgroups));
    struct mntent *mount;
    while ((mount = getmntent(table)) != NULL && cgroups->count < (int)COUNT(cgroups->hierarchies)) {
        bool v2 = strcmp(mount->mnt_type, "cgroup2") == 0;
        if (!v2 && strcmp(mount->mnt_type, "cgroup") != 0)
            continue;
        if (v2 || (!cgroups->has_v2 && hasmntopt(mount, "name=systemd") != NULL))
            cgroups->tracking = cgroups->count;
        cgroups->has_v2 |= v2;
        cgroups->hierarchies[cgroups->count++] = (struct hierarchy){.root = str_dup(str_of(mount->mnt_dir)),
                                                                    .version = v2 ? CGROUP_V2 : CGROUP_V1,
                                                                    .controllers = controllers_of(mount, v2)};
    }
    endmntent(table);
    if (cgroups->count == 0) {
        error_make(err, ENOENT, "no cgroup filesystem is mounted");
        cgroups_close(cgroups);
        return NULL;
    }
    return cgroups;
}

struct cgroups *cgroups_open(struct error **err)
{
    return cgroups_open_from("/proc/self/mounts", err);
}

void cgroups_close(struct cgroups *cgroups)
{
    if (cgroups == NULL)
        return;
    for (int i = 0; i < cgroups->count; i++) {
        free(cgroups->hierarchies[i].root);
        free(cgroups->hierarchies[i].controllers);
    }
    free(cgroups);
}

int cgroups_make(const struct cgroups *cgroups, const char *path, bool *into, struct error **err)
{
    autofree char *directory = path_format("%s%s", cgroups->hierarchies[cgroups->tracking].root, path);
    int result = directory_make(directory, 0755, err);
    if (result < 0)
        return result;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", directory);
    *into = cgroups->has_v2;
    return fd;
}

/* ---- limits ---- */

static bool has_word(const char *words, const char *word)
{
    for (size_t length; *words != '\0'; words += length + (words[length] != '\0')) {
        length = strcspn(words, ", \n");
        if (length == strlen(word) && strncmp(words, word, length) == 0)
            return true;
    }
    return false;
}

/* Version 1 where it has the controller: then version 2 hasn't. */
static const struct hierarchy *hierarchy_of(const struct cgroups *cgroups, const char *controller)
{
    const struct hierarchy *found = NULL;
    for (int i = 0; i < cgroups->count; i++) {
        const struct hierarchy *one = &cgroups->hierarchies[i];
        if (has_word(one->controllers, controller) && (found == NULL || one->version == CGROUP_V1))
            found = one;
    }
    return found;
}

bool cgroups_count_memory_in_v2(const struct cgroups *cgroups)
{
    const struct hierarchy *hierarchy = hierarchy_of(cgroups, "memory");
    return hierarchy != NULL && hierarchy->version == CGROUP_V2;
}

/* The file is the kernel's: it is never made here. */
static int write_setting(const char *directory, const char *name, const char *value, struct error **err)
{
    autofree char *path = path_format("%s/%s", directory, name);
    autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t length = strlen(value);
    if (fd < 0 || write(fd, value, length) != (ssize_t)length)
        return error_errno(err, errno, "cannot write %s to %s", value, path);
    return 0;
}

/* From the root down, because each can only hand down what it was given. */
static int hand_down(const struct hierarchy *hierarchy, const char *path, const char *controller,
                     struct error **err)
{
    autofree char *word = path_format("+%s", controller);
    for (size_t length = 0;; length++) {
        length += strcspn(path + length, "/");
        autofree char *directory = path_format("%s%.*s", hierarchy->root, (int)length, path);
        int result = write_setting(directory, "cgroup.subtree_control", word, err);
        if (result < 0 || path[length] == '\0')
            return result;
    }
}

static int set_row(const struct hierarchy *hierarchy, const char *path, const struct limit_row *row,
                   struct error **err)
{
    autofree char *directory = path_format("%s%s", hierarchy->root, path);
    int result = directory_make(directory, 0755, err);
    if (result == 0 && hierarchy->version == CGROUP_V2)
        result = hand_down(hierarchy, path, row->controller, err);
    return result < 0 ? result : write_setting(directory, row->file, row->value, err);
}

int cgroups_limit(const struct cgroups *cgroups, const char *path, const struct limits *limits,
                  struct error **err)
{
    static const enum cgroup_version versions[] = {CGROUP_V1, CGROUP_V2};
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct limit_row rows[LIMIT_ROWS];
        size_t count = limits_rows(limits, versions[i], rows);
        for (size_t row = 0; row < count; row++) {
            const struct hierarchy *hierarchy = hierarchy_of(cgroups, rows[row].controller);
            if (hierarchy == NULL || hierarchy->version != versions[i])
                continue;
            int result = set_row(hierarchy, path, &rows[row], err);
            if (result < 0)
                return result;
        }
    }
    return 0;
}

static bool is_there(const struct hierarchy *hierarchy, const char *path)
{
    autofree char *directory = path_format("%s%s", hierarchy->root, path);
    return access(directory, F_OK) == 0;
}

/* Nearly always the one that processes are tracked in knows. */
int cgroups_find(const struct cgroups *cgroups, const char *const *paths, int count)
{
    for (int i = 0; i < count; i++)
        if (is_there(&cgroups->hierarchies[cgroups->tracking], paths[i]))
            return i;
    for (int i = 0; i < count; i++)
        for (int other = 0; other < cgroups->count; other++)
            if (is_there(&cgroups->hierarchies[other], paths[i]))
                return i;
    return -1;
}

/* ---- who is in it ---- */

int cgroups_join(int directory, pid_t pid)
{
    char digits[16];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + pid % 10);
    while ((pid /= 10) > 0);
    int fd = openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t length = (ssize_t)(sizeof(digits) - at);
    int result = write(fd, digits + at, (size_t)length) == length ? 0 : -errno;
    close(fd);
    return result;
}

struct process *cgroups_start(const struct cgroups *cgroups, const char *path, struct loop *loop,
                              const struct process_plan *plan, process_done_fn *done, void *context,
                              struct error **err)
{
    bool into = false;
    autoclose int directory = cgroups_make(cgroups, path, &into, err);
    if (directory < 0)
        return NULL;
    autoclose int procs = into ? -1 : openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (!into && procs < 0) {
        error_errno(err, errno, "cannot put %s into cgroup %s", plan->argv[0], path);
        return NULL;
    }
    /* By itself: if this process dies, nothing goes on elsewhere that nobody finds. */
    struct process_plan placed = *plan;
    placed.cgroup = into ? directory : 0;
    placed.cgroup_procs = procs;
    return process_start(loop, &placed, done, context, err);
}

bool cgroups_holds(const struct cgroups *cgroups, const char *path, pid_t pid)
{
    (void)cgroups;
    autofree char *file = path_format("/proc/%d/cgroup", (int)pid);
    autobuf struct buf text = {0};
    if (file_read(file, &text, NULL) < 0)
        return false;
    /* Lines are hierarchy:controllers:path. */
    struct str rest = buf_str(&text), line, wanted = str_of(path);
    while (str_split(&rest, '\n', &line)) {
        struct str field;
        if (!str_split(&line, ':', &field) || !str_split(&line, ':', &field) || !str_starts(line, wanted))
            continue;
        if (line.length == wanted.length || line.at[wanted.length] == '/')
            return true;
    }
    return false;
}

/* Calls `visit` with the group and all below it, the deepest first. */
typedef void visit_fn(void *context, const char *directory);
static void walk(const char *directory, visit_fn *visit, void *context)
{
    DIR *entries = opendir(directory);
    if (entries == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        autofree char *below = path_format("%s/%s", directory, entry->d_name);
        walk(below, visit, context);
    }
    closedir(entries);
    visit(context, directory);
}

static void kill_members(void *context, const char *directory)
{
    int *count = context;
    autofree char *file = path_format("%s/cgroup.procs", directory);
    autobuf struct buf text = {0};
    if (file_read(file, &text, NULL) < 0)
        return;
    struct str rest = buf_str(&text), line;
    int64_t pid;
    while (str_split(&rest, '\n', &line))
        if (str_to_int64(line, &pid) && pid > 0 && kill((pid_t)pid, SIGKILL) == 0)
            ++*count;
}

int cgroups_kill(const struct cgroups *cgroups, const char *path)
{
    int count = 0;
    for (int i = 0; i < cgroups->count; i++) {
        autofree char *directory = path_format("%s%s", cgroups->hierarchies[i].root, path);
        walk(directory, kill_members, &count);
    }
    return count;
}

/* ---- figures ---- */

/* The number that the file says, or says behind `field`; in the first hierarchy that has the file. */
static bool read_figure(const struct cgroups *cgroups, const char *path, const char *name, const char *field,
                        int64_t *number)
{
    for (int i = 0; i < cgroups->count; i++) {
        autofree char *file = path_format("%s%s/%s", cgroups->hierarchies[i].root, path, name);
        autobuf struct buf text = {0};
        if (file_read(file, &text, NULL) < 0)
            continue;
        struct str rest = buf_str(&text), line, word;
        while (str_split(&rest, '\n', &line))
            if ((field == NULL || (str_split(&line, ' ', &word) && str_is(word, field))) &&
                str_to_int64(str_trim(line), number))
                return true;
    }
    return false;
}

bool cgroups_usage(const struct cgroups *cgroups, const char *path, int64_t *cpu_us, int64_t *memory)
{
    /* Version 1 first: beside it version 2 has files that nobody fills. */
    int64_t idle = 0;
    bool v1 = read_figure(cgroups, path, "cpuacct.usage", NULL, cpu_us) &&
              read_figure(cgroups, path, "memory.usage_in_bytes", NULL, memory) &&
              read_figure(cgroups, path, "memory.stat", "total_inactive_file", &idle);
    if (v1)
        *cpu_us /= 1000;
    bool known = v1 || (read_figure(cgroups, path, "cpu.stat", "usage_usec", cpu_us) &&
                        read_figure(cgroups, path, "memory.current", NULL, memory) &&
                        read_figure(cgroups, path, "memory.stat", "inactive_file", &idle));
    *memory = known && *memory > idle ? *memory - idle : 0;
    return known;
}

bool cgroups_memory_kills(const struct cgroups *cgroups, const char *path, int64_t *count)
{
    return read_figure(cgroups, path, "memory.oom_control", "oom_kill", count) ||
           read_figure(cgroups, path, "memory.events", "oom_kill", count);
}

/* ---- removing ---- */

static void remove_group(void *context, const char *directory)
{
    int *number = context;
    if (rmdir(directory) < 0 && errno != ENOENT)
        *number = errno;
}

int cgroups_remove(const struct cgroups *cgroups, const char *path, struct error **err)
{
    int number = 0;
    for (int i = 0; i < cgroups->count; i++) {
        autofree char *directory = path_format("%s%s", cgroups->hierarchies[i].root, path);
        walk(directory, remove_group, &number);
    }
    return number == 0 ? 0 : error_errno(err, number, "cannot remove cgroup %s", path);
}

void cgroups_list(const struct cgroups *cgroups, const char *path, struct buf *out)
{
    for (int i = 0; i < cgroups->count; i++) {
        autofree char *directory = path_format("%s%s", cgroups->hierarchies[i].root, path);
        DIR *entries = opendir(directory);
        if (entries == NULL)
            continue;
        struct dirent *entry;
        while ((entry = readdir(entries)) != NULL)
            if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
                buf_addf(out, "%s\n", entry->d_name);
        closedir(entries);
    }
}
