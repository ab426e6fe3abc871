/* How a container is made: its root filesystem, its configuration, and its monitor, which has the OCI runtime
 * make it. */
#include "nodeagent/runtime_private.h"

#include "lib/fault.h"
#include "lib/file.h"
#include "nodeagent/device.h"
#include "nodeagent/image.h"
#include "nodeagent/oci.h"
#include "nodeagent/rootfs.h"
#include "nodeagent/security.h"
#include "nodeagent/termination.h"
#include <errno.h>
#include <sys/stat.h>

/* *seccomp is the caller's: the profile of a container that brings one. */
static int decide_security(const struct job *job, const struct runtime_container *container,
                           const char *target, struct security *security, struct doc **seccomp,
                           struct error **err)
{
    struct security_input input = {.pod = container->pod,
                                   .container = container->spec,
                                   .image_user = value_str(value_at(container->image, "config", "User")),
                                   .held = security_held()};
    autofree char *text = security_user(&input);
    struct oci_user found;
    int result = rootfs_user(target, str_of(text), &found, err);
    if (result < 0 || (result = security_decide(security, &input, &found, err)) < 0 ||
        security->seccomp != SECCOMP_LOCALHOST)
        return result;
    autofree char *path = path_format("%s/seccomp/" STR_FORMAT, job->runtime->place->state,
                                      STR_ARGS(security->seccomp_profile));
    *seccomp = doc_read(path, err);
    return *seccomp != NULL ? 0 : error_wrap(err, "cannot load the seccomp profile");
}

static int write_config(const struct job *job, const struct runtime_container *container, const char *target,
                        struct error **err)
{
    const struct place *place = job->runtime->place;
    struct value built = value_get(container->image, STR("config"));
    struct security security;
    autodoc struct doc *seccomp = NULL, *devices = NULL;
    int result = decide_security(job, container, target, &security, &seccomp, err);
    if (result < 0)
        return result;
    int recursive_read_only = runtime_recursive_read_only(job->runtime, container->spec, err);
    if (recursive_read_only < 0)
        return recursive_read_only;
    if (security.all_devices)
        devices = device_list("/dev");
    pid_t sandbox = runtime_container_pid(job->runtime, &(struct runtime_target){.uid = job->uid});
    if (sandbox == 0)
        return error_make(err, ESRCH, "the pod has no sandbox");
    autofree char *cgroup =
        hierarchy_container(job->runtime->cgroups, place, job->uid, job->name, job->attempt);
    autofree char *pod_directory = place_pod_run(place, job->uid);
    autofree char *volumes = place_volumes(place, job->uid);
    autofree char *termination_log = termination_make(job->bundle, err);
    if (termination_log == NULL)
        return -EIO;
    struct oci_input input = {
        .pod = container->pod,
        .container = container->spec,
        .variables = container->variables,
        .image = built,
        .security = &security,
        .seccomp_profile = doc_root(seccomp),
        .devices = doc_root(devices),
        .hostname = container->hostname,
        .oom_score = container->oom_score,
        .cgroup = cgroup,
        .kill_together = cgroups_count_memory_in_v2(job->runtime->cgroups),
        .pod_directory = pod_directory,
        .termination_log = termination_log,
        .volumes = volumes,
        .sandbox = sandbox,
        .recursive_read_only = recursive_read_only != 0,
    };
    autodoc struct doc *config = oci_config(&input, err);
    if (config == NULL)
        return -EINVAL;
    autobuf struct buf text = {0};
    value_write(&text, doc_root(config));
    autofree char *path = path_format("%s/config.json", job->bundle);
    return file_write(path, buf_str(&text), 0600, err);
}

static int prepare_container(const struct job *job, const struct runtime_container *container,
                             struct error **err)
{
    const struct place *place = job->runtime->place;
    autofree char *target = path_format("%s/rootfs", job->bundle);
    autofree char *layer = place_layer(place, job->uid, job->name, job->attempt);
    /* Its directory is what an attempt has once: who makes it may go on. */
    if (mkdir(job->bundle, 0700) < 0)
        return error_errno(err, errno, "cannot make container %s", job->id);
    fault_point("bundle-made");
    autoclose int lock = image_lock(place->state, IMAGE_LOCK_SHARED, err);
    if (lock < 0)
        return lock;
    int result = maker_note(place, job->bundle, err);
    if (result == 0)
        result = rootfs_mount(place->state, container->image, layer, target, err);
    fault_point("rootfs-mounted");
    if (result == 0)
        result = write_config(job, container, target, err);
    fault_point("config-written");
    return result;
}

/* What the runtime says of a container whose sandbox has just died is not the container's fault. */
static bool has_sandbox(const struct job *job)
{
    autoclose int pidfd = -1;
    return sandbox_find(job->runtime->place, job->uid, &pidfd) > 0;
}

static void on_container_created(void *context, pid_t pid, int pidfd, struct error *error)
{
    struct job *job = context;
    autofree char *fifo = runtime_fifo_path(job->runtime, job->bundle, job->id);
    if (error != NULL)
        error_make(&job->error, has_sandbox(job) ? error->number : ESRCH, "%s", error->message);
    else if (pidfd < 0)
        error_make(&job->error, ESRCH, "the container ended before it was started");
    else
        ward_add(job->runtime, job->uid, job->name, job->attempt, pid, pidfd, &job->error);
    if (job->error == NULL)
        runtime_mark_as_waiting(fifo);
    job_end(job);
}

static void begin_container(struct job *job)
{
    struct runtime *runtime = job->runtime;
    autofree char *log = place_log(runtime->place, job->uid, job->name, job->attempt);
    autofree char *cgroup =
        hierarchy_monitor(runtime->cgroups, runtime->place, job->uid, job->name, job->attempt);
    job->maker = maker_of(runtime->place, job->bundle);
    struct conmon_plan plan = {.id = job->id,
                               .bundle = job->bundle,
                               .log = log,
                               .cgroup = cgroup,
                               .maker = &job->maker,
                               .files = job->files};
    if (conmon_start(runtime->loop, runtime->place, runtime->cgroups, &plan, on_container_created, job,
                     &job->error) < 0)
        job_end(job);
}

int runtime_create_container(struct runtime *runtime, const struct runtime_container *container,
                             runtime_done_fn *done, void *context, struct error **err)
{
    struct job *job = job_new(runtime, container->uid, container->name, container->attempt, done, context);
    job->files = (struct conmon_files){
        .terminal = value_true(value_get(container->spec, STR("tty"))),
        .input = value_true(value_get(container->spec, STR("stdin"))),
        .input_stays = !value_true(value_get(container->spec, STR("stdinOnce"))),
    };
    int result = prepare_container(job, container, err);
    if (result < 0)
        job_free(job);
    else
        job_enqueue(job, begin_container);
    return result;
}
