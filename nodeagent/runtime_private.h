/* What the files of the runtime share: runtime.c starts, signals and finds sandboxes and containers,
 * runtime_create.c makes containers, runtime_remove.c takes them away, runtime_list.c lists what there is,
 * runtime_exec.c runs commands in them, and runtime_job.c lets all these verbs take their turns;
 * runtime_image.c is the image service, runtime_status.c asks the OCI runtime what it is. */
#ifndef PODTREE_RUNTIME_PRIVATE_H
#define PODTREE_RUNTIME_PRIVATE_H

#include "lib/process.h"
#include "nodeagent/conmon.h"
#include "nodeagent/hierarchy.h"
#include "nodeagent/maker.h"
#include "nodeagent/runtime.h"

/* A `struct ward` is a sandbox or a container whose end is being waited for: of a sandbox the end of its
 * process, of a container that of its monitor. Wards are all that this module remembers, and they can be
 * found again on the disk. A `struct job` is a verb on its way. */

struct ward {
    struct runtime *runtime;
    struct ward *next;
    char *uid, *name; /* no name: the sandbox */
    int attempt;
    pid_t pid;
    struct loop_source *monitor;
    struct job *starting; /* waits for the first process to go on; it can't when it ends */
    bool asked;           /* its first process may have been let go on */
};

struct job {
    struct runtime *runtime;
    struct job *next;
    char *uid, *name, *id, *bundle;
    struct maker maker; /* of a container that is there */
    int attempt;
    struct sandbox_config sandbox; /* that is to be run: all in it is the job's */
    struct conmon_files files;     /* of a container that is to be made */
    void (*begin)(struct job *job);
    struct loop_source *source; /* what is being waited for, if not a process */
    struct loop_source *slot;   /* until then it counts as one of those at work */
    struct loop_source *deadline;
    int fd;
    int retries;
    struct error *error;
    runtime_done_fn *done;
    void *context;
};

struct runtime {
    struct loop *loop;
    const struct place *place;
    struct runtime_listener listener;
    struct cgroups *cgroups;
    int64_t burstable_milli; /* that runtime_share() was told last; -1: nothing yet */
    struct ward *wards;
    struct runtime_images *images; /* NULL: not opened */
    struct runtime_asking *asking; /* runtime_status() on its way */
    struct loop_source *asking_begins;
    bool features_known, recursive_read_only; /* the OCI runtime has said what it can, and that it can that */
    struct job *first_waiting, **last_waiting;
    int working;
};

/* A verb on its way; `name` is NULL for a sandbox. */
struct job *job_new(struct runtime *runtime, const char *uid, const char *name, int attempt,
                    runtime_done_fn *done, void *context);
/* It begins in the next turn at the earliest: nobody is called back before his own call has returned. */
void job_enqueue(struct job *job, void (*begin)(struct job *));
/* Calls back with job->error, and lets the next one begin. */
void job_end(struct job *job);
/* One that has not been enqueued: nobody is called back. */
void job_free(struct job *job);
/* Runs the OCI runtime with these words, in the group of the container's monitor: an agent that comes after
 * this one makes sure that nobody is in there before it does anything with the container. When it fails,
 * job->error says so. */
int job_run_runtime(struct job *job, const char *const *words, process_done_fn *done);

/* From now on its end is waited for; without a name it is the pod's sandbox. Takes the descriptor. */
int ward_add(struct runtime *runtime, const char *uid, const char *name, int attempt, pid_t pid, int pidfd,
             struct error **err);
/* Its end is not waited for any more. Fine when it isn't. */
void ward_forget(struct runtime *runtime, const char *uid, const char *name, int attempt);

/* The container's first process, or without a name the sandbox's; 0 when nobody waits for its end: then it is
 * not running. */
pid_t runtime_container_pid(struct runtime *runtime, const struct runtime_target *target);

/* The fifo at which the container's first process waits to be started (to be freed). */
char *runtime_fifo_path(const struct runtime *runtime, const char *bundle, const char *id);
/* Notes in it that the process has not been started yet. */
void runtime_mark_as_waiting(const char *fifo);

/* When the runtime is closed; NULL is fine. */
void images_close(struct runtime_images *images);
void asking_free(struct runtime_asking *asking);

/* Has the kernel killed a process of the container for want of memory? */
bool runtime_out_of_memory(const struct runtime *runtime, const char *uid, const char *name, int attempt);

#endif
