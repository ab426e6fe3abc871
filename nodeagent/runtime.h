/* What runs pods: the verbs of Kubernetes' container runtime interface, on the event loop; runtime service
 * and image service, which the agent's pods reach in no other way.
 *
 * The agent decides what should be, this module does it: sandboxes by podtree-pause (sandbox.h), containers
 * by an OCI runtime with runc's command line, each under a conmon of its own that writes its log and keeps
 * its exit code, whatever happens to the agent. Everything is on the disk (place.h): what an earlier agent
 * started is found again.
 *
 * A verb that takes long calls back once; its error is NULL when all went well, and is freed after the call.
 * At most RUNTIME_PARALLEL of them are at work, the others wait in line; one that takes very long doesn't
 * count, so that what hangs holds nobody else up. Calls of the OCI runtime are given up after
 * place->runtime_timeout_ms.
 */
#ifndef PODTREE_RUNTIME_H
#define PODTREE_RUNTIME_H

#include "lib/doc.h"
#include "lib/loop.h"
#include "nodeagent/image_pull.h"
#include "nodeagent/place.h"
#include "nodeagent/sandbox.h"
#include "nodeagent/usage.h"

enum { RUNTIME_PARALLEL = 8 };

struct runtime;

/* How a container ended. */
struct runtime_end {
    int exit_code; /* 128 + signal when one killed it */
    int64_t finished_ms;
    bool out_of_memory;
    bool lost;      /* its monitor died first: the exit code is made up (137) */
    bool never_ran; /* it ended while it waited to be started: the command has not begun */
};

/* What the runtime says by itself. */
struct runtime_listener {
    void (*sandbox_ended)(void *context, const char *uid);
    void (*container_ended)(void *context, const char *uid, const char *name, int attempt,
                            const struct runtime_end *end);
    void (*images_changed)(void *context); /* one has come; only after runtime_open_images() */
    void *context;
};

typedef void runtime_done_fn(void *context, struct error *error);

struct runtime *runtime_open(struct loop *loop, const struct place *place,
                             const struct runtime_listener *listener, struct error **err);
/* What is running goes on. */
void runtime_close(struct runtime *runtime);

/* When nothing runs here any more: takes away the node's cgroup too. */
void runtime_clear(struct runtime *runtime);

/* ---- the runtime itself ---- */

/* How the OCI runtime is that is configured. */
struct runtime_status {
    bool ready;            /* it answers */
    const char *version;   /* "runc://1.1.5"; "" when it hasn't told */
    const char *complaint; /* why it isn't ready, else NULL */
};

/* Asks it; `done` is called once, never from inside. One question at a time. */
typedef void runtime_status_fn(void *context, const struct runtime_status *status);
void runtime_status(struct runtime *runtime, runtime_status_fn *done, void *context);

/* ---- sandboxes ---- */

/* Before the first one, and whenever it is another sum: what the burstable pods have asked for together, in
 * thousandths of a processor. */
int runtime_share(struct runtime *runtime, int64_t burstable_milli, struct error **err);

void runtime_run_sandbox(struct runtime *runtime, const struct sandbox_config *config, runtime_done_fn *done,
                         void *context);
/* `sandbox_ended` follows; false when it isn't running. */
bool runtime_stop_sandbox(struct runtime *runtime, const char *uid);
/* When it has ended and its containers have been removed. Fine when there is none. */
int runtime_remove_sandbox(struct runtime *runtime, const char *uid, struct error **err);

/* ---- containers ---- */

struct runtime_container {
    const char *uid; /* of the pod */
    const char *name;
    int attempt;
    struct value pod;       /* its document; only used during the call */
    struct value spec;      /* the container in its PodSpec; likewise */
    struct value variables; /* of its environment (environment.h); likewise */
    struct value image;     /* its document, as runtime_image_status() gives it; likewise */
    const char *hostname;
    int oom_score; /* oom_score_adj */
};

/* Are the volumeMounts of that container's spec to be recursively read-only: does it ask for that, and can
 * the runtime do it? 1, 0, or an error while it hasn't said whether it can (runtime_status()). */
int runtime_recursive_read_only(struct runtime *runtime, struct value spec, struct error **err);
/* Makes the container's directories, configuration, monitor and first process, which waits. Returns an error
 * when it can't be prepared; `done` hears whether it could be made: the error's number is EINVAL when the
 * OCI runtime would not make such a container, anything else when it was the machine's fault, or somebody's
 * who killed something, and the next attempt may go better. Whatever fails, there may be remains to be
 * removed. */
int runtime_create_container(struct runtime *runtime, const struct runtime_container *container,
                             runtime_done_fn *done, void *context, struct error **err);
/* Lets the first process go on with the container's command. The number of an error is EAGAIN when the OCI
 * runtime was killed before it could, so that it may be asked again. */
void runtime_start_container(struct runtime *runtime, const char *uid, const char *name, int attempt,
                             runtime_done_fn *done, void *context);
/* Sends a signal to the first process; false when there is none. SIGKILL ends all of it. */
bool runtime_signal_container(struct runtime *runtime, const char *uid, const char *name, int attempt,
                              int signal_number);
/* Ends it if it runs, and removes what there is of it: process, cgroup, mounts, directories, exit file. Its
 * log stays. `container_ended` does not follow. */
void runtime_remove_container(struct runtime *runtime, const char *uid, const char *name, int attempt,
                              runtime_done_fn *done, void *context);

/* ---- commands in running containers ---- */

struct runtime_exec;

/* The command has ended: its exit code (128 + signal when one killed it) and what it has said on both
 * outputs, cut at the limit; with an error it could not be run. Takes nothing; called once. */
typedef void runtime_exec_fn(void *context, int exit_code, struct str output, struct error *error);

/* Runs a command (an array of strings) in a running container, with the user, environment and capabilities of
 * its first process. At most 64 KiB of what it says are kept, whatever the limit. `done` is never called from
 * inside. NULL and an error when it can't even be begun. The command doesn't outlive the agent. */
struct runtime_exec *runtime_exec(struct runtime *runtime, const char *uid, const char *name, int attempt,
                                  struct value command, size_t limit, runtime_exec_fn *done, void *context,
                                  struct error **err);
/* Ends the command, whatever it does about signals; `done` will not be called. NULL is fine. */
void runtime_exec_forget(struct runtime_exec *exec);

/* What a container uses (the interface's stats); false when that can't be told. */
bool runtime_usage(struct runtime *runtime, const char *uid, const char *name, int attempt,
                   struct usage_sample *sample);

struct runtime_target {
    const char *uid, *name;
    int attempt;
};

/* The same for somebody else, who holds the other end of `leash` and is told over it how it goes
 * (lib/door.h); it outlives the agent. The descriptors, its standard input, output and errors, stay the
 * caller's. */
int runtime_exec_session(struct runtime *runtime, const struct runtime_target *target, struct value command,
                         bool terminal, const int descriptors[3], int leash, struct error **err);
/* Likewise a copy of a file or directory in the container's filesystem, into it or out of it, as a parcel
 * (lib/parcel.h) on `stream`, with what the container's first process may. */
struct runtime_copy {
    bool inwards;
    const char *path, *name; /* in the container; as what it goes in */
};
int runtime_copy_session(struct runtime *runtime, const struct runtime_target *target,
                         const struct runtime_copy *copy, int stream, int leash, struct error **err);

/* ---- images ---- */

/* Before images are pulled. From now on their coming is told, and those that nobody needs go when the disk
 * gets full; `say` takes what the node's events shall say of that (`type` is Normal or Warning). */
struct image_policy;
typedef void runtime_say_fn(void *context, const char *type, const char *reason, const char *message);
int runtime_open_images(struct runtime *runtime, const struct image_policy *policy, runtime_say_fn *say,
                        void *context, struct error **err);

/* Brings one here: `name` in its normal form (image_name.h); `secrets` as pull_secrets() gives them: one
 * after another is tried until it works, and none if there are none. Who needs the same image with the same
 * secrets waits for the same pull. */
struct pull *runtime_pull_image(struct runtime *runtime, const char *name, struct value secrets,
                                const struct pull_listener *listener);
/* Its document (image.h; to be freed): name, id, digest, size, and the configuration that it was built with.
 * NULL and ENOENT when it isn't here. */
struct doc *runtime_image_status(struct runtime *runtime, const char *name, struct error **err);
/* Calls `each` for every image that is here, in order of their names. */
typedef void runtime_image_fn(void *context, const char *name, struct value image);
int runtime_list_images(struct runtime *runtime, runtime_image_fn *each, void *context, struct error **err);
/* Removes one, unless a container here was made of it; needs no runtime_open_images(). */
int runtime_remove_image(struct runtime *runtime, const char *name, runtime_done_fn *done, void *context,
                         struct error **err);
/* It has been of use just now: so it goes late. */
void runtime_note_image_use(struct runtime *runtime, const char *name);

/* ---- after a restart ---- */

enum runtime_state {
    RUNTIME_ABSENT,  /* nothing, or only remains: whether it ran can't be known any more */
    RUNTIME_CREATED, /* the first process waits */
    RUNTIME_RUNNING,
    RUNTIME_ENDED
};

/* The pid of the pod's sandbox process, whose end will be told from now on; 0 when there is none. */
pid_t runtime_adopt_sandbox(struct runtime *runtime, const char *uid);
/* What has become of a container that an earlier agent made. One that runs is listened to from now on; of one
 * that has ended *end says how. `asked`: that agent may have begun to start it. */
enum runtime_state runtime_adopt_container(struct runtime *runtime, const struct runtime_target *target,
                                           bool asked, struct runtime_end *end);

/* Calls `found` for every container and, with name NULL, for every pod of which there is anything; perhaps
 * several times. */
typedef void runtime_found_fn(void *context, const char *uid, const char *name, int attempt);
void runtime_list(struct runtime *runtime, runtime_found_fn *found, void *context);

#endif
