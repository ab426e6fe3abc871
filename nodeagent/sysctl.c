#include "nodeagent/sysctl.h"

#include "lib/file.h"
#include <errno.h>

static const struct {
    const char *name; /* "net." names all that begin so */
    bool prefix;
    enum sysctl_namespace namespace;
} namespaced[] = {
    {"kernel.sem", false, SYSCTL_IPC}, {"kernel.shm", true, SYSCTL_IPC}, {"kernel.msg", true, SYSCTL_IPC},
    {"fs.mqueue.", true, SYSCTL_IPC},  {"net.", true, SYSCTL_NETWORK},
};

/* Those whose setting in one pod no other pod feels. Kubernetes wants Linux 4.15 for the newest of them; this
 * node needs a younger one anyway (clone3). */
static const char *const safe_sysctls[] = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
};

enum sysctl_namespace sysctl_namespace(struct str name)
{
    for (size_t i = 0; i < COUNT(namespaced); i++)
        if (namespaced[i].prefix ? str_starts(name, str_of(namespaced[i].name))
                                 : str_is(name, namespaced[i].name))
            return namespaced[i].namespace;
    return SYSCTL_NONE;
}

static void swap_separators(char *text)
{
    for (; *text != '\0'; text++)
        *text = *text == '/' ? '.' : *text == '.' ? '/' : *text;
}

/* "net/ipv4/conf/eth0.1/x" is another way to write "net.ipv4.conf.eth0/1.x": the first separator tells. */
static char *name_with_dots(struct str name)
{
    char *text = str_dup(name);
    if (text[strcspn(text, "./")] == '/')
        swap_separators(text);
    return text;
}

static int check_sysctl(const char *name, struct value spec, struct error **err)
{
    static const struct {
        const char *member, *namespace;
    } shared[] = {
        [SYSCTL_IPC] = {"hostIPC", "ipc"},
        [SYSCTL_NETWORK] = {"hostNetwork", "net"},
    };
    bool safe = false;
    for (size_t i = 0; i < COUNT(safe_sysctls); i++)
        safe |= strcmp(name, safe_sysctls[i]) == 0;
    if (!safe)
        return error_make(err, EPERM, "forbidden sysctl: \"%s\" not allowlisted", name);
    enum sysctl_namespace namespace = sysctl_namespace(str_of(name));
    if (value_true(value_get(spec, str_of(shared[namespace].member))))
        return error_make(err, EPERM, "forbidden sysctl: \"%s\" not allowed with host %s enabled", name,
                          shared[namespace].namespace);
    return 0;
}

int sysctls_of_pod(struct sysctls *sysctls, struct value pod, struct error **err)
{
    struct value spec = value_get(pod, STR("spec")), list = value_at(spec, "securityContext", "sysctls");
    *sysctls = (struct sysctls){.list = memory_zeroed(value_count(list) + 1, sizeof(*sysctls->list))};
    value_each (sysctl, list) {
        autofree char *path = name_with_dots(value_str(value_get(sysctl, STR("name"))));
        int result = check_sysctl(path, spec, err);
        if (result < 0)
            return result;
        swap_separators(path);
        sysctls->list[sysctls->count++] =
            (struct sysctl){.path = path_format("/proc/sys/%s", path),
                            .value = str_dup(value_str(value_get(sysctl, STR("value"))))};
    }
    return 0;
}

struct sysctls sysctls_copy(const struct sysctls *sysctls)
{
    struct sysctls copy = {.list = memory_zeroed(sysctls->count + 1, sizeof(*copy.list)),
                           .count = sysctls->count};
    for (size_t i = 0; i < copy.count; i++)
        copy.list[i] = (struct sysctl){.path = str_dup(str_of(sysctls->list[i].path)),
                                       .value = str_dup(str_of(sysctls->list[i].value))};
    return copy;
}

void sysctls_free(struct sysctls *sysctls)
{
    for (size_t i = 0; i < sysctls->count; i++) {
        free(sysctls->list[i].path);
        free(sysctls->list[i].value);
    }
    free(sysctls->list);
    *sysctls = (struct sysctls){0};
}
