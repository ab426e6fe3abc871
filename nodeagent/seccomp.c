#include "nodeagent/seccomp.h"

#include <errno.h>
#include <sys/utsname.h>

/* One condition on an argument of a system call. */
struct argument {
    const char *operator; /* NULL: none */
    int index;
    int64_t value, value_two;
};

/* A row counts when the container has `with` (if given), lacks `without` (if given), and the machine is
 * `machine` (if given, as uname says it). */
struct rule {
    const char *with, *without, *machine;
    int refuse_with; /* an errno; 0: allowed */
    struct argument argument;
    const char *names;
};

/* Making namespaces: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
#define CLONE_NAMESPACES 0x7e020000

static const struct rule rules[] = {
    /* What every program may do. */
    {.names =
         "_llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir "
         "chmod chown chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime "
         "clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range "
         "creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 "
         "epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 "
         "fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 "
         "fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat "
         "fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 "
         "futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd "
         "getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 "
         "getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 "
         "getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday "
         "getuid getuid32 getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel "
         "io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get "
         "ioprio_set ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown "
         "lchown32 lgetxattr link linkat listen listxattr llistxattr lremovexattr lseek lsetxattr lstat "
         "lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat "
         "mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open "
         "mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap msgctl "
         "msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat open "
         "openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect "
         "poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv "
         "process_vm_writev pselect6 pselect6_time64 ptrace pwrite64 pwritev pwritev2 read readahead "
         "readdir readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg "
         "remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction "
         "rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
         "rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min "
         "sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval "
         "sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler "
         "sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile "
         "sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid "
         "setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid "
         "setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 "
         "setrlimit setsid setsockopt setuid setuid32 setxattr shmat shmctl shmdt shmget shutdown "
         "sigaction sigaltstack signal signalfd signalfd4 sigpending sigprocmask sigreturn sigsuspend "
         "socketcall socketpair splice stat stat64 statfs statfs64 statx symlink symlinkat sync "
         "sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun "
         "timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd timerfd_create "
         "timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate "
         "truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat utimensat_time64 "
         "utimes vfork vmsplice wait4 waitid waitpid write writev"},
    {.argument = {"SCMP_CMP_NE", 0, 40, 0},
     .names = "socket"}, /* all but AF_VSOCK: it reaches the hypervisor */

    /* Personalities: Linux, 32 bits, and those with ADDR_NO_RANDOMIZE off; the last asks. */
    {.argument = {"SCMP_CMP_EQ", 0, 0, 0}, .names = "personality"},
    {.argument = {"SCMP_CMP_EQ", 0, 0x8, 0}, .names = "personality"},
    {.argument = {"SCMP_CMP_EQ", 0, 0x20000, 0}, .names = "personality"},
    {.argument = {"SCMP_CMP_EQ", 0, 0x20008, 0}, .names = "personality"},
    {.argument = {"SCMP_CMP_EQ", 0, 0xffffffff, 0}, .names = "personality"},

    /* What one kind of machine has. */
    {.machine = "x86_64", .names = "arch_prctl modify_ldt"},
    {.machine = "aarch64",
     .names = "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"},
    {.machine = "riscv64", .names = "riscv_flush_icache"},

    /* New processes without new namespaces. Where clone3 is unknown the C library takes clone, whose flags
     * can be looked at. */
    {.without = "CAP_SYS_ADMIN",
     .argument = {"SCMP_CMP_MASKED_EQ", 0, CLONE_NAMESPACES, 0},
     .names = "clone"},
    {.without = "CAP_SYS_ADMIN", .refuse_with = ENOSYS, .names = "clone3"},

    /* What a capability is for. */
    {.with = "CAP_SYS_ADMIN",
     .names =
         "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr "
         "move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog "
         "umount umount2 unshare"},
    {.with = "CAP_DAC_READ_SEARCH", .names = "open_by_handle_at"},
    {.with = "CAP_SYS_BOOT", .names = "reboot"},
    {.with = "CAP_SYS_CHROOT", .names = "chroot"},
    {.with = "CAP_SYS_MODULE", .names = "delete_module init_module finit_module"},
    {.with = "CAP_SYS_PACCT", .names = "acct"},
    {.with = "CAP_SYS_PTRACE", .names = "kcmp pidfd_getfd process_madvise"},
    {.with = "CAP_SYS_RAWIO", .names = "iopl ioperm"},
    {.with = "CAP_SYS_TIME", .names = "settimeofday stime clock_settime clock_settime64"},
    {.with = "CAP_SYS_TTY_CONFIG", .names = "vhangup"},
    {.with = "CAP_SYS_NICE", .names = "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    {.with = "CAP_SYSLOG", .names = "syslog"},
    {.with = "CAP_BPF", .names = "bpf"},
    {.with = "CAP_PERFMON", .names = "perf_event_open"},
};

/* The machine's own system calls and those of the ABIs that its kernel also understands. */
static const struct {
    const char *machine, *names;
} architectures[] = {
    {"x86_64", "SCMP_ARCH_X86_64 SCMP_ARCH_X86 SCMP_ARCH_X32"},
    {"aarch64", "SCMP_ARCH_AARCH64 SCMP_ARCH_ARM"},
    {"riscv64", "SCMP_ARCH_RISCV64"},
};

static void add_words(struct value array, const char *words)
{
    struct str rest = str_of(words), word;
    while (str_split(&rest, ' ', &word))
        value_append_str(array, word);
}

static bool has_capability(struct value capabilities, const char *name)
{
    value_each (capability, capabilities)
        if (value_is(capability, name))
            return true;
    return false;
}

static bool applies(const struct rule *rule, struct value capabilities, const char *machine)
{
    return (rule->with == NULL || has_capability(capabilities, rule->with)) &&
           (rule->without == NULL || !has_capability(capabilities, rule->without)) &&
           (rule->machine == NULL || strcmp(rule->machine, machine) == 0);
}

static void add_rule(struct value system_calls, const struct rule *rule)
{
    struct value entry = value_append_object(system_calls);
    add_words(value_set_array(entry, STR("names")), rule->names);
    if (rule->refuse_with == 0) {
        value_set_str(entry, STR("action"), STR("SCMP_ACT_ALLOW"));
    } else {
        value_set_str(entry, STR("action"), STR("SCMP_ACT_ERRNO"));
        value_set_int(entry, STR("errnoRet"), rule->refuse_with);
    }
    if (rule->argument.operator== NULL)
        return;
    struct value argument = value_append_object(value_set_array(entry, STR("args")));
    value_set_int(argument, STR("index"), rule->argument.index);
    value_set_int(argument, STR("value"), rule->argument.value);
    value_set_int(argument, STR("valueTwo"), rule->argument.value_two);
    value_set_str(argument, STR("op"), str_of(rule->argument.operator));
}

void seccomp_add_profile(struct value linux_part, struct value capabilities)
{
    struct utsname system = {0};
    uname(&system);
    struct value profile = value_set_object(linux_part, STR("seccomp"));
    value_set_str(profile, STR("defaultAction"), STR("SCMP_ACT_ERRNO"));
    value_set_int(profile, STR("defaultErrnoRet"), EPERM);
    for (size_t i = 0; i < COUNT(architectures); i++)
        if (strcmp(architectures[i].machine, system.machine) == 0)
            add_words(value_set_array(profile, STR("architectures")), architectures[i].names);
    struct value system_calls = value_set_array(profile, STR("syscalls"));
    for (size_t i = 0; i < COUNT(rules); i++)
        if (applies(&rules[i], capabilities, system.machine))
            add_rule(system_calls, &rules[i]);
}
