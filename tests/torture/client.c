/* What all loads do: calls that must succeed. */
#include "tests/torture/torture.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

void fail(const char *format, ...)
{
    int number = errno;
    va_list args;
    va_start(args, format);
    autobuf struct buf text = {0};
    buf_vaddf(&text, format, args);
    va_end(args);
    fprintf(stderr, "%s (errno: %s)\n", text.at, strerror(number));
    _exit(1);
}

void nap(unsigned microseconds)
{
    struct timespec time = {.tv_nsec = (long)microseconds * 1000};
    nanosleep(&time, NULL);
}

unsigned random_below(unsigned limit)
{
    return (unsigned)random() % limit;
}

void wait_for_quiet(void)
{
    while (!atomic_load(&torture->settle))
        nap(1000);
}

void wait_for_kill(void)
{
    unsigned long long kills = atomic_load(&torture->kills);
    while (atomic_load(&torture->kills) == kills && !atomic_load(&torture->stop))
        nap(200);
}

const char *in_tree(const char *format, ...)
{
    static struct buf paths[8];
    static unsigned next;
    struct buf *path = &paths[next++ % 8];
    buf_clear(path);
    buf_addf(path, "%s/", tree);
    va_list args;
    va_start(args, format);
    buf_vaddf(path, format, args);
    va_end(args);
    return path->at;
}

void write_value(const char *path, struct str value)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    demand(fd >= 0, "open %s for writing", path);
    errno = 0;
    ssize_t written = write(fd, value.at, value.length);
    demand(written == (ssize_t)value.length, "write to %s", path);
    demand(close(fd) == 0, "close %s", path);
}

void read_whole(const char *path, size_t step, struct buf *out)
{
    buf_clear(out);
    int fd = open(path, O_RDONLY);
    demand(fd >= 0, "open %s", path);
    for (;;) {
        char *to = buf_reserve(out, step);
        ssize_t got = read(fd, to, step);
        demand(got >= 0, "read %s", path);
        if (got == 0)
            break;
        out->length += (size_t)got;
        out->at[out->length] = '\0';
    }
    demand(close(fd) == 0, "close %s", path);
}

int64_t read_number(const char *path)
{
    autobuf struct buf text = {0};
    int64_t number;
    read_whole(path, 4096, &text);
    demand(str_to_int64(str_trim(buf_str(&text)), &number), "%s says \"%s\"", path, text.at);
    return number;
}

void make_directory(const char *path)
{
    demand(mkdir(path, 0755) == 0, "mkdir %s", path);
}

void put_file(const char *path, struct str content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    demand(fd >= 0, "create %s", path);
    demand(write(fd, content.at, content.length) == (ssize_t)content.length, "write to %s", path);
    demand(close(fd) == 0, "close %s", path);
}

bool exists(const char *path)
{
    struct stat attributes;
    if (stat(path, &attributes) == 0)
        return true;
    demand(errno == ENOENT, "stat %s", path);
    return false;
}

void run_program(const char *const *argv)
{
    pid_t pid;
    int status, number = posix_spawnp(&pid, argv[0], NULL, NULL, (char **)argv, environ);
    demand(number == 0, "start %s", argv[0]);
    demand(waitpid(pid, &status, 0) == pid, "wait for %s", argv[0]);
    demand(status == 0, "%s %s … ended with status %x", argv[0], argv[1], (unsigned)status);
}

void bulk(const char *path, struct str requests, struct buf *results)
{
    int fd = open(path, O_RDWR);
    demand(fd >= 0, "open %s", path);
    for (size_t done = 0; done < requests.length;) {
        ssize_t written = write(fd, requests.at + done, requests.length - done);
        demand(written > 0, "write to %s", path);
        done += (size_t)written;
    }
    demand(fsync(fd) == 0, "fsync %s", path);
    buf_clear(results);
    for (ssize_t got = 1; got > 0;) {
        char *to = buf_reserve(results, 65536);
        got = pread(fd, to, 65536, (off_t)results->length);
        demand(got >= 0, "read the results of %s", path);
        results->length += (size_t)got;
        results->at[results->length] = '\0';
    }
    demand(close(fd) == 0, "close %s", path);
}
