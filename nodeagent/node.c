#include "nodeagent/node.h"

#include "config.h"
#include "lib/amounts.h"
#include "lib/clock.h"
#include "lib/condition.h"
#include "lib/file.h"
#include "lib/quantity.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#define MOST_PODS     110
#define HUGE_PAGES    "/sys/kernel/mm/hugepages"
#define LEASE_SECONDS 40

char *node_address(void)
{
    struct ifaddrs *all;
    char text[INET_ADDRSTRLEN] = "127.0.0.1";
    if (getifaddrs(&all) < 0)
        return str_dup(str_of(text));
    for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
        if (one->ifa_addr == NULL || one->ifa_addr->sa_family != AF_INET ||
            (one->ifa_flags & IFF_LOOPBACK) != 0 || (one->ifa_flags & IFF_UP) == 0)
            continue;
        const struct sockaddr_in *address = (const struct sockaddr_in *)(const void *)one->ifa_addr;
        inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
        break;
    }
    freeifaddrs(all);
    return str_dup(str_of(text));
}

const char *node_architecture(void)
{
    static const struct {
        const char *machine, *name;
    } names[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"}, {"i686", "386"}};
    static struct utsname system;
    uname(&system);
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(names[i].machine, system.machine) == 0)
            return names[i].name;
    return system.machine;
}

static int processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : get_nprocs();
}

void node_object(struct value object, const char *name)
{
    value_set_str(object, STR("apiVersion"), STR("v1"));
    value_set_str(object, STR("kind"), STR("Node"));
    struct value meta = value_set_object(object, STR("metadata"));
    value_set_str(meta, STR("name"), str_of(name));
    struct value labels = value_set_object(meta, STR("labels"));
    value_set_str(labels, STR("kubernetes.io/hostname"), str_of(name));
    value_set_str(labels, STR("kubernetes.io/os"), STR("linux"));
    value_set_str(labels, STR("kubernetes.io/arch"), str_of(node_architecture()));
}

static void set_file(struct value object, struct str key, const char *path)
{
    autobuf struct buf text = {0};
    struct str value = file_read(path, &text, NULL) == 0 ? str_trim(buf_str(&text)) : STR_NONE;
    value_set_str(object, key, value.length != 0 ? value : STR(""));
}

/* The machine's own, where its firmware has one. */
static void set_system_uuid(struct value info)
{
    static const char firmware[] = "/sys/class/dmi/id/product_uuid";
    set_file(info, STR("systemUUID"), access(firmware, R_OK) == 0 ? firmware : "/etc/machine-id");
}

/* PRETTY_NAME="Debian GNU/Linux 12 (bookworm)" */
static void set_os_image(struct value info)
{
    autobuf struct buf text = {0};
    struct str rest, line, name, found = STR("Linux");
    if (file_read("/etc/os-release", &text, NULL) == 0) {
        rest = buf_str(&text);
        while (str_split(&rest, '\n', &line))
            if (str_split(&line, '=', &name) && str_is(name, "PRETTY_NAME") && line.length >= 2 &&
                line.at[0] == '"')
                found = (struct str){line.at + 1, line.length - 2};
    }
    value_set_str(info, STR("osImage"), found);
}

static void set_info(struct value status, const struct node_facts *facts)
{
    struct utsname system = {0};
    uname(&system);
    struct value info = value_set_object(status, STR("nodeInfo"));
    set_file(info, STR("machineID"), "/etc/machine-id");
    set_system_uuid(info);
    set_file(info, STR("bootID"), "/proc/sys/kernel/random/boot_id");
    value_set_str(info, STR("kernelVersion"), str_of(system.release));
    set_os_image(info);
    value_set_str(info, STR("containerRuntimeVersion"),
                  str_of(facts->runtime_version != NULL ? facts->runtime_version : ""));
    value_set_str(info, STR("kubeletVersion"), STR("podtree-" PACKAGE_VERSION));
    value_set_str(info, STR("kubeProxyVersion"), STR(""));
    value_set_str(info, STR("operatingSystem"), STR("linux"));
    value_set_str(info, STR("architecture"), str_of(node_architecture()));
}

/* Each size of huge pages that the processor knows is a resource, whether or not there are any. Returns how
 * many bytes they take of the memory. */
static int64_t add_huge_pages(struct amounts *amounts, const char *sizes)
{
    autobuf struct buf names = {0};
    int64_t taken = 0;
    directory_names(sizes, &names, NULL);
    names_each(name, names)
    {
        long long kilobytes;
        int64_t pages;
        char size[32];
        autofree char *path = path_format("%s/%s/nr_hugepages", sizes, name);
        autobuf struct buf text = {0};
        if (sscanf(name, "hugepages-%lldkB", &kilobytes) != 1 || file_read(path, &text, NULL) < 0 ||
            !str_to_int64(str_trim(buf_str(&text)), &pages))
            continue;
        quantity_format_bytes(kilobytes << 10, size);
        autofree char *resource = path_format("hugepages-%s", size);
        amounts_set(amounts, resource_number(str_of(resource)), pages * (kilobytes << 10));
        taken += pages * (kilobytes << 10);
    }
    return taken;
}

/* What pods can have is all but the memory that is huge pages already. */
static void set_resources(struct value status, const char *state)
{
    struct sysinfo memory = {0};
    sysinfo(&memory);
    struct statvfs disk = {0};
    statvfs(state, &disk);
    autoamounts struct amounts amounts = {
        .native = {[RESOURCE_CPU] = processors() * 1000LL,
                   [RESOURCE_MEMORY] = (int64_t)memory.totalram * memory.mem_unit,
                   [RESOURCE_STORAGE] = (int64_t)(disk.f_blocks * disk.f_frsize),
                   [RESOURCE_PODS] = MOST_PODS}};
    int64_t taken = add_huge_pages(&amounts, HUGE_PAGES);
    amounts_write(&amounts, value_set_object(status, STR("capacity")));
    amounts.native[RESOURCE_MEMORY] -= taken;
    amounts_write(&amounts, value_set_object(status, STR("allocatable")));
}

static void add_address(struct value addresses, const char *type, const char *address)
{
    struct value entry = value_append_object(addresses);
    value_set_str(entry, STR("type"), str_of(type));
    value_set_str(entry, STR("address"), str_of(address));
}

static void set_condition(struct value array, const char *type, bool holds, const char *reason,
                          const char *message, int64_t now_ms)
{
    char now[CLOCK_TEXT];
    clock_format(now_ms, now);
    condition_set(array, type, holds ? "True" : "False", reason, str_of(message), now_ms);
    value_set_str(condition_find(array, type), STR("lastHeartbeatTime"), str_of(now));
}

/* Without a runtime the node is there, but nothing can be run on it, and kubelet says so. */
static void set_ready(struct value array, const char *complaint, int64_t now_ms)
{
    if (complaint == NULL) {
        set_condition(array, "Ready", true, "AgentReady", "the node agent is well", now_ms);
        return;
    }
    autofree char *message = path_format("container runtime not ready: %s", complaint);
    set_condition(array, "Ready", false, "AgentNotReady", message, now_ms);
}

static void set_conditions(struct value status, const char *runtime_complaint, int64_t now_ms)
{
    static const struct {
        const char *type, *reason, *message;
    } conditions[] = {
        {"MemoryPressure", "AgentHasSufficientMemory", "there is memory enough"},
        {"DiskPressure", "AgentHasNoDiskPressure", "there is room on the disk"},
        {"PIDPressure", "AgentHasSufficientPID", "there are process ids enough"},
    };
    struct value array = value_ensure_array(status, STR("conditions"));
    for (size_t i = 0; i < COUNT(conditions); i++)
        set_condition(array, conditions[i].type, false, conditions[i].reason, conditions[i].message, now_ms);
    set_ready(array, runtime_complaint, now_ms);
}

void node_status(struct value status, const struct node_facts *facts, int64_t now_ms)
{
    set_resources(status, facts->state);
    struct value addresses = value_set_array(status, STR("addresses"));
    add_address(addresses, "InternalIP", facts->address);
    add_address(addresses, "Hostname", facts->name);
    set_info(status, facts);
    set_conditions(status, facts->runtime_complaint, now_ms);
}

void node_lease(struct value spec, const char *name, int64_t now_us)
{
    char now[CLOCK_TEXT];
    clock_format_micro(now_us, now);
    value_set_str(spec, STR("holderIdentity"), str_of(name));
    value_set_int(spec, STR("leaseDurationSeconds"), LEASE_SECONDS);
    value_set_str(spec, STR("renewTime"), str_of(now));
}
