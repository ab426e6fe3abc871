#include "nodeagent/security.h"

#include "lib/file.h"
#include <errno.h>
#include <linux/capability.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ID_MAX INT32_MAX /* Kubernetes' largest user and group */

/* ---- a member of the container's securityContext, or of the pod's ---- */

static bool is_given(struct value v)
{
    return value_exists(v) && value_type(v) != VALUE_NULL;
}

static struct value of_pod(const struct security_input *input, const char *member)
{
    return value_at(input->pod, "spec", "securityContext", member);
}

static struct value of_container(const struct security_input *input, const char *member)
{
    return value_at(input->container, "securityContext", member);
}

static struct value of_either(const struct security_input *input, const char *member)
{
    struct value own = of_container(input, member);
    return is_given(own) ? own : of_pod(input, member);
}

/* ---- may it be made? ---- */

/* The sentence with what Kubernetes puts behind each: pod and container. */
static int refuse(const struct security_input *input, struct error **err, const char *sentence)
{
    struct value metadata = value_get(input->pod, STR("metadata"));
    return error_make(
        err, EINVAL, "%s (pod: \"" STR_FORMAT "_" STR_FORMAT "(" STR_FORMAT ")\", container: " STR_FORMAT ")",
        sentence, STR_ARGS(value_str(value_get(metadata, STR("name")))),
        STR_ARGS(value_str(value_get(metadata, STR("namespace")))),
        STR_ARGS(value_str(value_get(metadata, STR("uid")))),
        STR_ARGS(value_str(value_get(input->container, STR("name")))));
}

/* The image's "user[:group]" in its two parts; what isn't there is empty. */
static struct str image_user(struct str text, struct str *group)
{
    struct str user = STR("");
    str_split(&text, ':', &user);
    *group = text.at != NULL ? text : STR("");
    return user;
}

/* An image that names no user runs as root; whether a name means root is only known in its /etc/passwd, which
 * the image may fill as it likes: Kubernetes does not believe it. */
static int check_image_user(const struct security_input *input, struct error **err)
{
    struct str group, user = image_user(input->image_user, &group);
    int64_t uid = 0;
    autobuf struct buf text = {0};
    if (user.length != 0 && !str_to_int64(user, &uid))
        buf_addf(&text,
                 "container has runAsNonRoot and image has non-numeric user (" STR_FORMAT
                 "), cannot verify user is non-root",
                 STR_ARGS(user));
    else if (uid == 0)
        buf_add_text(&text, "container has runAsNonRoot and image will run as root");
    else if (uid < 0 || uid > ID_MAX)
        buf_addf(&text,
                 "container has runAsNonRoot and image has an invalid user id (%lld). (Must be 1-(%d)): "
                 "must be between 0 and %d, inclusive",
                 (long long)uid, ID_MAX, ID_MAX);
    return text.length != 0 ? refuse(input, err, text.at) : 0;
}

static int check_non_root(const struct security_input *input, struct error **err)
{
    if (!value_true(of_either(input, "runAsNonRoot")))
        return 0;
    struct value user = of_either(input, "runAsUser");
    if (!is_given(user))
        return check_image_user(input, err);
    return value_int_or(user, 0) == 0 ? refuse(input, err, "container's runAsUser breaks non-root policy")
                                      : 0;
}

static enum security_seccomp seccomp_of(const struct security_input *input, struct str *profile)
{
    struct value given = of_either(input, "seccompProfile"), type = value_get(given, STR("type"));
    *profile = STR_NONE;
    if (value_true(of_container(input, "privileged")) || value_is(type, "Unconfined"))
        return SECCOMP_UNCONFINED;
    if (!value_is(type, "Localhost"))
        return SECCOMP_RUNTIME_DEFAULT;
    *profile = value_str(value_get(given, STR("localhostProfile")));
    return SECCOMP_LOCALHOST;
}

static int check_seccomp(const struct security_input *input, struct error **err)
{
    struct str rest, part;
    if (seccomp_of(input, &rest) != SECCOMP_LOCALHOST)
        return 0;
    if (rest.length == 0)
        return error_make(err, EINVAL, "localhostProfile must be set if seccompProfile type is Localhost");
    if (rest.at[0] == '/')
        return error_make(err, EINVAL, "localhostProfile must be a relative path");
    while (str_split(&rest, '/', &part))
        if (str_is(part, ".."))
            return error_make(err, EINVAL, "localhostProfile must not contain '..'");
    return 0;
}

int security_check(const struct security_input *input, struct error **err)
{
    int result = check_non_root(input, err);
    return result < 0 ? result : check_seccomp(input, err);
}

/* ---- whom it runs as ---- */

/* The image's group goes with the image's user: another user has its own. */
char *security_user(const struct security_input *input)
{
    struct value user = of_either(input, "runAsUser"), group = of_either(input, "runAsGroup");
    struct str group_of_image, user_of_image = image_user(input->image_user, &group_of_image);
    autobuf struct buf text = {0};
    if (is_given(user))
        buf_addf(&text, "%lld", (long long)value_int_or(user, 0));
    else
        buf_add_str(&text, user_of_image.length != 0 ? user_of_image : STR("0"));
    if (is_given(group))
        buf_addf(&text, ":%lld", (long long)value_int_or(group, 0));
    else if (!is_given(user) && group_of_image.length != 0)
        buf_addf(&text, ":" STR_FORMAT, STR_ARGS(group_of_image));
    return buf_take(&text);
}

static int add_group(struct oci_user *user, int64_t gid, struct error **err)
{
    for (int i = 0; i < user->group_count; i++)
        if (user->groups[i] == (gid_t)gid)
            return 0;
    if (user->group_count == (int)COUNT(user->groups))
        return error_make(err, EINVAL, "there are more than %d supplementary groups",
                          (int)COUNT(user->groups));
    user->groups[user->group_count++] = (gid_t)gid;
    return 0;
}

/* Merge, the default, keeps the groups that the image's /etc/group puts the user into; Strict drops them. The
 * user's own group is listed too: else a process could leave it, and with it what it forbids (a file that its
 * group may not read, but others may). */
static int decide_groups(struct oci_user *user, const struct security_input *input,
                         const struct oci_user *found, struct error **err)
{
    bool strict = value_is(of_pod(input, "supplementalGroupsPolicy"), "Strict");
    *user = (struct oci_user){.uid = found->uid, .gid = found->gid};
    int result = add_group(user, found->gid, err);
    for (int i = 0; result == 0 && !strict && i < found->group_count; i++)
        result = add_group(user, found->groups[i], err);
    struct value volumes = of_pod(input, "fsGroup");
    if (result == 0 && is_given(volumes))
        result = add_group(user, value_int_or(volumes, 0), err);
    value_each (group, of_pod(input, "supplementalGroups"))
        if (result == 0)
            result = add_group(user, value_int_or(group, 0), err);
    return result;
}

/* ---- capabilities ---- */

#define BIT(number) (UINT64_C(1) << (number))

static const char *const capability_names[] = {
    [CAP_CHOWN] = "CAP_CHOWN",
    [CAP_DAC_OVERRIDE] = "CAP_DAC_OVERRIDE",
    [CAP_DAC_READ_SEARCH] = "CAP_DAC_READ_SEARCH",
    [CAP_FOWNER] = "CAP_FOWNER",
    [CAP_FSETID] = "CAP_FSETID",
    [CAP_KILL] = "CAP_KILL",
    [CAP_SETGID] = "CAP_SETGID",
    [CAP_SETUID] = "CAP_SETUID",
    [CAP_SETPCAP] = "CAP_SETPCAP",
    [CAP_LINUX_IMMUTABLE] = "CAP_LINUX_IMMUTABLE",
    [CAP_NET_BIND_SERVICE] = "CAP_NET_BIND_SERVICE",
    [CAP_NET_BROADCAST] = "CAP_NET_BROADCAST",
    [CAP_NET_ADMIN] = "CAP_NET_ADMIN",
    [CAP_NET_RAW] = "CAP_NET_RAW",
    [CAP_IPC_LOCK] = "CAP_IPC_LOCK",
    [CAP_IPC_OWNER] = "CAP_IPC_OWNER",
    [CAP_SYS_MODULE] = "CAP_SYS_MODULE",
    [CAP_SYS_RAWIO] = "CAP_SYS_RAWIO",
    [CAP_SYS_CHROOT] = "CAP_SYS_CHROOT",
    [CAP_SYS_PTRACE] = "CAP_SYS_PTRACE",
    [CAP_SYS_PACCT] = "CAP_SYS_PACCT",
    [CAP_SYS_ADMIN] = "CAP_SYS_ADMIN",
    [CAP_SYS_BOOT] = "CAP_SYS_BOOT",
    [CAP_SYS_NICE] = "CAP_SYS_NICE",
    [CAP_SYS_RESOURCE] = "CAP_SYS_RESOURCE",
    [CAP_SYS_TIME] = "CAP_SYS_TIME",
    [CAP_SYS_TTY_CONFIG] = "CAP_SYS_TTY_CONFIG",
    [CAP_MKNOD] = "CAP_MKNOD",
    [CAP_LEASE] = "CAP_LEASE",
    [CAP_AUDIT_WRITE] = "CAP_AUDIT_WRITE",
    [CAP_AUDIT_CONTROL] = "CAP_AUDIT_CONTROL",
    [CAP_SETFCAP] = "CAP_SETFCAP",
    [CAP_MAC_OVERRIDE] = "CAP_MAC_OVERRIDE",
    [CAP_MAC_ADMIN] = "CAP_MAC_ADMIN",
    [CAP_SYSLOG] = "CAP_SYSLOG",
    [CAP_WAKE_ALARM] = "CAP_WAKE_ALARM",
    [CAP_BLOCK_SUSPEND] = "CAP_BLOCK_SUSPEND",
    [CAP_AUDIT_READ] = "CAP_AUDIT_READ",
    [CAP_PERFMON] = "CAP_PERFMON",
    [CAP_BPF] = "CAP_BPF",
    [CAP_CHECKPOINT_RESTORE] = "CAP_CHECKPOINT_RESTORE",
};

#define ALL_CAPABILITIES (BIT(COUNT(capability_names)) - 1)

/* Enough for ordinary programs that start as root and give it up; nothing that reaches the machine. */
#define DEFAULT_CAPABILITIES                                                                             \
    (BIT(CAP_AUDIT_WRITE) | BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | \
     BIT(CAP_KILL) | BIT(CAP_MKNOD) | BIT(CAP_NET_RAW) | BIT(CAP_SETFCAP) | BIT(CAP_SETGID) |            \
     BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SETPCAP) | BIT(CAP_SETUID) | BIT(CAP_SYS_CHROOT))

/* "NET_ADMIN", "CAP_NET_ADMIN", "net_admin" and "ALL"; 0 for what there isn't. */
static capability_set capability_bits(struct str given)
{
    static const size_t prefix = sizeof("CAP_") - 1;
    autofree char *text = str_dup(given);
    const char *name = strncasecmp(text, "CAP_", prefix) == 0 ? text + prefix : text;
    if (strcasecmp(name, "ALL") == 0)
        return ALL_CAPABILITIES;
    for (size_t i = 0; i < COUNT(capability_names); i++)
        if (strcasecmp(name, capability_names[i] + prefix) == 0)
            return BIT(i);
    return 0;
}

bool security_is_capability(struct str name)
{
    return capability_bits(name) != 0;
}

/* Those that are named one by one, and in *all whether ALL is among them. */
static capability_set listed_capabilities(struct value list, bool *all)
{
    capability_set named = 0;
    *all = false;
    value_each (name, list) {
        capability_set bits = capability_bits(value_str(name));
        *all |= bits == ALL_CAPABILITIES;
        named |= bits != ALL_CAPABILITIES ? bits : 0;
    }
    return named;
}

/* First the two ALLs, then those by name, so that `drop: [ALL], add: [CHOWN]` leaves one and `add: [ALL],
 * drop: [CHOWN]` leaves out one; of what is both added and dropped by name nothing stays. */
static capability_set decide_capabilities(const struct security_input *input)
{
    struct value lists = of_container(input, "capabilities");
    bool add_all, drop_all;
    capability_set added = listed_capabilities(value_get(lists, STR("add")), &add_all);
    capability_set dropped = listed_capabilities(value_get(lists, STR("drop")), &drop_all);
    capability_set start = drop_all ? 0 : add_all ? input->held : DEFAULT_CAPABILITIES;
    return (start | added) & ~dropped;
}

capability_set security_held(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &header, words) < 0)
        return 0;
    return ((capability_set)words[1].permitted << 32 | words[0].permitted) & ALL_CAPABILITIES;
}

void security_add_capabilities(struct value process, const struct security *security)
{
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    struct value part = value_set_object(process, STR("capabilities"));
    size_t filled = security->user.uid == 0 ? COUNT(sets) : 1;
    for (size_t i = 0; i < filled; i++) {
        struct value array = value_set_array(part, str_of(sets[i]));
        for (size_t number = 0; number < COUNT(capability_names); number++)
            if (security->capabilities & BIT(number))
                value_append_str(array, str_of(capability_names[number]));
    }
}

/* ---- all of it ---- */

/* Who is privileged, or asks for SYS_ADMIN by name, could give itself what no_new_privs withholds:
 * allowPrivilegeEscalation counts as true then, whatever it says. (fsd refuses such a pod.) */
static bool decide_no_new_privileges(const struct security_input *input)
{
    struct value allowed = of_container(input, "allowPrivilegeEscalation");
    if (value_type(allowed) != VALUE_BOOL || value_true(allowed))
        return false;
    bool all;
    struct value lists = of_container(input, "capabilities");
    return !value_true(of_container(input, "privileged")) &&
           !(listed_capabilities(value_get(lists, STR("add")), &all) & BIT(CAP_SYS_ADMIN));
}

int security_decide(struct security *security, const struct security_input *input,
                    const struct oci_user *found, struct error **err)
{
    bool privileged = value_true(of_container(input, "privileged"));
    *security = (struct security){
        .capabilities = privileged ? input->held : decide_capabilities(input),
        .read_only_root = value_true(of_container(input, "readOnlyRootFilesystem")),
        .no_new_privileges = decide_no_new_privileges(input),
        .unmasked = privileged || value_is(of_container(input, "procMount"), "Unmasked"),
        .all_devices = privileged,
        .writable_sys = privileged,
    };
    security->seccomp = seccomp_of(input, &security->seccomp_profile);
    return decide_groups(&security->user, input, found, err);
}
