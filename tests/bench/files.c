/* What the tree's files cost a client, each beside its yardstick from the same run.
 *
 *     files ack FILE PROBE N
 *         write(2) of a value into FILE against 4 KiB and fdatasync in PROBE, by turns
 *     files writers FILE… N
 *         one thread a FILE, N writes each: changes a second
 *     files etcd PORT WRITERS N
 *         WRITERS connections to etcd's JSON gateway on loopback, N puts each: changes a second
 *     files read FILE N
 *         open+read+close of FILE: microseconds, p50 and mean
 *
 * Prints numbers for the script that makes the table (run).
 */
#include "lib/clock.h"
#include "lib/str.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

static void die(const char *what)
{
    fprintf(stderr, "files: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_or_die(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        die(path);
    return fd;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t percentile(int64_t *sorted, size_t count, size_t percent)
{
    return sorted[count * percent / 100];
}

/* A value that differs from the one before. */
static void write_value(const char *path, size_t turn)
{
    char text[24];
    int length = snprintf(text, sizeof(text), "%zu\n", 10 + turn % 80);
    int fd = open_or_die(path, O_WRONLY | O_TRUNC);
    if (write(fd, text, (size_t)length) != length)
        die(path);
    close(fd);
}

#define PAUSE_US 20000

static int ack(const char *file, const char *probe, size_t count)
{
    static char block[4096];
    int64_t *ours = memory_zeroed(count, sizeof(*ours)), *disk = memory_zeroed(count, sizeof(*disk));
    int fd = open_or_die(probe, O_RDWR | O_CREAT | O_TRUNC);
    for (int i = 0; i < 256; i++)
        if (pwrite(fd, block, sizeof(block), i * 4096) != sizeof(block))
            die(probe);
    if (fsync(fd) < 0)
        die(probe);
    for (size_t i = 0; i < count; i++) {
        usleep(PAUSE_US); /* a person's next command: what the controllers did about the last one is over */
        int64_t start = clock_us();
        if (pwrite(fd, block, sizeof(block), (off_t)(i % 256) * 4096) != sizeof(block) || fdatasync(fd) < 0)
            die(probe);
        int64_t middle = clock_us();
        write_value(file, i);
        disk[i] = middle - start;
        ours[i] = clock_us() - middle;
    }
    close(fd);
    qsort(ours, count, sizeof(*ours), by_number);
    qsort(disk, count, sizeof(*disk), by_number);
    printf("%lld %lld %lld %lld\n", (long long)percentile(ours, count, 50),
           (long long)percentile(ours, count, 99), (long long)percentile(disk, count, 50),
           (long long)percentile(disk, count, 99));
    free(ours);
    free(disk);
    return 0;
}

/* ---- many at a time ---- */

struct worker {
    pthread_t thread;
    const char *path;
    uint16_t port;
    size_t number, count;
};

static void *write_many(void *context)
{
    const struct worker *worker = context;
    for (size_t i = 0; i < worker->count; i++)
        write_value(worker->path, i);
    return NULL;
}

/* One request, and its whole answer: the header says how long it is. */
static void put(int fd, const char *request, size_t length)
{
    char answer[4096];
    size_t got = 0;
    if (send(fd, request, length, MSG_NOSIGNAL) != (ssize_t)length)
        die("send");
    for (;;) {
        ssize_t n = recv(fd, answer + got, sizeof(answer) - 1 - got, 0);
        if (n <= 0)
            die("recv");
        got += (size_t)n;
        answer[got] = '\0';
        char *body = strstr(answer, "\r\n\r\n"), *size = strcasestr(answer, "content-length:");
        if (body != NULL && size != NULL && got >= (size_t)(body + 4 - answer) + strtoul(size + 15, NULL, 10))
            break;
    }
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "files: etcd said: %.60s\n", answer);
        exit(1);
    }
}

static void *put_many(void *context)
{
    const struct worker *worker = context;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(worker->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("connect to etcd");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (size_t i = 0; i < worker->count; i++) {
        char body[128], request[512];
        /* Keys and values are base64 there: "d" and a number are, too. */
        snprintf(body, sizeof(body), "{\"key\":\"d%03zu\",\"value\":\"v%03zu\"}", worker->number % 1000,
                 i % 1000);
        int length = snprintf(request, sizeof(request),
                              "POST /v3/kv/put HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s",
                              strlen(body), body);
        put(fd, request, (size_t)length);
    }
    close(fd);
    return NULL;
}

static int many(struct worker *workers, size_t count, void *(*run)(void *))
{
    size_t changes = 0;
    int64_t start = clock_us();
    for (size_t i = 0; i < count; i++) {
        changes += workers[i].count;
        if ((errno = pthread_create(&workers[i].thread, NULL, run, &workers[i])) != 0)
            die("thread");
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(workers[i].thread, NULL);
    printf("%.0f\n", (double)changes * 1e6 / (double)(clock_us() - start));
    free(workers);
    return 0;
}

static int writers(char **paths, size_t count, size_t writes)
{
    struct worker *workers = memory_zeroed(count, sizeof(*workers));
    for (size_t i = 0; i < count; i++)
        workers[i] = (struct worker){.path = paths[i], .count = writes};
    return many(workers, count, write_many);
}

static int etcd(const char *port, size_t count, size_t writes)
{
    struct worker *workers = memory_zeroed(count, sizeof(*workers));
    for (size_t i = 0; i < count; i++)
        workers[i] = (struct worker){.port = (uint16_t)atoi(port), .number = i, .count = writes};
    return many(workers, count, put_many);
}

static int read_file(const char *path, size_t count)
{
    char text[256];
    int64_t *times = memory_zeroed(count, sizeof(*times)), start = clock_us();
    for (size_t i = 0; i < count; i++) {
        int64_t begin = clock_us();
        int fd = open_or_die(path, O_RDONLY);
        if (read(fd, text, sizeof(text)) <= 0)
            die(path);
        close(fd);
        times[i] = clock_us() - begin;
    }
    double mean = (double)(clock_us() - start) / (double)count;
    qsort(times, count, sizeof(*times), by_number);
    printf("%lld %.1f\n", (long long)percentile(times, count, 50), mean);
    free(times);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "ack") == 0)
        return ack(argv[2], argv[3], strtoul(argv[4], NULL, 10));
    if (argc >= 4 && strcmp(argv[1], "writers") == 0)
        return writers(argv + 2, (size_t)argc - 3, strtoul(argv[argc - 1], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "read") == 0)
        return read_file(argv[2], strtoul(argv[3], NULL, 10));
    if (argc == 5 && strcmp(argv[1], "etcd") == 0)
        return etcd(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
    fprintf(stderr, "usage: files ack FILE PROBE N | writers FILE… N | read FILE N | etcd PORT WRITERS N\n");
    return 2;
}
