#include "nodeagent/cgroup.h"

#include "lib/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

/* Version 1 has one hierarchy per controller, a hybrid machine a version 2 hierarchy without controllers
 * beside them. `tracking` is the one that the sandbox and the monitors are put into: version 2 where there is
 * one, because a process can be born into a group there; else systemd's own, so that the end of the service
 * they were started by is not theirs. */
struct cgroups {
    char *roots[32];
    int count;
    int tracking;
    bool has_v2;
};

struct cgroups *cgroups_open(struct error **err)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    if (mounts == NULL) {
        error_errno(err, errno, "cannot read /proc/self/mounts");
        return NULL;
    }
    struct cgroups *cgroups = memory_zeroed(1, sizeof(*cgroups));
    struct mntent *mount;
    while ((mount = getmntent(mounts)) != NULL && cgroups->count < 32) {
        bool v2 = strcmp(mount->mnt_type, "cgroup2") == 0;
        if (!v2 && strcmp(mount->mnt_type, "cgroup") != 0)
            continue;
        if (v2 || (!cgroups->has_v2 && hasmntopt(mount, "name=systemd") != NULL))
            cgroups->tracking = cgroups->count;
        cgroups->has_v2 |= v2;
        cgroups->roots[cgroups->count++] = str_dup(str_of(mount->mnt_dir));
    }
    endmntent(mounts);
    if (cgroups->count == 0) {
        error_make(err, ENOENT, "no cgroup filesystem is mounted");
        cgroups_close(cgroups);
        return NULL;
    }
    return cgroups;
}

void cgroups_close(struct cgroups *cgroups)
{
    if (cgroups == NULL)
        return;
    for (int i = 0; i < cgroups->count; i++)
        free(cgroups->roots[i]);
    free(cgroups);
}

int cgroups_make(const struct cgroups *cgroups, const char *path, bool *into, struct error **err)
{
    autofree char *directory = path_format("%s%s", cgroups->roots[cgroups->tracking], path);
    int result = directory_make(directory, 0755, err);
    if (result < 0)
        return result;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", directory);
    *into = cgroups->has_v2;
    return fd;
}

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
    struct process_plan placed = *plan;
    placed.cgroup = into ? directory : 0;
    struct process *process = process_start(loop, &placed, done, context, err);
    int joined = process != NULL && !into ? cgroups_join(directory, process_pid(process)) : 0;
    if (joined < 0) {
        error_errno(err, -joined, "cannot put %s into cgroup %s", plan->argv[0], path);
        process_signal(process, SIGKILL);
        process_forget(process);
        return NULL;
    }
    return process;
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
        autofree char *directory = path_format("%s%s", cgroups->roots[i], path);
        walk(directory, kill_members, &count);
    }
    return count;
}

/* The number that the file says, or says behind `field`; in the first hierarchy that has the file. */
static bool read_figure(const struct cgroups *cgroups, const char *path, const char *name, const char *field,
                        int64_t *number)
{
    for (int i = 0; i < cgroups->count; i++) {
        autofree char *file = path_format("%s%s/%s", cgroups->roots[i], path, name);
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
        autofree char *directory = path_format("%s%s", cgroups->roots[i], path);
        walk(directory, remove_group, &number);
    }
    return number == 0 ? 0 : error_errno(err, number, "cannot remove cgroup %s", path);
}

void cgroups_list(const struct cgroups *cgroups, const char *path, struct buf *out)
{
    for (int i = 0; i < cgroups->count; i++) {
        autofree char *directory = path_format("%s%s", cgroups->roots[i], path);
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
