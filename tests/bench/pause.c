/* How long a client waits when fsd is killed.
 *
 *     pause RECORD READ WRITE KILLS
 *         the longest single call in ms: of one that opens and reads the file READ, and of one that writes
 *         values into the file WRITE, both without a break while fsd is killed so many times
 *
 * RECORD is the supervisor's record, which says which process fsd is. Opening is what fsd is asked for each
 * time, also where the kernel has the contents.
 */
#include "lib/clock.h"
#include "lib/error.h"
#include "lib/file.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

/* How long fsd lives at least after it has answered both clients. */
#define LIFE_US 100000
#define CLIENTS 2

struct client {
    pthread_t thread;
    const char *path;
    void (*call)(const char *path, size_t turn);
    atomic_bool stop;
    size_t calls; /* that have been answered; under the lock */
    int64_t longest_us;
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;

static void die(const char *what)
{
    fprintf(stderr, "pause: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void read_value(const char *path, size_t turn)
{
    char text[256];
    (void)turn;
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof(text)) <= 0)
        die(path);
}

static void write_value(const char *path, size_t turn)
{
    char text[24];
    int length = snprintf(text, sizeof(text), "%zu\n", 10 + turn % 80);
    autoclose int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0 || write(fd, text, (size_t)length) != length)
        die(path);
}

static void *call_again_and_again(void *context)
{
    struct client *client = context;
    for (size_t turn = 0; !atomic_load(&client->stop); turn++) {
        int64_t start = clock_us();
        client->call(client->path, turn);
        int64_t took = clock_us() - start;
        if (took > client->longest_us)
            client->longest_us = took;
        pthread_mutex_lock(&lock);
        client->calls++;
        pthread_cond_signal(&answered);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static pid_t pid_of_fsd(const char *record)
{
    autobuf struct buf text = {0};
    if (file_read(record, &text, NULL) < 0)
        die(record);
    const char *line = strstr(text.at, "\nprocess fsd ");
    if (line == NULL)
        die(record);
    return (pid_t)strtol(line + strlen("\nprocess fsd "), NULL, 10);
}

/* Two calls from now one has been begun and answered: that is a pause's end. */
static void until_answered(struct client *clients)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < CLIENTS; i++)
        for (size_t now = clients[i].calls; clients[i].calls < now + 2;)
            pthread_cond_wait(&answered, &lock);
    pthread_mutex_unlock(&lock);
}

static void kill_fsd(const char *record, struct client *clients, size_t kills)
{
    for (size_t i = 0; i < kills; i++) {
        until_answered(clients);
        usleep(LIFE_US + (useconds_t)(i * 7919 % 50000));
        if (kill(pid_of_fsd(record), SIGKILL) < 0)
            die("cannot kill fsd");
    }
    until_answered(clients);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: pause RECORD READ WRITE KILLS\n");
        return 2;
    }
    struct client clients[CLIENTS] = {{.path = argv[2], .call = read_value},
                                      {.path = argv[3], .call = write_value}};
    for (size_t i = 0; i < CLIENTS; i++)
        if ((errno = pthread_create(&clients[i].thread, NULL, call_again_and_again, &clients[i])) != 0)
            die("thread");
    kill_fsd(argv[1], clients, strtoul(argv[4], NULL, 10));
    for (size_t i = 0; i < CLIENTS; i++) {
        atomic_store(&clients[i].stop, true);
        pthread_join(clients[i].thread, NULL);
        printf("%.1f ", (double)clients[i].longest_us / 1000);
    }
    printf("\n");
    return 0;
}
