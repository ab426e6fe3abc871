/* What memory a cluster's processes take: each one's proportional share (PSS), in KiB, and the sum.
 *
 *     memory SUPERVISOR [EXCEPT…]
 *         the supervisor's pid; names of programs that don't count
 *
 * What of the shared memory no process has mapped has a line of its own: it is taken all the same.
 */
#include "lib/cleanup.h"
#include "lib/file.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

struct sum {
    char **except;
    size_t except_count;
    long total, shared;
};

static void die(const char *what)
{
    fprintf(stderr, "memory: %s: %s\n", what, strerror(errno));
    exit(1);
}

static bool read_of(long pid, const char *file, struct buf *text)
{
    autofree char *path = path_format("/proc/%ld/%s", pid, file);
    return file_read(path, text, NULL) == 0;
}

static long line_of(const char *text, const char *name)
{
    const char *line = strstr(text, name);
    return line != NULL ? strtol(line + strlen(name), NULL, 10) : 0;
}

static bool counts(const struct sum *sum, struct str program)
{
    for (size_t i = 0; i < sum->except_count; i++)
        if (str_is(program, sum->except[i]))
            return false;
    return true;
}

/* The process and what it has started; what has ended meanwhile takes nothing. */
static void add_process(struct sum *sum, long pid)
{
    autobuf struct buf name = {0}, memory = {0}, children = {0};
    autofree char *children_path = path_format("task/%ld/children", pid);
    if (!read_of(pid, "comm", &name) || !read_of(pid, "smaps_rollup", &memory) ||
        !read_of(pid, children_path, &children))
        return;
    struct str program = str_trim(buf_str(&name)), rest = buf_str(&children), child;
    if (counts(sum, program)) {
        long share = line_of(memory.at, "\nPss:");
        printf(STR_FORMAT " %ld\n", STR_ARGS(program), share);
        sum->total += share;
        sum->shared += line_of(memory.at, "\nPss_Shmem:");
    }
    int64_t number;
    while (str_split(&rest, ' ', &child))
        if (str_to_int64(child, &number))
            add_process(sum, (long)number);
}

/* The pages of the shared memory, whose descriptor the supervisor has. */
static long shared_memory(long pid)
{
    autofree char *path = path_format("/proc/%ld/fd", pid);
    DIR *descriptors = opendir(path);
    if (descriptors == NULL)
        die(path);
    long taken = 0;
    struct dirent *entry;
    while ((entry = readdir(descriptors)) != NULL) {
        char target[64] = "";
        struct stat found;
        if (readlinkat(dirfd(descriptors), entry->d_name, target, sizeof(target) - 1) > 0 &&
            strncmp(target, "/memfd:", 7) == 0 && fstatat(dirfd(descriptors), entry->d_name, &found, 0) == 0)
            taken += (long)found.st_blocks / 2;
    }
    closedir(descriptors);
    return taken;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: memory SUPERVISOR [EXCEPT…]\n");
        return 2;
    }
    struct sum sum = {.except = argv + 2, .except_count = (size_t)argc - 2};
    long pid = strtol(argv[1], NULL, 10), taken = shared_memory(pid);
    add_process(&sum, pid);
    long unmapped = taken > sum.shared ? taken - sum.shared : 0;
    printf("unmapped %ld\ntotal %ld\n", unmapped, sum.total + unmapped);
    return 0;
}
