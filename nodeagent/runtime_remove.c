/* How what is left of a container is taken away: monitor, state of the runtime, group, mounts, files. */
#include "nodeagent/runtime_private.h"

#include "lib/fault.h"
#include "lib/file.h"
#include "lib/log.h"
#include "nodeagent/discard.h"
#include "nodeagent/rootfs.h"
#include <errno.h>

#define CGROUP_RETRY_MS 20
#define CGROUP_RETRIES  250

/* Removing goes in steps, each of which can be repeated: the monitor's group, so that nobody is making or
 * removing the container any more; what the runtime knows of it; the container's group; the monitor's group
 * again, which the runtime was run in; mounts and files. The exit file goes last. */

static void on_remove_failed(struct job *job)
{
    error_wrap(&job->error, "cannot remove container %s", job->id);
    job_end(job);
}

static int remove_directory(const char *path, struct error **err)
{
    int result = rootfs_unmount_below(path, err);
    return result < 0 ? result : directory_remove(path, err);
}

static int remove_files(const struct job *job, struct error **err)
{
    const struct place *place = job->runtime->place;
    automaker struct maker maker = maker_of(place, job->bundle);
    autofree char *state = maker_state(&maker, job->id);
    autofree char *layer = place_layer(place, job->uid, job->name, job->attempt);
    autofree char *exit_file = place_exit_file(place, job->id);
    int result = remove_directory(state, err);
    fault_point("state-removed");
    if (result < 0 || (result = remove_directory(job->bundle, err)) < 0)
        return result;
    fault_point("bundle-removed");
    if ((result = discard(place->state, layer, err)) < 0)
        return result;
    fault_point("layer-removed");
    if (unlink(exit_file) < 0 && errno != ENOENT)
        return error_errno(err, errno, "cannot remove %s", exit_file);
    return 0;
}

/* Kills the group and goes on with `next` when it is gone, which takes killed processes a moment. */
static void remove_group(struct job *job, char *path, loop_due_fn *again, void (*next)(struct job *job))
{
    autofree char *cgroup = path;
    struct runtime *runtime = job->runtime;
    autoerror struct error *error = NULL;
    cgroups_kill(runtime->cgroups, cgroup);
    if (cgroups_remove(runtime->cgroups, cgroup, &error) == 0) {
        job->retries = 0;
        fault_point("group-removed");
        next(job);
    } else if (job->retries++ < CGROUP_RETRIES) {
        job->source = loop_timer(runtime->loop, CGROUP_RETRY_MS, again, job);
    } else {
        job->error = take_pointer(error);
        on_remove_failed(job);
    }
}

static void finish_removal(struct job *job)
{
    if (remove_files(job, &job->error) < 0)
        on_remove_failed(job);
    else
        job_end(job);
}

static void remove_emptied_group(void *context)
{
    struct job *job = context;
    struct runtime *runtime = job->runtime;
    job->source = NULL;
    remove_group(job, hierarchy_monitor(runtime->cgroups, runtime->place, job->uid, job->name, job->attempt),
                 remove_emptied_group, finish_removal);
}

static void after_container_group(struct job *job)
{
    remove_emptied_group(job);
}

static void remove_container_group(void *context)
{
    struct job *job = context;
    struct runtime *runtime = job->runtime;
    job->source = NULL;
    remove_group(job,
                 hierarchy_container(runtime->cgroups, runtime->place, job->uid, job->name, job->attempt),
                 remove_container_group, after_container_group);
}

static void on_deleted(void *context, const struct process_result *result)
{
    struct job *job = context;
    autofree char *complaint = process_complaint(maker_name(&job->maker), result);
    /* A runtime that was killed while it made the container leaves half a state, and may complain of it. */
    if (complaint != NULL)
        log_warning("removing container %s: %s", job->id, complaint);
    remove_container_group(job);
}

static void remove_runtime_state(struct job *job)
{
    automaker struct maker maker = maker_of(job->runtime->place, job->bundle);
    autofree char *state = maker_state(&maker, job->id);
    if (access(state, F_OK) < 0)
        remove_container_group(job);
    else if (job_run_runtime(job, (const char *const[]){"delete", "--force", job->id, NULL}, on_deleted) < 0)
        on_remove_failed(job);
}

static void remove_monitor_group(void *context)
{
    struct job *job = context;
    struct runtime *runtime = job->runtime;
    job->source = NULL;
    remove_group(job, hierarchy_monitor(runtime->cgroups, runtime->place, job->uid, job->name, job->attempt),
                 remove_monitor_group, remove_runtime_state);
}

/* Without its pid file a container counts as one that never was (runtime_adopt_container): should this be cut
 * short, what is left is not taken for one that has ended in some unknown way. */
static void begin_remove(struct job *job)
{
    autofree char *pid_file = path_format("%s/pid", job->bundle);
    if (unlink(pid_file) < 0 && errno != ENOENT)
        log_warning("cannot remove %s: %m", pid_file);
    ward_forget(job->runtime, job->uid, job->name, job->attempt);
    remove_monitor_group(job);
}

void runtime_remove_container(struct runtime *runtime, const char *uid, const char *name, int attempt,
                              runtime_done_fn *done, void *context)
{
    job_enqueue(job_new(runtime, uid, name, attempt, done, context), begin_remove);
}
