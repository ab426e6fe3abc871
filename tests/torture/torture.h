/* Torture: clients at work on a cluster while its processes are killed.
 *
 * A load is a kind of client: a process of its own that goes on until it is told to stop, demands all the
 * while that no call fails and that nothing contradicts what it has been told, and at the end, when
 * everything is quiet, that the tree says what it must say. Loads are rows of a table (main.c); they know the
 * mount and nothing else. */
#ifndef PODTREE_TORTURE_H
#define PODTREE_TORTURE_H

#include "lib/doc.h"
#include "lib/str.h"
#include <stdatomic.h>

#define MOST_PROCESSES 64 /* of loads */

/* Shared by all processes. */
struct torture {
    atomic_bool stop;                     /* changes end now */
    atomic_bool changing[MOST_PROCESSES]; /* which loads' processes may still change something */
    atomic_bool settle;                   /* nobody changes anything any more */
    atomic_ullong kills;
    atomic_ullong done[32]; /* what each load has done, for the report; its own to count */
    atomic_ullong granted;  /* increments of the counter that were acknowledged */
    atomic_ullong said;     /* lines of events that were acknowledged */
};
extern struct torture *torture;
extern const char *tree; /* the mount */

struct load {
    const char *name;
    int processes;
    void (*prepare)(void); /* before anything is killed */
    void (*run)(int process);
    bool only_with_nodes;
};

/* Ends the load as failed, in words, with errno's. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);
#define demand(condition, ...) \
    do {                       \
        if (!(condition))      \
            fail(__VA_ARGS__); \
    } while (0)

/* True until the changes are to end; counts. */
bool going_on(void);
/* Waits until nobody changes anything any more. */
void wait_for_quiet(void);
/* Waits a moment: for what can't be watched. */
void nap(unsigned microseconds);
/* Until fsd or whoever has been killed once more, or it is over. */
void wait_for_kill(void);
unsigned random_below(unsigned limit);

/* A path in the tree; the same buffer is used again by the eighth call. */
__attribute__((format(printf, 1, 2))) const char *in_tree(const char *format, ...);
/* One write(2), as echo makes it, acknowledged. */
void write_value(const char *path, struct str value);
/* The whole file, in reads of at most `step` bytes. */
void read_whole(const char *path, size_t step, struct buf *out);
int64_t read_number(const char *path);
void make_directory(const char *path);
/* The file is written with O_CREAT and closed, and nothing refuses it. */
void put_file(const char *path, struct str content);
bool exists(const char *path);
/* Runs a program, which must succeed. */
void run_program(const char *const *argv);
/* Requests to a .bulk, and its answer. */
void bulk(const char *path, struct str requests, struct buf *results);

/* loads: values.c, objects.c, readers.c, watchers.c, pods.c */
void prepare_writer(void);
void run_writer(int process);
void prepare_counter(void);
void run_counter(int process);
void prepare_manifest(void);
void run_manifest(int process);
void prepare_renames(void);
void run_renames(int process);
void run_makers(int process);
void run_removers(int process);
void prepare_lists(void);
void run_lists(int process);
void prepare_events(void);
void run_events(int process);
void run_follower(int process);
void run_watcher(int process);
void run_since(int process);
void prepare_scaler(void);
void run_scaler(int process);

#endif
