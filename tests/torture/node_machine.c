/* The machine that is tortured: its disks, its agent, and what befalls them. */
#include "tests/torture/node.h"

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/identity.h"
#include "nodeagent/place.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISK_OPTIONS     "size=96m,mode=755"
#define RUN_DISK_OPTIONS "size=16m,mode=755"
#define RUNTIME_TIMEOUT  "3" /* seconds */
#define GONE_MS          20000
#define CATCH_MS         400 /* the runtime works for a moment only */

struct node node;

/* Between the one who kills, the one who keeps the agent running, and the one who started both. */
static struct {
    atomic_int agent;
    atomic_bool down; /* the machine is: nothing is started */
    atomic_bool full; /* an agent that starts now may end by itself */
    atomic_bool crashed;
} * machine;
static pid_t keeper;

/* ---- disks ---- */

static void mount_disk(const char *path, const char *options)
{
    demand(mkdir(path, 0755) == 0 || errno == EEXIST, "mkdir %s", path);
    demand(mount("tmpfs", path, "tmpfs", 0, options) == 0, "mount %s", path);
}

/* Whatever is mounted below, the innermost first. */
static void unmount_below(const char *path)
{
    autofree char *below = path_format("%s/", path);
    for (bool more = true; more;) {
        autobuf struct buf mounts = {0};
        demand(file_read("/proc/self/mounts", &mounts, NULL) == 0, "read the mounts");
        struct str rest = buf_str(&mounts), line, device, place;
        autofree char *last = NULL;
        while (str_split(&rest, '\n', &line))
            if (str_split(&line, ' ', &device) && str_split(&line, ' ', &place) &&
                str_starts(place, str_of(below))) {
                free(last);
                last = str_dup(place);
            }
        more = last != NULL;
        demand(!more || umount2(last, MNT_DETACH) == 0, "unmount %s", last);
    }
}

/* All that there is, to the last byte. */
static void fill(const char *disk)
{
    autofree char *path = path_format("%s/filler", disk);
    static const char bytes[65536];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (size_t step = sizeof(bytes); fd >= 0 && step > 0;)
        if (write(fd, bytes, step) <= 0)
            step /= 2;
    if (fd >= 0)
        close(fd);
}

static void empty(const char *disk)
{
    autofree char *path = path_format("%s/filler", disk);
    demand(unlink(path) == 0 || errno == ENOENT, "unlink %s", path);
}

bool fill_disk(void)
{
    atomic_store(&machine->full, true);
    int64_t until = clock_ms() + 200 + random_below(1500);
    while (clock_ms() < until) {
        fill(node.disk);
        fill(node.run_disk);
        nap(20000);
    }
    empty(node.disk);
    empty(node.run_disk);
    nap(100000); /* an agent that has just found it full may still be ending */
    atomic_store(&machine->full, false);
    return true;
}

/* ---- the agent ---- */

static void become_agent(void)
{
    autofree char *log = path_format("%s/agent.log", node.directory);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    const char *argv[] = {node.agent_program, "--mount",   node.mount,   "--state",
                          node.state,         "--run",     node.run,     "--node",
                          NODE_NAME,          "--runtime", node.runtime, "--runtime-timeout",
                          RUNTIME_TIMEOUT,    NULL};
    setenv("PODTREE_FAULT", node.fault, 1);
    if (fd < 0 || dup2(fd, 2) < 0 || setgroups(0, NULL) < 0 || setgid(identity_gid(IDENTITY_NODE)) < 0)
        _exit(126);
    execv(argv[0], (char **)argv);
    _exit(127);
}

static void judge_end(int status)
{
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    bool asked = WIFEXITED(status) && WEXITSTATUS(status) == 0 && atomic_load(&machine->down);
    bool unable = WIFEXITED(status) && WEXITSTATUS(status) == 1 && atomic_load(&machine->full);
    if (!killed && !asked && !unable) {
        fprintf(stderr, "torture: the agent has ended with status %x\n", (unsigned)status);
        atomic_store(&machine->crashed, true);
    }
}

__attribute__((noreturn)) static void keep_agent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        while (atomic_load(&machine->down))
            nap(1000);
        pid_t pid = fork();
        demand(pid >= 0, "fork");
        if (pid == 0)
            become_agent();
        atomic_store(&machine->agent, pid);
        int status = 0;
        demand(waitpid(pid, &status, 0) == pid, "wait for the agent");
        atomic_store(&machine->agent, 0);
        judge_end(status);
        if (!WIFSIGNALED(status))
            nap(50000);
    }
}

pid_t machine_agent(void)
{
    return atomic_load(&machine->agent);
}

bool machine_has_crashed(void)
{
    return atomic_load(&machine->crashed);
}

static void bring_down(int signal_number)
{
    int64_t until = clock_ms() + GONE_MS;
    atomic_store(&machine->down, true);
    pid_t pid;
    while ((pid = machine_agent()) != 0 && clock_ms() < until) {
        (void)kill(pid, signal_number);
        nap(10000);
    }
    demand(pid == 0, "torture: the agent does not end");
}

void machine_start(void)
{
    atomic_store(&machine->down, false);
    keeper = fork();
    demand(keeper >= 0, "fork");
    if (keeper == 0)
        keep_agent();
}

void machine_stop(void)
{
    bring_down(SIGTERM);
    kill(keeper, SIGKILL);
    waitpid(keeper, NULL, 0);
}

/* ---- before and after ---- */

/* The runtime, but that it hangs when it is told to: for so many seconds, or until it is killed, and not
 * longer than there is somebody to look: one that an agent left behind when it was killed would keep our
 * output open. */
static void write_runtime(void)
{
    autofree char *directory = path_format("%s/runtime", node.directory);
    demand(mkdir(directory, 0755) == 0 || errno == EEXIST, "mkdir %s", directory);
    autobuf struct buf script = {0};
    buf_addf(&script,
             "#!/bin/sh\n"
             "if mv %s %s.$$ 2>/dev/null; then\n"
             "    read -r seconds <%s.$$; rm %s.$$\n"
             "    [ \"$seconds\" != 0 ] || exec tail -f --pid=%d /dev/null\n"
             "    sleep \"$seconds\"\n"
             "fi\n"
             "exec %s \"$@\"\n",
             node.hang, node.hang, node.hang, node.hang, (int)getpid(), node.oci);
    demand(file_write(node.runtime, buf_str(&script), 0755, NULL) == 0, "write %s", node.runtime);
    demand(chmod(node.runtime, 0755) == 0, "chmod %s", node.runtime);
}

/* As the agent will name its groups. */
static void find_cgroup(void)
{
    struct place place;
    demand(place_open(&place, node.state, node.run, "runc", NULL) == 0, "the places of the node");
    node.cgroup = str_dup(str_of(place.cgroup));
    place_close(&place);
}

static void import_image(void)
{
    const char *source = getenv("srcdir") != NULL ? getenv("srcdir") : ".";
    autofree char *script = path_format("%s/examples/images/build-demo.sh", source);
    autofree char *importer = path_format("%s image", node.podtree);
    setenv("PODTREE_IMAGE", importer, 1);
    run_program((const char *const[]){script, "--state", node.state, NULL});
}

void machine_prepare(void)
{
    machine = mmap(NULL, sizeof(*machine), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    demand(machine != MAP_FAILED, "mmap");
    mount_disk(node.disk, DISK_OPTIONS);
    mount_disk(node.run_disk, RUN_DISK_OPTIONS);
    demand(mkdir(node.said, 0777) == 0, "mkdir %s", node.said);
    write_runtime();
    find_cgroup();
    import_image();
}

static void kill_process(void *context, pid_t pid)
{
    ++*(int *)context;
    (void)kill(pid, SIGKILL);
}

/* Every process of the node, until none is left. */
static void kill_everything(void)
{
    static const char *const kinds[] = {"monitor", "sandbox", "container"};
    int64_t until = clock_ms() + GONE_MS;
    for (int left = 1; left > 0; nap(5000)) {
        left = 0;
        for (size_t i = 0; i < COUNT(kinds); i++)
            look_at_processes(kinds[i], kill_process, &left);
        demand(clock_ms() < until, "torture: processes can't be killed");
    }
}

static void remove_groups(void)
{
    autofree char *command = path_format(
        "find /sys/fs/cgroup -depth -type d -path '*%s*' -exec rmdir {} + 2>/dev/null", node.cgroup);
    (void)!system(command);
}

void machine_clear(void)
{
    kill_everything();
    remove_groups();
    unmount_below(node.disk);
    unmount_below(node.run_disk);
    (void)umount2(node.disk, MNT_DETACH);
    (void)umount2(node.run_disk, MNT_DETACH);
}

/* ---- adversities ---- */

bool kill_agent(void)
{
    pid_t pid = machine_agent();
    return pid > 0 && kill(pid, SIGKILL) == 0;
}

struct choice {
    const char *program; /* NULL: any */
    pid_t chosen;
    unsigned count;
};

static bool is_program(pid_t pid, const char *program)
{
    autofree char *path = path_format("/proc/%d/comm", (int)pid);
    autobuf struct buf name = {0};
    return file_read(path, &name, NULL) == 0 && str_starts(buf_str(&name), str_of(program));
}

/* Each as likely as any other. */
static void choose(void *context, pid_t pid)
{
    struct choice *choice = context;
    if (choice->program != NULL && !is_program(pid, choice->program))
        return;
    if (random_below(++choice->count) == 0)
        choice->chosen = pid;
}

static void kill_each(void *context, pid_t pid)
{
    struct choice *choice = context;
    if (choice->program == NULL || is_program(pid, choice->program))
        choice->count += kill(pid, SIGKILL) == 0;
}

static bool kill_some(const char *kind, const char *program, int64_t for_ms)
{
    int64_t until = clock_ms() + for_ms;
    do {
        struct choice choice = {.program = program};
        look_at_processes(kind, node.all_at_once ? kill_each : choose, &choice);
        if (choice.count > 0)
            return node.all_at_once || kill(choice.chosen, SIGKILL) == 0;
    } while (clock_ms() < until);
    return false;
}

bool kill_monitor(void)
{
    return kill_some("monitor", "conmon", 0);
}

bool kill_runtime(void)
{
    return kill_some("monitor", node.oci_name, CATCH_MS);
}

bool kill_container(void)
{
    return kill_some("container", NULL, 0);
}

bool kill_sandbox(void)
{
    return kill_some("sandbox", NULL, 0);
}

bool hang_runtime(void)
{
    static const char *const seconds[] = {"0", "0.5", "2", "5"};
    demand(file_write(node.hang, str_of(seconds[random_below(4)]), 0600, NULL) == 0, "write %s", node.hang);
    return true;
}

bool reboot(void)
{
    bring_down(SIGKILL);
    kill_everything();
    unmount_below(node.disk);
    unmount_below(node.run_disk);
    demand(umount2(node.run_disk, MNT_DETACH) == 0, "unmount %s", node.run_disk);
    mount_disk(node.run_disk, RUN_DISK_OPTIONS);
    remove_groups();
    atomic_store(&machine->down, false);
    return true;
}
