/* config.json, from a container and its image. */
#include "nodeagent/oci.h"
#include "nodeagent/expand.h"
#include "nodeagent/security.h"
#include "tests/unit/lib/test.h"

#include <signal.h>

#define VARIABLES "{\"A\":\"pod\",\"C\":\"<pod>\"}"

static struct doc *make_secured(const struct security *security, const char *container, const char *image,
                                struct error **err)
{
    autodoc struct doc *spec = must_parse(container), *built = must_parse(image),
                       *variables = must_parse(VARIABLES);
    autodoc struct doc *devices = must_parse("{\"devices\":[{\"path\":\"/dev/kmsg\"}]}");
    autodoc struct doc *profile = must_parse("{\"defaultAction\":\"SCMP_ACT_LOG\"}");
    struct oci_input input = {
        .container = doc_root(spec),
        .variables = doc_root(variables),
        .image = doc_root(built),
        .security = security,
        .seccomp_profile = doc_root(profile),
        .devices = value_get(doc_root(devices), STR("devices")),
        .hostname = "web-1",
        .cgroup = "/podtree/x/podu/c.0",
        .pod_directory = "/run/pods/u",
        .sandbox = 42,
    };
    return oci_config(&input, err);
}

#define SYS_CHROOT (UINT64_C(1) << 18) /* its bit in a set of capabilities */

static struct doc *make(const char *container, const char *image, struct error **err)
{
    static const struct security security = {
        .user = {.uid = 7, .gid = 8, .groups = {9}, .group_count = 1},
        .capabilities = SYS_CHROOT,
    };
    return make_secured(&security, container, image, err);
}

#define IMAGE                                                                                        \
    "{\"Entrypoint\":[\"/entry\",\"-x\"],\"Cmd\":[\"one\",\"two\"],\"Env\":[\"A=image\",\"B=b=c\"]," \
    "\"WorkingDir\":\"/work\"}"

static void assert_args(const char *container, const char *expected)
{
    autodoc struct doc *doc = make(container, IMAGE, NULL);
    assert_json(value_at(doc_root(doc), "process", "args"), expected);
}

static void test_command_and_args_stand_for_entry_point_and_command_of_the_image(void **state)
{
    (void)state;
    assert_args("{}", "[\"/entry\",\"-x\",\"one\",\"two\"]");
    assert_args("{\"args\":[\"three\"]}", "[\"/entry\",\"-x\",\"three\"]");
    assert_args("{\"command\":[\"run\"]}", "[\"run\"]");
    assert_args("{\"command\":[\"run\"],\"args\":[\"three\"]}", "[\"run\",\"three\"]");
}

static void test_nothing_to_run_is_an_error(void **state)
{
    (void)state;
    autoerror struct error *error = NULL;
    assert_null(make("{}", "{}", &error));
    assert_int_equal(error->number, EINVAL);
    assert_string_equal(error_message(error), "no command is given, neither by the pod nor by the image");
}

static void test_the_pods_variables_are_in_the_environment_and_in_command_and_args(void **state)
{
    (void)state;
    autodoc struct doc *doc =
        make("{\"command\":[\"echo\",\"$(C)\",\"$(NO)\"],\"args\":[\"$$(C)\"]}", IMAGE, NULL);
    assert_json(value_at(doc_root(doc), "process", "env"),
                "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"HOSTNAME=web-1\","
                "\"A=pod\",\"B=b=c\",\"C=<pod>\"]");
    assert_json(value_at(doc_root(doc), "process", "args"), "[\"echo\",\"<pod>\",\"$(NO)\",\"$(C)\"]");
}

static void test_the_working_directory_is_the_pods_or_the_images_or_the_root(void **state)
{
    (void)state;
    static const struct {
        const char *container, *image, *expected;
    } rows[] = {{"{\"workingDir\":\"/own\"}", IMAGE, "/own"},
                {"{}", IMAGE, "/work"},
                {"{}", "{\"Cmd\":[\"x\"]}", "/"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *doc = make(rows[i].container, rows[i].image, NULL);
        assert_str(value_str(value_at(doc_root(doc), "process", "cwd")), rows[i].expected);
    }
}

static void test_resources_become_shares_quota_and_limit(void **state)
{
    (void)state;
    static const struct {
        const char *resources, *cpu, *memory;
    } rows[] = {
        {"{}", "{\"shares\":2}", "null"},
        {"{\"requests\":{\"cpu\":\"500m\"}}", "{\"shares\":512}", "null"},
        {"{\"limits\":{\"cpu\":2,\"memory\":\"64Mi\"}}",
         "{\"shares\":2048,\"quota\":200000,\"period\":100000}", "{\"limit\":67108864,\"swap\":67108864}"},
        {"{\"requests\":{\"cpu\":\"100m\"},\"limits\":{\"cpu\":\"5m\"}}",
         "{\"shares\":102,\"quota\":1000,\"period\":100000}", "null"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf container = {0};
        buf_addf(&container, "{\"command\":[\"x\"],\"resources\":%s}", rows[i].resources);
        autodoc struct doc *doc = make(container.at, "{}", NULL);
        assert_json(value_at(doc_root(doc), "linux", "resources", "cpu"), rows[i].cpu);
        assert_json(value_at(doc_root(doc), "linux", "resources", "memory"), rows[i].memory);
    }
}

static void test_it_joins_the_sandbox_and_binds_its_files(void **state)
{
    (void)state;
    autodoc struct doc *doc = make("{\"command\":[\"x\"]}", "{}", NULL);
    assert_json(
        value_at(doc_root(doc), "linux", "namespaces"),
        "[{\"type\":\"pid\"},{\"type\":\"network\",\"path\":\"/proc/42/ns/net\"},"
        "{\"type\":\"ipc\",\"path\":\"/proc/42/ns/ipc\"},{\"type\":\"uts\",\"path\":\"/proc/42/ns/uts\"},"
        "{\"type\":\"mount\"},{\"type\":\"cgroup\"}]");
    bool bound = false;
    value_each (mount, value_at(doc_root(doc), "mounts"))
        bound |= value_is(value_get(mount, STR("destination")), "/etc/hosts") &&
                 value_is(value_get(mount, STR("source")), "/run/pods/u/hosts");
    assert_true(bound);
    assert_json(value_at(doc_root(doc), "process", "user"), "{\"uid\":7,\"gid\":8,\"additionalGids\":[9]}");
    assert_str(value_str(value_at(doc_root(doc), "linux", "cgroupsPath")), "/podtree/x/podu/c.0");
}

/* Which action the profile has for a system call without arguments; "" when only the default one. */
static struct str action_for(struct value profile, const char *name)
{
    value_each (rule, value_get(profile, STR("syscalls")))
        value_each (one, value_get(rule, STR("names")))
            if (value_is(one, name) && !value_exists(value_get(rule, STR("args"))))
                return value_str(value_get(rule, STR("action")));
    return STR("");
}

static void test_system_calls_need_their_capability(void **state)
{
    (void)state;
    autodoc struct doc *doc = make("{\"command\":[\"x\"]}", "{}", NULL);
    struct value profile = value_at(doc_root(doc), "linux", "seccomp");
    assert_str(value_str(value_get(profile, STR("defaultAction"))), "SCMP_ACT_ERRNO");
    assert_str(action_for(profile, "read"), "SCMP_ACT_ALLOW");
    assert_str(action_for(profile, "chroot"), "SCMP_ACT_ALLOW"); /* CAP_SYS_CHROOT is given */
    assert_str(action_for(profile, "mount"), "");
    assert_str(action_for(profile, "bpf"), "");
    assert_str(action_for(profile, "clone3"), "SCMP_ACT_ERRNO");
    assert_str(action_for(profile, "keyctl"), "");
}

/* The options of what is mounted there. */
static struct value options_of(struct value root, const char *destination)
{
    value_each (mount, value_get(root, STR("mounts")))
        if (value_is(value_get(mount, STR("destination")), destination))
            return value_get(mount, STR("options"));
    return VALUE_ABSENT;
}

static void test_a_container_is_confined_unless_it_is_privileged(void **state)
{
    (void)state;
    static const struct security privileged = {
        .unmasked = true, .all_devices = true, .writable_sys = true, .seccomp = SECCOMP_UNCONFINED};
    autodoc struct doc *confined = make("{\"command\":[\"x\"]}", "{}", NULL);
    autodoc struct doc *free_one = make_secured(&privileged, "{\"command\":[\"x\"]}", "{}", NULL);
    struct value a = doc_root(confined), b = doc_root(free_one);
    assert_true(value_count(value_at(a, "linux", "maskedPaths")) > 5);
    assert_true(value_count(value_at(a, "linux", "readonlyPaths")) > 3);
    assert_json(value_at(a, "linux", "resources", "devices"), "[{\"allow\":false,\"access\":\"rwm\"}]");
    assert_json(options_of(a, "/sys"), "[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]");
    assert_json(options_of(a, "/sys/fs/cgroup"), "[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]");
    assert_false(value_exists(value_at(b, "linux", "maskedPaths")));
    assert_false(value_exists(value_at(b, "linux", "readonlyPaths")));
    assert_false(value_exists(value_at(b, "linux", "seccomp")));
    assert_json(value_at(b, "linux", "resources", "devices"), "[{\"allow\":true,\"access\":\"rwm\"}]");
    assert_json(value_at(b, "linux", "devices"), "[{\"path\":\"/dev/kmsg\"}]");
    assert_false(value_exists(value_at(a, "linux", "devices")));
    assert_json(options_of(b, "/sys"), "[\"nosuid\",\"noexec\",\"nodev\",\"rw\"]");
    assert_json(options_of(b, "/sys/fs/cgroup"), "[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"rw\"]");
}

static void test_it_is_protected_as_was_decided(void **state)
{
    (void)state;
    static const struct security security = {
        .read_only_root = true, .no_new_privileges = true, .seccomp = SECCOMP_LOCALHOST};
    autodoc struct doc *plain = make("{\"command\":[\"x\"]}", "{}", NULL);
    autodoc struct doc *doc = make_secured(&security, "{\"command\":[\"x\"]}", "{}", NULL);
    struct value a = doc_root(plain), b = doc_root(doc);
    assert_false(value_true(value_at(a, "root", "readonly")));
    assert_false(value_true(value_at(a, "process", "noNewPrivileges")));
    assert_json(value_at(a, "process", "capabilities"), "{\"bounding\":[\"CAP_SYS_CHROOT\"]}");
    assert_json(options_of(a, "/etc/resolv.conf"), "[\"rbind\",\"rprivate\",\"rw\"]");
    assert_true(value_true(value_at(b, "root", "readonly")));
    assert_true(value_true(value_at(b, "process", "noNewPrivileges")));
    assert_json(value_at(b, "linux", "seccomp"), "{\"defaultAction\":\"SCMP_ACT_LOG\"}");
    assert_json(options_of(b, "/etc/resolv.conf"), "[\"rbind\",\"rprivate\",\"ro\"]");
    assert_json(options_of(b, "/etc/hosts"), "[\"rbind\",\"rprivate\",\"rw\"]");
    assert_json(options_of(b, "/dev/shm"), "[\"rbind\",\"rprivate\",\"rw\"]");
}

static void test_signals_have_many_names(void **state)
{
    (void)state;
    static const struct {
        const char *image;
        int number;
    } rows[] = {{"{}", SIGTERM},
                {"{\"StopSignal\":\"SIGQUIT\"}", SIGQUIT},
                {"{\"StopSignal\":\"INT\"}", SIGINT},
                {"{\"StopSignal\":\"9\"}", SIGKILL},
                {"{\"StopSignal\":\"SIGNONSENSE\"}", SIGTERM},
                {"{\"StopSignal\":\"0\"}", SIGTERM}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *doc = must_parse(rows[i].image);
        assert_int_equal(oci_stop_signal(doc_root(doc)), rows[i].number);
    }
    autodoc struct doc *doc = must_parse("{\"StopSignal\":\"SIGRTMIN+3\"}");
    assert_int_equal(oci_stop_signal(doc_root(doc)), SIGRTMIN + 3);
}

static void test_references_are_expanded_as_kubernetes_does(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},           {"plain", "plain"},     {"$(A)$(B)", "ab"}, {"x$(A)y", "xay"},
        {"$(NO)", "$(NO)"}, {"$$(A)", "$(A)"},      {"$$$(A)", "$a"},   {"$$$$(A)", "$$(A)"},
        {"$(A", "$(A"},     {"$A ${A}", "$A ${A}"}, {"$", "$"},         {"$()", "$()"}};
    autodoc struct doc *variables = must_parse("{\"A\":\"a\",\"B\":\"b\"}");
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf out = {0};
        expand(&out, str_of(rows[i][0]), doc_root(variables));
        assert_string_equal(out.length != 0 ? out.at : "", rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_and_args_stand_for_entry_point_and_command_of_the_image),
        cmocka_unit_test(test_nothing_to_run_is_an_error),
        cmocka_unit_test(test_the_pods_variables_are_in_the_environment_and_in_command_and_args),
        cmocka_unit_test(test_the_working_directory_is_the_pods_or_the_images_or_the_root),
        cmocka_unit_test(test_resources_become_shares_quota_and_limit),
        cmocka_unit_test(test_it_joins_the_sandbox_and_binds_its_files),
        cmocka_unit_test(test_system_calls_need_their_capability),
        cmocka_unit_test(test_a_container_is_confined_unless_it_is_privileged),
        cmocka_unit_test(test_it_is_protected_as_was_decided),
        cmocka_unit_test(test_signals_have_many_names),
        cmocka_unit_test(test_references_are_expanded_as_kubernetes_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
