/* How fast a cluster follows: pods a second, and the time from a write to its pod being bound.
 *
 *     scale many DEPLOYMENT POD_DIRECTORY REPLICAS
 *         sets the replicas of a deployment: seconds until so many pods are Running
 *     scale apply MANIFEST APPLY POD_DIRECTORY PODS
 *         copies the manifest into the file apply: seconds until so many pods are Running
 *     scale pods MANIFEST APPLY POD_DIRECTORY N
 *         N times a pod more, by the manifest with NAME in it replaced by pod-1, pod-2 …: ms from write to
 * Ready, p50 and p99 scale one DEPLOYMENT POD_DIRECTORY FIRST N N times one replica more: ms from write to
 * bound, p50 and p99
 *
 * DEPLOYMENT and POD_DIRECTORY are directories of the tree. It watches as any program does: inotify on
 * .version, then .since.
 */
#include "lib/clock.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>

struct follower {
    const char *pods;
    int inotify;
    long long version;
    size_t bound, running, ready;
    /* what is known of each pod, by a hash of its name: bit 1 bound, bit 2 running, bit 3 ready */
    struct {
        uint64_t hash;
        unsigned state;
    } * states;
    size_t capacity;
};

static void die(const char *what)
{
    fprintf(stderr, "scale: %s: %s\n", what, strerror(errno));
    exit(1);
}

static unsigned *state_of(struct follower *follower, struct str name)
{
    uint64_t hash = str_hash(name) | 1;
    size_t place = hash % follower->capacity;
    while (follower->states[place].hash != 0 && follower->states[place].hash != hash)
        place = (place + 1) % follower->capacity;
    follower->states[place].hash = hash;
    return &follower->states[place].state;
}

static bool is_ready(struct value pod)
{
    value_each (condition, value_at(pod, "status", "conditions"))
        if (value_is(value_get(condition, STR("type")), "Ready"))
            return value_is(value_get(condition, STR("status")), "True");
    return false;
}

static void note(struct follower *follower, struct value pod)
{
    unsigned *state = state_of(follower, value_str(value_at(pod, "metadata", "name"))), old = *state;
    bool gone = value_true(value_get(pod, STR("deleted")));
    *state = gone ? 0
                  : (value_str(value_at(pod, "spec", "nodeName")).length != 0 ? 2u : 0u) |
                        (value_is(value_at(pod, "status", "phase"), "Running") ? 4u : 0u) |
                        (is_ready(pod) ? 8u : 0u);
    follower->bound += ((*state & 2) != 0) - ((old & 2) != 0);
    follower->running += ((*state & 4) != 0) - ((old & 4) != 0);
    follower->ready += ((*state & 8) != 0) - ((old & 8) != 0);
}

static void catch_up(struct follower *follower)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/.since/%lld", follower->pods, follower->version);
    autobuf struct buf text = {0};
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(path);
    ssize_t n;
    while ((n = read(fd, buf_reserve(&text, 131072), 131072)) > 0)
        text.length += (size_t)n;
    if (n < 0)
        die(path);
    struct str rest = buf_str(&text), line;
    while (str_split(&rest, '\n', &line)) {
        if (line.length == 0)
            continue;
        autodoc struct doc *doc = doc_parse(line, NULL);
        struct str version = value_str(value_get(doc_root(doc), STR("version")));
        int64_t number;
        if (str_to_int64(version, &number))
            follower->version = number;
        else
            note(follower, doc_root(doc));
    }
}

static void follow(struct follower *follower, const char *pods)
{
    char path[4096];
    *follower = (struct follower){.pods = pods, .capacity = 1u << 20};
    follower->states = memory_zeroed(follower->capacity, sizeof(*follower->states));
    follower->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    snprintf(path, sizeof(path), "%s/.version", pods);
    if (follower->inotify < 0 || inotify_add_watch(follower->inotify, path, IN_ATTRIB | IN_MODIFY) < 0)
        die(path);
    catch_up(follower);
}

/* Until something has changed; a second at most, then it looks by itself. */
static void await(struct follower *follower)
{
    char events[4096];
    struct pollfd polled = {.fd = follower->inotify, .events = POLLIN};
    if (poll(&polled, 1, 1000) < 0 && errno != EINTR)
        die("poll");
    while (read(follower->inotify, events, sizeof(events)) > 0)
        ;
    catch_up(follower);
}

static void set_replicas(const char *deployment, size_t replicas)
{
    char path[4096], text[24];
    snprintf(path, sizeof(path), "%s/replicas", deployment);
    int length = snprintf(text, sizeof(text), "%zu\n", replicas);
    autoclose int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0 || write(fd, text, (size_t)length) != length)
        die(path);
}

static int until_running(struct follower *follower, int64_t start, size_t pods)
{
    while (follower->running < pods)
        await(follower);
    printf("%.3f\n", (double)(clock_us() - start) / 1e6);
    free(follower->states);
    return 0;
}

static int many(const char *deployment, const char *pods, size_t replicas)
{
    struct follower follower;
    follow(&follower, pods);
    int64_t start = clock_us();
    set_replicas(deployment, replicas);
    return until_running(&follower, start, replicas);
}

/* As cp does it: what the manifest is wrong about, closing says. */
static void write_whole(const char *file, struct str text)
{
    int fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0 || write(fd, text.at, text.length) != (ssize_t)text.length || close(fd) < 0)
        die(file);
}

static int apply(const char *manifest, const char *file, const char *pods, size_t count)
{
    struct follower follower;
    autobuf struct buf text = {0};
    if (file_read(manifest, &text, NULL) < 0)
        die(manifest);
    follow(&follower, pods);
    int64_t start = clock_us();
    write_whole(file, buf_str(&text));
    return until_running(&follower, start, count);
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Takes the times. */
static int say_percentiles(int64_t *times, size_t count)
{
    qsort(times, count, sizeof(*times), by_number);
    printf("%.2f %.2f\n", (double)times[count / 2] / 1000, (double)times[count * 99 / 100] / 1000);
    free(times);
    return 0;
}

static void fill_in(struct buf *out, const char *template, size_t number)
{
    const char *name;
    for (; (name = strstr(template, "NAME")) != NULL; template = name + 4) {
        buf_add(out, template, (size_t)(name - template));
        buf_addf(out, "pod-%zu", number);
    }
    buf_add_text(out, template);
}

static int each(const char *manifest, const char *file, const char *pods, size_t count)
{
    struct follower follower;
    autobuf struct buf template = {0};
    int64_t *times = memory_zeroed(count, sizeof(*times));
    if (file_read(manifest, &template, NULL) < 0)
        die(manifest);
    follow(&follower, pods);
    size_t before = follower.ready;
    for (size_t i = 0; i < count; i++) {
        autobuf struct buf text = {0};
        fill_in(&text, template.at, i + 1);
        int64_t start = clock_us();
        write_whole(file, buf_str(&text));
        while (follower.ready <= before + i)
            await(&follower);
        times[i] = clock_us() - start;
    }
    free(follower.states);
    return say_percentiles(times, count);
}

static int one(const char *deployment, const char *pods, size_t first, size_t count)
{
    struct follower follower;
    int64_t *times = memory_zeroed(count, sizeof(*times));
    follow(&follower, pods);
    for (size_t i = 0; i < count; i++) {
        int64_t start = clock_us();
        set_replicas(deployment, first + i);
        while (follower.bound < first + i)
            await(&follower);
        times[i] = clock_us() - start;
        while (follower.running < first + i)
            await(&follower);
    }
    free(follower.states);
    return say_percentiles(times, count);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "many") == 0)
        return many(argv[2], argv[3], strtoul(argv[4], NULL, 10));
    if (argc == 6 && strcmp(argv[1], "apply") == 0)
        return apply(argv[2], argv[3], argv[4], strtoul(argv[5], NULL, 10));
    if (argc == 6 && strcmp(argv[1], "pods") == 0)
        return each(argv[2], argv[3], argv[4], strtoul(argv[5], NULL, 10));
    if (argc == 6 && strcmp(argv[1], "one") == 0)
        return one(argv[2], argv[3], strtoul(argv[4], NULL, 10), strtoul(argv[5], NULL, 10));
    fprintf(stderr,
            "usage: scale many DEPLOYMENT POD_DIRECTORY REPLICAS | apply MANIFEST APPLY POD_DIRECTORY PODS"
            " | pods MANIFEST APPLY POD_DIRECTORY N | one DEPLOYMENT POD_DIRECTORY FIRST N\n");
    return 2;
}
