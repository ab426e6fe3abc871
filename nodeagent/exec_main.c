/* podtree-exec: runs one command in a running container, for as long as somebody wants it.
 *
 * The OCI runtime starts the command and goes (exec --detach). What it leaves behind becomes a child of this
 * process, which is a subreaper: so this process hears how the command ends, and says it over the leash
 * (lib/door.h). The command has the descriptors 0, 1 and 2 itself: no byte of them passes through here.
 *
 * **When the leash ends, so does the command**, whatever it does about signals. The command leads a session
 * (every runtime makes it one), and who has not left that is killed with it, and so are the descendants of
 * those, as far as they can be told. A container's process that loses its parent goes to the first process of
 * the container, so one that has made itself a daemon lives on, as it does in Kubernetes. A command that ends
 * by itself may leave processes in the background.
 *
 * A runtime that is killed half-way leaves children of its own, which come here too: so all that is ours is
 * swept, again and again, until there is nothing left.
 */
#include "lib/doc.h"
#include "lib/door.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/process.h"
#include "lib/socket.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define START_TIMEOUT_MS 60000
#define SWEEP_MS         5
#define SWEEPS           2000

/* As a shell says it. */
enum { EXIT_NOT_BEGUN = 126, EXIT_NOT_THERE = 127 };

static const char *runtime = "runc", *root, *bundle;
static bool terminal;
static int64_t timeout_ms = START_TIMEOUT_MS;

static const struct option_row options[] = {
    {.name = "runtime", .argument = "PROGRAM", .help = "an OCI runtime (runc)", .text = &runtime},
    {.name = "root", .argument = "DIR", .help = "where the runtime keeps its state", .text = &root},
    {.name = "terminal", .help = "the command gets a terminal", .flag = &terminal},
    {.name = "bundle", .argument = "DIR", .help = "what the container was made from", .text = &bundle},
    {.name = "timeout",
     .argument = "MS",
     .help = "how long the runtime may take to start the command",
     .number = &timeout_ms},
    {0},
};

static int behind;
static const struct usage usage = {
    .synopsis = "podtree-exec --root DIR --bundle DIR [options] CONTAINER -- COMMAND…",
    .about = "Runs a command in a container, as long as the socket that is its descriptor 3 is held.\n",
    .options = options,
    .least = 1,
    .most = 1,
    .behind = &behind,
};

struct session {
    struct loop *loop;
    struct loop_source *leash, *consoles;
    int console_directory, console; /* where the runtime brings the terminal to */
    char console_name[32];
    int complaints;          /* what the runtime complains of, once more: a file in memory */
    int process_description; /* what it is to run: another one */
    pid_t command;
    int pending; /* a signal that came before the command was there */
};

/* ---- what is ours ---- */

struct entry {
    pid_t pid, parent, session;
    bool ended, ours;
};

struct processes {
    struct entry *entry;
    size_t count, capacity;
};

static void free_processes(struct processes *processes)
{
    free(processes->entry);
}

/* "17 (name) S 1 17 17 …": the name may have anything in it. */
static bool read_entry(const char *digits, struct entry *entry)
{
    autofree char *path = path_format("/proc/%s/stat", digits);
    autobuf struct buf text = {0};
    int pid, parent, group, session;
    char state;
    if (file_read(path, &text, NULL) < 0 || text.length == 0)
        return false;
    const char *name_end = strrchr(text.at, ')');
    if (name_end == NULL || sscanf(text.at, "%d", &pid) != 1 ||
        sscanf(name_end + 1, " %c %d %d %d", &state, &parent, &group, &session) != 4)
        return false;
    *entry = (struct entry){pid, parent, session, state == 'Z' || state == 'X', false};
    return true;
}

static void list_processes(struct processes *processes)
{
    DIR *entries = opendir("/proc");
    struct dirent *found;
    while (entries != NULL && (found = readdir(entries)) != NULL) {
        if (found->d_name[0] < '1' || found->d_name[0] > '9')
            continue;
        array_grow(processes->entry, processes->count, processes->capacity);
        processes->count += read_entry(found->d_name, &processes->entry[processes->count]);
    }
    if (entries != NULL)
        closedir(entries);
}

/* A child of one of ours, or in the session of one: who has made that may have gone. */
static bool belongs_to_ours(const struct processes *processes, const struct entry *entry)
{
    for (size_t i = 0; i < processes->count; i++) {
        const struct entry *other = &processes->entry[i];
        if (other->ours && (other->pid == entry->parent || other->session == entry->session))
            return true;
    }
    return false;
}

/* Children of ours, their sessions and children, and so on. All of them were started in a session that is not
 * this process's own. */
static void mark_ours(struct processes *processes)
{
    for (bool found = true; found;) {
        found = false;
        for (size_t i = 0; i < processes->count; i++) {
            struct entry *entry = &processes->entry[i];
            if (entry->ours || entry->pid == getpid() ||
                (entry->parent != getpid() && !belongs_to_ours(processes, entry)))
                continue;
            entry->ours = found = true;
        }
    }
}

/* Kills whoever of ours lives; how many there were. The numbers can't have become somebody else's: none of
 * our children has been waited for. */
static int sweep(void)
{
    cleanup(free_processes) struct processes processes = {0};
    int living = 0;
    list_processes(&processes);
    mark_ours(&processes);
    for (size_t i = 0; i < processes.count; i++) {
        const struct entry *entry = &processes.entry[i];
        if (entry->ours && !entry->ended && kill(entry->pid, SIGKILL) == 0)
            living++;
    }
    return living;
}

/* A list of processes is never of one moment: only what is empty twice is empty. */
static void end_everything(void)
{
    struct timespec pause = {.tv_nsec = SWEEP_MS * 1000000L};
    for (int i = 0, empty = 0; i < SWEEPS && empty < 2; i++) {
        empty = sweep() == 0 ? empty + 1 : 0;
        nanosleep(&pause, NULL);
    }
}

static pid_t find_child(void)
{
    cleanup(free_processes) struct processes processes = {0};
    list_processes(&processes);
    for (size_t i = 0; i < processes.count; i++)
        if (processes.entry[i].parent == getpid())
            return processes.entry[i].pid;
    return 0;
}

/* Its group is not always called like the command: the runtime may have made it for a process that has gone.
 */
static void signal_command(pid_t command, int signal_number)
{
    pid_t group = getpgid(command);
    if (group > 0)
        kill(-group, signal_number);
}

/* ---- the talk ---- */

static void finish(struct session *session, const struct door_answer *answer)
{
    door_say(DOOR_LEASH, answer, -1);
    loop_stop(session->loop);
}

static void finish_with_error(struct session *session, const struct error *error)
{
    door_say_error(DOOR_LEASH, error);
    end_everything();
    loop_stop(session->loop);
}

static void on_leash(void *context, uint32_t events)
{
    struct session *session = context;
    (void)events;
    unsigned char signals[16];
    ssize_t length = read(DOOR_LEASH, signals, sizeof(signals));
    if (length < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (length <= 0) {
        end_everything();
        loop_stop(session->loop);
    }
    for (ssize_t i = 0; i < length; i++) {
        if (signals[i] == 0 || signals[i] >= NSIG)
            continue;
        session->pending = session->command == 0 ? signals[i] : 0;
        if (session->command != 0)
            signal_command(session->command, signals[i]);
    }
}

static void on_command_ended(void *context, int status)
{
    struct door_answer answer = {
        .word = DOOR_EXIT, .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
    finish(context, &answer);
}

static int follow_command(struct session *session, struct error **err)
{
    session->command = find_child();
    int pidfd = session->command != 0 ? (int)syscall(SYS_pidfd_open, session->command, 0) : -1;
    if (pidfd < 0)
        return error_make(err, ESRCH, "%s has left no command behind", runtime);
    if (loop_process(session->loop, pidfd, on_command_ended, session, err) == NULL)
        return -EIO;
    if (session->pending != 0)
        signal_command(session->command, session->pending);
    return 0;
}

/* No two runtimes have the same words for it, but these are in what all of them say: of a name alone that it
 * is not in the path, of a path what the kernel says. */
static int exit_code_of_failure(const struct session *session)
{
    static const char *const signs[] = {"not found in $PATH", "no such file or directory"};
    char text[4096];
    ssize_t length = pread(session->complaints, text, sizeof(text) - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    for (size_t i = 0; i < COUNT(signs); i++)
        if (strcasestr(text, signs[i]) != NULL)
            return EXIT_NOT_THERE;
    return EXIT_NOT_BEGUN;
}

static void on_started(void *context, const struct process_result *result)
{
    struct session *session = context;
    autoerror struct error *error = NULL;
    if (result->timed_out) {
        error_make(&error, ETIMEDOUT, "%s did not start the command within %lld ms", runtime,
                   (long long)timeout_ms);
        finish_with_error(session, error);
    } else if (result->status != 0) {
        finish(session,
               &(struct door_answer){.word = DOOR_FAILED, .exit_code = exit_code_of_failure(session)});
    } else if (follow_command(session, &error) < 0) {
        finish_with_error(session, error);
    }
}

/* ---- the terminal ---- */

static void on_console(void *context, uint32_t events)
{
    struct session *session = context;
    (void)events;
    autoclose int caller = accept4(session->console, NULL, NULL, SOCK_CLOEXEC);
    autobuf struct buf name = {0};
    int descriptors[SOCKET_DESCRIPTORS];
    size_t count = 0;
    if (caller < 0 || socket_receive(caller, &name, descriptors, &count) < 0 || count == 0)
        return;
    door_say(DOOR_LEASH, &(struct door_answer){.word = DOOR_TERMINAL}, descriptors[0]);
    for (size_t i = 0; i < count; i++)
        close(descriptors[i]);
}

static int listen_for_console(struct session *session, struct error **err)
{
    snprintf(session->console_name, sizeof(session->console_name), "console.%d", (int)getpid());
    session->console_directory = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (session->console_directory < 0)
        return error_errno(err, errno, "cannot open %s", bundle);
    session->console = socket_listen(bundle, session->console_name, SOCK_STREAM, err);
    if (session->console < 0)
        return session->console;
    session->consoles = loop_fd(session->loop, session->console, EPOLLIN, on_console, session, err);
    return session->consoles != NULL ? 0 : -EIO;
}

static void stop_listening(struct session *session)
{
    loop_remove(session->consoles);
    if (session->console >= 0)
        close(session->console);
    if (session->console_directory >= 0) {
        unlinkat(session->console_directory, session->console_name, 0);
        close(session->console_directory);
    }
}

/* ---- the whole ---- */

/* The runtime is told all of the process, in a file, because runtimes differ in what they make of what they
 * aren't told: it is as the container's first one, but for what it runs. As containerd does it, a command
 * with a terminal knows which. */
static int describe_process(char **command, int words, struct error **err)
{
    autofree char *path = path_format("%s/config.json", bundle);
    autodoc struct doc *config = doc_read(path, err);
    if (config == NULL)
        return -EIO;
    struct value process = value_get(doc_root(config), STR("process"));
    if (value_type(process) != VALUE_OBJECT)
        return error_make(err, EINVAL, "%s says nothing of a process", path);
    value_set_bool(process, STR("terminal"), terminal);
    if (terminal)
        value_append_str(value_ensure_array(process, STR("env")), STR("TERM=xterm"));
    struct value args = value_set_array(process, STR("args"));
    for (int i = 0; i < words; i++)
        value_append_str(args, str_of(command[i]));
    autobuf struct buf text = {0};
    value_write(&text, process);
    autoclose int fd = memfd_create("process", MFD_CLOEXEC);
    if (fd < 0 || write(fd, text.at, text.length) != (ssize_t)text.length)
        return error_errno(err, errno, "cannot describe the command");
    return take_fd(fd);
}

static int start(struct session *session, const char *id, struct error **err)
{
    autofree char *root_option = path_format("--root=%s", root);
    autofree char *process =
        path_format("--process=/proc/%d/fd/%d", (int)getpid(), session->process_description);
    autofree char *console = path_format("--console-socket=/proc/%d/fd/%d/%s", (int)getpid(),
                                         session->console_directory, session->console_name);
    autofree char *log = path_format("--log=/proc/%d/fd/%d", (int)getpid(), session->complaints);
    /* With a log what the runtime complains of comes as a plain sentence on the standard errors. */
    const char *argv[] = {runtime, root_option, log, "exec", "--detach", process, NULL, NULL, NULL, NULL};
    size_t count = 6;
    if (terminal) {
        argv[count++] = "--tty";
        argv[count++] = console;
    }
    argv[count] = id;
    struct process_plan plan = {.argv = argv,
                                .fds = {{0, 0}, {1, 1}, {2, 2}},
                                .fd_count = 3,
                                .quiet = true,
                                .session = true,
                                .timeout_ms = timeout_ms};
    return process_start(session->loop, &plan, on_started, session, err) != NULL ? 0 : -EIO;
}

/* From here on they are the command's alone: who reads or writes their other ends must hear when it has
 * closed them. */
static int let_go_of_descriptors(struct error **err)
{
    autoclose int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++)
        if (nothing < 0 || dup2(nothing, i) < 0)
            return error_errno(err, errno, "cannot open /dev/null");
    return 0;
}

static int work(struct session *session, char **words, int count, struct error **err)
{
    session->leash = loop_fd(session->loop, DOOR_LEASH, EPOLLIN, on_leash, session, err);
    int result = session->leash != NULL ? 0 : -EIO;
    if (result == 0 && terminal)
        result = listen_for_console(session, err);
    session->complaints = memfd_create("complaints", MFD_CLOEXEC);
    if (result == 0 && session->complaints < 0)
        result = error_errno(err, errno, "cannot make a file in memory");
    if (result == 0)
        result = session->process_description = describe_process(words + 1, count - 1, err);
    if (result >= 0)
        result = start(session, words[0], err);
    if (result == 0)
        result = let_go_of_descriptors(err);
    return result < 0 ? result : loop_run(session->loop, err);
}

static int run(char **words, int count, struct error **err)
{
    struct session session = {.console = -1, .console_directory = -1, .complaints = -1};
    if (root == NULL || bundle == NULL || behind == 0)
        return error_make(err, EINVAL, "something is missing (usage: %s)", usage.synopsis);
    if (fcntl(DOOR_LEASH, F_SETFD, FD_CLOEXEC) < 0)
        return error_errno(err, errno, "nobody holds descriptor %d", DOOR_LEASH);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return error_errno(err, errno, "cannot become a subreaper");
    session.loop = loop_new(err);
    int result = session.loop != NULL ? work(&session, words, count, err) : -EIO;
    if (result < 0)
        end_everything();
    stop_listening(&session);
    loop_free(session.loop);
    return result;
}

int main(int argc, char **argv)
{
    autoerror struct error *error = NULL;
    char **words;
    int count;
    log_init("exec");
    int result = options_parse(&usage, argc, argv, &words, &count, &error);
    if (result > 0)
        return 0;
    if (result == 0)
        result = run(words, count, &error);
    if (result < 0)
        door_say_error(DOOR_LEASH, error);
    return result == 0 ? 0 : 1;
}
