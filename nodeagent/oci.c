#include "nodeagent/oci.h"

#include "lib/demand.h"
#include "lib/file.h"
#include "nodeagent/environment.h"
#include "nodeagent/expand.h"
#include "nodeagent/limits.h"
#include "nodeagent/namespaces.h"
#include "nodeagent/seccomp.h"
#include "nodeagent/security.h"
#include "nodeagent/termination.h"
#include "nodeagent/volume_mounts.h"
#include <errno.h>
#include <signal.h>

/* ---- what every container has ---- */

/* Parts of /proc and /sys that tell about, or change, the whole machine. */
static const char *const masked_paths[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
};
static const char *const readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static const struct {
    const char *destination, *type, *source, *options;
    bool of_sys; /* writable only for who may write /sys */
} mounts[] = {
    {"/proc", "proc", "proc", "nosuid,noexec,nodev", false},
    {"/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k", false},
    {"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5", false},
    {"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev", false},
    {"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev", true},
    {"/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime", true},
};

/* What the containers of a pod share, bound from the sandbox's directory. */
static const struct {
    const char *destination, *name;
    bool of_root; /* read-only where the root filesystem is */
} shared_files[] = {
    {"/dev/shm", "shm", false},
    {"/etc/hosts", "hosts", false},
    {"/etc/hostname", "hostname", true},
    {"/etc/resolv.conf", "resolv.conf", true},
};

static void add_texts(struct value array, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        value_append_str(array, str_of(texts[i]));
}
#define ADD_TEXTS(array, texts) add_texts((array), (texts), sizeof(texts) / sizeof((texts)[0]))

static void add_options(struct value mount, const char *options)
{
    struct value array = value_set_array(mount, STR("options"));
    struct str rest = str_of(options), option;
    while (str_split(&rest, ',', &option))
        value_append_str(array, option);
}

static struct value add_mount(struct value array, const char *destination, const char *type,
                              const char *source, const char *options)
{
    struct value mount = value_append_object(array);
    value_set_str(mount, STR("destination"), str_of(destination));
    value_set_str(mount, STR("type"), str_of(type));
    value_set_str(mount, STR("source"), str_of(source));
    add_options(mount, options);
    return mount;
}

static void add_mounts(struct value root, const struct oci_input *input)
{
    struct value array = value_set_array(root, STR("mounts"));
    for (size_t i = 0; i < COUNT(mounts); i++) {
        struct value mount =
            add_mount(array, mounts[i].destination, mounts[i].type, mounts[i].source, mounts[i].options);
        if (mounts[i].of_sys)
            value_append_str(value_get(mount, STR("options")),
                             input->security->writable_sys ? STR("rw") : STR("ro"));
    }
    for (size_t i = 0; i < COUNT(shared_files); i++) {
        autofree char *source = path_format("%s/%s", input->pod_directory, shared_files[i].name);
        bool fixed = shared_files[i].of_root && input->security->read_only_root;
        add_mount(array, shared_files[i].destination, "bind", source,
                  fixed ? "rbind,rprivate,ro" : "rbind,rprivate,rw");
    }
    struct str path = termination_path(input->container);
    autofree char *said = str_dup(path);
    if (path.length != 0 && input->termination_log != NULL)
        add_mount(array, said, "bind", input->termination_log, "rbind,rprivate,rw");
}

static void add_namespaces(struct value linux_part, const struct oci_input *input)
{
    struct value array = value_set_array(linux_part, STR("namespaces"));
    const struct namespace *namespace;
    for (size_t i = 0; (namespace = namespace_at(i)) != NULL; i++) {
        enum namespace_holder holder = namespace_holder(namespace, input->pod);
        if (holder == HELD_BY_MACHINE)
            continue; /* what isn't named is not changed */
        struct value part = value_append_object(array);
        value_set_str(part, STR("type"), str_of(namespace->type));
        if (holder == HELD_BY_SANDBOX)
            value_setf(part, STR("path"), "/proc/%d/ns/%s", (int)input->sandbox, namespace->file);
    }
}

/* What linux.rootfsPropagation has to be for the volumes' mounts is said there. */
static int add_volumes(struct value root, struct value linux_part, const struct oci_input *input,
                       struct error **err)
{
    const char *propagation = NULL;
    struct volume_mounts wanted = {.pod = input->pod,
                                   .container = input->container,
                                   .variables = input->variables,
                                   .volumes = input->volumes,
                                   .recursive_read_only = input->recursive_read_only};
    int result = volume_mounts_add(&wanted, value_get(root, STR("mounts")), &propagation, err);
    if (result == 0 && propagation != NULL)
        value_set_str(linux_part, STR("rootfsPropagation"), str_of(propagation));
    return result;
}

/* ---- the command ---- */

static void add_expanded(struct value array, struct value words, struct value variables)
{
    value_each (word, words) {
        autobuf struct buf text = {0};
        expand(&text, value_str(word), variables);
        value_append_str(array, text.length != 0 ? buf_str(&text) : STR(""));
    }
}

static void add_verbatim(struct value array, struct value words)
{
    value_each (word, words)
        value_append_str(array, value_str(word));
}

/* The pod's command stands for the image's entry point, its args for the image's command; a command of the
 * pod without args drops the image's command. */
static int add_arguments(struct value process, const struct oci_input *input, struct error **err)
{
    struct value array = value_set_array(process, STR("args"));
    struct value command = value_get(input->container, STR("command"));
    struct value args = value_get(input->container, STR("args"));
    if (value_count(command) != 0)
        add_expanded(array, command, input->variables);
    else
        add_verbatim(array, value_get(input->image, STR("Entrypoint")));
    if (value_count(args) != 0)
        add_expanded(array, args, input->variables);
    else if (value_count(command) == 0)
        add_verbatim(array, value_get(input->image, STR("Cmd")));
    if (value_count(array) == 0)
        return error_make(err, EINVAL, "no command is given, neither by the pod nor by the image");
    return 0;
}

/* ---- resources ---- */

static void add_resources(struct value linux_part, const struct oci_input *input)
{
    struct value container = input->container;
    struct value resources = value_set_object(linux_part, STR("resources"));
    /* Containers make no device nodes but the usual harmless ones, which the runtime adds, unless
     * all are theirs. */
    struct value devices = value_append_object(value_set_array(resources, STR("devices")));
    value_set_bool(devices, STR("allow"), input->security->all_devices);
    value_set_str(devices, STR("access"), STR("rwm"));
    struct value limits = value_at(container, "resources", "limits");
    int64_t quota = limits_quota_us(demand_amount(limits, RESOURCE_CPU));
    int64_t memory = demand_amount(limits, RESOURCE_MEMORY);
    struct value cpu = value_set_object(resources, STR("cpu"));
    value_set_int(cpu, STR("shares"), limits_shares(demand_container_request(container, RESOURCE_CPU)));
    if (quota > 0) {
        value_set_int(cpu, STR("quota"), quota);
        value_set_int(cpu, STR("period"), LIMITS_PERIOD_US);
    }
    if (memory > 0) {
        struct value part = value_set_object(resources, STR("memory"));
        value_set_int(part, STR("limit"), memory);
        /* No swap on top: version 1 counts both together. */
        value_set_int(part, STR("swap"), memory);
    }
    /* As the kubelet asks of runtimes, unless it is told singleProcessOOMKill. */
    if (input->kill_together)
        value_set_str(value_set_object(resources, STR("unified")), STR("memory.oom.group"), STR("1"));
}

/* ---- the whole ---- */

static void add_user(struct value process, const struct oci_user *user)
{
    struct value part = value_set_object(process, STR("user"));
    value_set_int(part, STR("uid"), user->uid);
    value_set_int(part, STR("gid"), user->gid);
    if (user->group_count == 0)
        return;
    struct value groups = value_set_array(part, STR("additionalGids"));
    for (int i = 0; i < user->group_count; i++)
        value_append_int(groups, user->groups[i]);
}

static struct str working_directory(const struct oci_input *input)
{
    struct str own = value_str(value_get(input->container, STR("workingDir")));
    if (own.length == 0)
        own = value_str(value_get(input->image, STR("WorkingDir")));
    return own.length != 0 ? own : STR("/");
}

static int add_process(struct value root, const struct oci_input *input, struct error **err)
{
    struct value process = value_set_object(root, STR("process"));
    bool terminal = value_true(value_get(input->container, STR("tty")));
    value_set_bool(process, STR("terminal"), terminal);
    add_user(process, &input->security->user);
    int result = add_arguments(process, input, err);
    if (result < 0)
        return result;
    environment_write(value_set_array(process, STR("env")), input->image, input->hostname, terminal,
                      input->variables);
    value_set_str(process, STR("cwd"), working_directory(input));
    security_add_capabilities(process, input->security);
    value_set_bool(process, STR("noNewPrivileges"), input->security->no_new_privileges);
    value_set_int(process, STR("oomScoreAdj"), input->oom_score);
    return 0;
}

static void add_protection(struct value linux_part, const struct oci_input *input, struct value capabilities)
{
    if (!input->security->unmasked) {
        ADD_TEXTS(value_set_array(linux_part, STR("maskedPaths")), masked_paths);
        ADD_TEXTS(value_set_array(linux_part, STR("readonlyPaths")), readonly_paths);
    }
    if (input->security->all_devices)
        value_set_copy(linux_part, STR("devices"), input->devices);
    if (input->security->seccomp == SECCOMP_LOCALHOST)
        value_set_copy(linux_part, STR("seccomp"), input->seccomp_profile);
    else if (input->security->seccomp == SECCOMP_RUNTIME_DEFAULT)
        seccomp_add_profile(linux_part, capabilities);
}

struct doc *oci_config(const struct oci_input *input, struct error **err)
{
    autodoc struct doc *doc = doc_new();
    struct value root = doc_root(doc);
    value_set_str(root, STR("ociVersion"), STR("1.0.2"));
    if (add_process(root, input, err) < 0)
        return NULL;
    struct value rootfs = value_set_object(root, STR("root"));
    value_set_str(rootfs, STR("path"), STR("rootfs"));
    value_set_bool(rootfs, STR("readonly"), input->security->read_only_root);
    add_mounts(root, input);
    struct value linux_part = value_set_object(root, STR("linux"));
    value_set_str(linux_part, STR("cgroupsPath"), str_of(input->cgroup));
    add_namespaces(linux_part, input);
    if (add_volumes(root, linux_part, input, err) < 0)
        return NULL;
    add_resources(linux_part, input);
    add_protection(linux_part, input, value_at(root, "process", "capabilities", "bounding"));
    return take_pointer(doc);
}

int oci_stop_signal(struct value image)
{
    struct str name = value_str(value_get(image, STR("StopSignal"))), prefix = STR("SIG");
    int64_t number;
    if (str_to_int64(name, &number))
        return number > 0 && number < NSIG ? (int)number : SIGTERM;
    if (str_starts(name, prefix))
        name = (struct str){name.at + prefix.length, name.length - prefix.length};
    for (int i = 1; i < NSIG; i++)
        if (sigabbrev_np(i) != NULL && str_is(name, sigabbrev_np(i)))
            return i;
    prefix = STR("RTMIN+");
    if (str_starts(name, prefix) &&
        str_to_int64((struct str){name.at + prefix.length, name.length - prefix.length}, &number) &&
        number >= 0 && SIGRTMIN + number <= SIGRTMAX)
        return SIGRTMIN + (int)number;
    return SIGTERM;
}
