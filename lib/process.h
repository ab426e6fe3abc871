/* Running programs from the event loop: start, collect what they say, hear how they ended.
 *
 * Nothing waits: a program is started, its standard output and error are read as they come, and `done` is
 * called once when it has ended and both pipes are closed, or 0.2 s later: a program may leave children
 * behind that keep its pipes open.
 *
 * Every descriptor of the caller is O_CLOEXEC in this project, so a program gets 0, 1, 2 and what it is
 * given by name.
 */
#ifndef PODTREE_PROCESS_H
#define PODTREE_PROCESS_H

#include "lib/loop.h"
#include "lib/str.h"

struct process;

struct process_result {
    int status;            /* as waitpid's */
    bool timed_out;        /* it was killed because its time was over */
    struct str output;     /* what it wrote on standard output and error, at most the first 64 KiB of each; */
    struct str complaints; /* only until `done` returns */
};

typedef void process_done_fn(void *context, const struct process_result *result);

struct process_plan {
    const char *const *argv;        /* [0] is looked up in PATH when it has no slash */
    const char *const *environment; /* NULL: the caller's own */
    const char *directory;          /* NULL: the caller's own */
    struct str input;               /* its standard input; at most 64 KiB. Empty: /dev/null */
    struct process_fd {
        int from; /* the caller's descriptor, stays open there */
        int to;   /* its number in the program */
    } fds[4];
    int fd_count;
    int cgroup;         /* the directory of a version 2 cgroup to be born in; 0: the caller's own */
    int cgroup_procs;   /* the file of that name of another cgroup, which it joins before it does anything */
    bool session;       /* in a session and process group of its own */
    bool quiet;         /* its output is not collected: /dev/null */
    bool merged;        /* its standard error goes the way of its output, in the order of writing */
    int64_t timeout_ms; /* then it gets SIGKILL (its whole group if it has one); 0: never */
};

/* On failure `done` is not called. */
struct process *process_start(struct loop *loop, const struct process_plan *plan, process_done_fn *done,
                              void *context, struct error **err);

/* Good until it has been reaped, which is before `done` is called. */
pid_t process_pid(const struct process *process);
/* To the process alone; to its whole group where it has one of its own. Nothing where it has ended. */
void process_signal(struct process *process, int signal_number);

/* `done` will not be called; the program goes on, and is reaped when it ends. */
void process_forget(struct process *process);
/* The same for whoever is about to end, and its loop: nothing is kept of it, and nobody here reaps it. */
void process_abandon(struct process *process);

/* One sentence for people: "runc exited with 1: what it said last on standard error", or NULL when it ended
 * well (to be freed). */
char *process_complaint(const char *program, const struct process_result *result);

/* For programs that have nothing else to do: runs one to its end. Adds its standard output to *output (NULL:
 * not wanted). A program that doesn't end with 0 is an error (EIO) with the first three lines of its
 * complaints. */
int process_run(const struct process_plan *plan, struct buf *output, struct error **err);

#endif
