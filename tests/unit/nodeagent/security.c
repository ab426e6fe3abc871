/* Kubernetes' rules about securityContext. */
#include "nodeagent/security.h"
#include "tests/unit/lib/test.h"

#define LINUX_HAS ((UINT64_C(1) << 41) - 1)

/* A pod of one container, with these two securityContexts and an image of this user. */
struct subject {
    struct doc *pod;
    struct security_input input;
};

static struct subject subject(const char *of_pod, const char *of_container, const char *image_user)
{
    autobuf struct buf text = {0};
    buf_addf(&text,
             "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"u-1\"},\"spec\":"
             "{\"securityContext\":%s,\"containers\":[{\"name\":\"c\",\"securityContext\":%s}]}}",
             of_pod, of_container);
    struct doc *pod = must_parse(text.at);
    struct value containers = value_at(doc_root(pod), "spec", "containers");
    return (struct subject){pod,
                            {.pod = doc_root(pod),
                             .container = value_element(containers, 0),
                             .image_user = str_of(image_user),
                             .held = LINUX_HAS}};
}

static void cleanup_subject(struct subject *subject)
{
    doc_free(subject->pod);
}
#define autosubject cleanup(cleanup_subject)

static struct security decide(const char *of_pod, const char *of_container, const struct oci_user *found)
{
    static const struct oci_user root;
    autosubject struct subject s = subject(of_pod, of_container, "");
    struct security security;
    assert_int_equal(security_decide(&security, &s.input, found != NULL ? found : &root, NULL), 0);
    security.seccomp_profile = STR_NONE; /* it is the document's */
    return security;
}

/* ---- whom it runs as ---- */

static void test_the_container_goes_over_the_pod_and_the_pod_over_the_image(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *container, *image, *expected;
    } rows[] = {
        {"{}", "{}", NULL, "0"},
        {"{}", "{}", "", "0"},
        {"{}", "{}", "web", "web"},
        {"{}", "{}", "web:staff", "web:staff"},
        {"{}", "{}", "1000:2000", "1000:2000"},
        {"{}", "{}", ":2000", "0:2000"},
        {"{\"runAsUser\":5}", "{}", "web:staff", "5"}, /* another user has another group */
        {"{\"runAsUser\":5}", "{\"runAsUser\":6}", "web", "6"},
        {"{\"runAsUser\":5}", "{\"runAsUser\":0}", "web", "0"}, /* 0 is something */
        {"{\"runAsUser\":5}", "{\"runAsUser\":null}", "web", "5"},
        {"{\"runAsGroup\":7}", "{}", "web:staff", "web:7"},
        {"{\"runAsGroup\":7}", "{\"runAsGroup\":0}", "web", "web:0"},
        {"{\"runAsGroup\":7}", "{\"runAsUser\":6}", "", "6:7"},
        {"{\"runAsUser\":2147483647}", "{\"runAsGroup\":8}", "", "2147483647:8"},
        {"{\"runAsGroup\":7}", "{}", "", "0:7"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autosubject struct subject s = subject(rows[i].pod, rows[i].container, rows[i].image);
        autofree char *text = security_user(&s.input);
        assert_string_equal(text, rows[i].expected);
    }
}

#define WHERE " (pod: \"web_shop(u-1)\", container: c)"

static void test_who_must_not_be_root_is_refused_in_kubernetes_words(void **state)
{
    (void)state;
    static const char image_is_root[] = "container has runAsNonRoot and image will run as root" WHERE;
    static const struct {
        const char *pod, *container, *image, *expected; /* NULL: it may */
    } rows[] = {
        {"{}", "{}", "", NULL},
        {"{\"runAsNonRoot\":false}", "{}", "0", NULL},
        {"{\"runAsNonRoot\":true}", "{}", "", image_is_root},
        {"{\"runAsNonRoot\":true}", "{}", NULL, image_is_root},
        {"{\"runAsNonRoot\":true}", "{}", "0:1000", image_is_root},
        {"{\"runAsNonRoot\":true}", "{}", ":1000", image_is_root},
        {"{}", "{\"runAsNonRoot\":true}", "00", image_is_root},
        {"{\"runAsNonRoot\":true}", "{\"runAsNonRoot\":false}", "0", NULL},
        {"{\"runAsNonRoot\":false}", "{\"runAsNonRoot\":true}", "0", image_is_root},
        {"{\"runAsNonRoot\":true}", "{}", "1000:0", NULL},
        {"{\"runAsNonRoot\":true}", "{}", "web:1000",
         "container has runAsNonRoot and image has non-numeric user (web), cannot verify user is "
         "non-root" WHERE},
        {"{\"runAsNonRoot\":true}", "{}", "2147483648",
         "container has runAsNonRoot and image has an invalid user id (2147483648). (Must be "
         "1-(2147483647)): must be between 0 and 2147483647, inclusive" WHERE},
        /* What the pod says goes over the image, whatever that is. */
        {"{\"runAsNonRoot\":true,\"runAsUser\":1}", "{}", "0", NULL},
        {"{\"runAsNonRoot\":true}", "{\"runAsUser\":1}", "web", NULL},
        {"{\"runAsNonRoot\":true,\"runAsUser\":1}", "{\"runAsUser\":0}", "1000",
         "container's runAsUser breaks non-root policy" WHERE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autosubject struct subject s = subject(rows[i].pod, rows[i].container, rows[i].image);
        autoerror struct error *error = NULL;
        assert_int_equal(security_check(&s.input, &error), rows[i].expected != NULL ? -EINVAL : 0);
        if (rows[i].expected != NULL)
            assert_string_equal(error_message(error), rows[i].expected);
    }
    assert_string_equal(SECURITY_CONTAINER_REFUSED, "CreateContainerConfigError");
}

static void assert_groups(const char *of_pod, const char *expected)
{
    static const struct oci_user found = {.uid = 1000, .gid = 100, .groups = {50, 60}, .group_count = 2};
    struct security security = decide(of_pod, "{}", &found);
    assert_int_equal(security.user.uid, 1000);
    assert_int_equal(security.user.gid, 100);
    autobuf struct buf text = {0};
    for (int i = 0; i < security.user.group_count; i++)
        buf_addf(&text, "%s%u", i != 0 ? " " : "", security.user.groups[i]);
    assert_string_equal(text.at, expected);
}

static void test_groups_are_merged_with_the_images_unless_strict(void **state)
{
    (void)state;
    assert_groups("{}", "100 50 60");
    assert_groups("{\"fsGroup\":7}", "100 50 60 7");
    assert_groups("{\"fsGroup\":0}", "100 50 60 0");
    assert_groups("{\"fsGroup\":7,\"supplementalGroups\":[8,9]}", "100 50 60 7 8 9");
    assert_groups("{\"supplementalGroups\":[60,100,8,8]}", "100 50 60 8");
    assert_groups("{\"supplementalGroups\":[8],\"supplementalGroupsPolicy\":\"Merge\"}", "100 50 60 8");
    assert_groups("{\"supplementalGroupsPolicy\":\"Strict\"}", "100");
    assert_groups("{\"fsGroup\":7,\"supplementalGroups\":[50],\"supplementalGroupsPolicy\":\"Strict\"}",
                  "100 7 50");
}

static void test_no_group_is_left_out_in_silence(void **state)
{
    (void)state;
    struct oci_user found = {.uid = 1, .gid = 1, .group_count = (int)COUNT(found.groups) - 1};
    for (int i = 0; i < found.group_count; i++)
        found.groups[i] = (gid_t)(1000 + i);
    autosubject struct subject fits = subject("{\"supplementalGroups\":[1000]}", "{}", "");
    autosubject struct subject exceeds = subject("{\"supplementalGroups\":[5]}", "{}", "");
    struct security security;
    autoerror struct error *error = NULL;
    assert_int_equal(security_decide(&security, &fits.input, &found, NULL), 0);
    assert_int_equal(security_decide(&security, &exceeds.input, &found, &error), -EINVAL);
    assert_string_equal(error_message(error), "there are more than 64 supplementary groups");
}

/* ---- capabilities ---- */

static struct doc *capabilities_of(const char *of_container, uid_t uid)
{
    struct oci_user found = {.uid = uid};
    struct security security = decide("{}", of_container, &found);
    struct doc *doc = doc_new();
    security_add_capabilities(doc_root(doc), &security);
    return doc;
}

static void assert_bounding(const char *lists, const char *expected)
{
    autobuf struct buf container = {0};
    buf_addf(&container, "{\"capabilities\":%s}", lists);
    autodoc struct doc *doc = capabilities_of(container.at, 0);
    assert_json(value_at(doc_root(doc), "capabilities", "bounding"), expected);
}

#define WITHOUT_CHOWN                                                                                \
    "\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\",\"CAP_FSETID\",\"CAP_KILL\",\"CAP_SETGID\",\"CAP_SETUID\"," \
    "\"CAP_SETPCAP\",\"CAP_NET_BIND_SERVICE\","
#define BEHIND_NET_ADMIN \
    "\"CAP_NET_RAW\",\"CAP_SYS_CHROOT\",\"CAP_MKNOD\",\"CAP_AUDIT_WRITE\",\"CAP_SETFCAP\"]"

static void test_capabilities_are_added_to_and_dropped_from_the_default_ones(void **state)
{
    (void)state;
    assert_bounding("{}", "[\"CAP_CHOWN\"," WITHOUT_CHOWN BEHIND_NET_ADMIN);
    assert_bounding("{\"drop\":[\"CHOWN\"]}", "[" WITHOUT_CHOWN BEHIND_NET_ADMIN);
    assert_bounding("{\"drop\":[\"CAP_CHOWN\"],\"add\":[\"CAP_NET_ADMIN\"]}",
                    "[" WITHOUT_CHOWN "\"CAP_NET_ADMIN\"," BEHIND_NET_ADMIN);
    assert_bounding("{\"add\":[\"net_admin\",\"KILL\"]}",
                    "[\"CAP_CHOWN\"," WITHOUT_CHOWN "\"CAP_NET_ADMIN\"," BEHIND_NET_ADMIN);
    assert_bounding("{\"drop\":[\"ALL\"]}", "[]");
    assert_bounding("{\"drop\":[\"all\"],\"add\":[\"NET_BIND_SERVICE\"]}", "[\"CAP_NET_BIND_SERVICE\"]");
    assert_bounding("{\"drop\":[\"ALL\"],\"add\":[\"ALL\",\"BPF\"]}", "[\"CAP_BPF\"]");
    assert_bounding("{\"drop\":[\"ALL\",\"KILL\"],\"add\":[\"KILL\"]}", "[]");
    assert_bounding("{\"drop\":[\"ALL\"],\"add\":[\"NONSENSE\",\"CAP_\"]}", "[]");
}

static void test_all_capabilities_are_all_that_linux_has(void **state)
{
    (void)state;
    autodoc struct doc *added = capabilities_of("{\"capabilities\":{\"add\":[\"ALL\"]}}", 0);
    autodoc struct doc *privileged = capabilities_of("{\"privileged\":true}", 0);
    autodoc struct doc *but_one =
        capabilities_of("{\"capabilities\":{\"add\":[\"ALL\"],\"drop\":[\"SYS_BOOT\"]}}", 0);
    struct value all = value_at(doc_root(added), "capabilities", "bounding");
    assert_int_equal(value_count(all), 41);
    assert_str(value_str(value_element(all, 0)), "CAP_CHOWN");
    assert_str(value_str(value_element(all, 21)), "CAP_SYS_ADMIN");
    assert_str(value_str(value_element(all, 40)), "CAP_CHECKPOINT_RESTORE");
    assert_true(value_equal(doc_root(added), doc_root(privileged)));
    assert_int_equal(value_count(value_at(doc_root(but_one), "capabilities", "bounding")), 40);
}

static void test_all_capabilities_are_no_more_than_the_agent_has(void **state)
{
    (void)state;
    static const char *const rows[] = {"{\"privileged\":true}", "{\"capabilities\":{\"add\":[\"ALL\"]}}"};
    static const struct oci_user root;
    for (size_t i = 0; i < COUNT(rows); i++) {
        autosubject struct subject s = subject("{}", rows[i], "");
        struct security security;
        s.input.held = 5;
        assert_int_equal(security_decide(&security, &s.input, &root, NULL), 0);
        assert_int_equal(security.capabilities, 5);
    }
}

static void test_only_root_holds_capabilities_at_once(void **state)
{
    (void)state;
    static const char one[] = "{\"capabilities\":{\"drop\":[\"ALL\"],\"add\":[\"NET_RAW\"]}}";
    autodoc struct doc *root = capabilities_of(one, 0), *other = capabilities_of(one, 1000);
    assert_json(doc_root(root), "{\"capabilities\":{\"bounding\":[\"CAP_NET_RAW\"],\"effective\":"
                                "[\"CAP_NET_RAW\"],\"permitted\":[\"CAP_NET_RAW\"]}}");
    assert_json(doc_root(other), "{\"capabilities\":{\"bounding\":[\"CAP_NET_RAW\"]}}");
}

/* ---- the rest ---- */

static void test_privileged_containers_are_not_confined(void **state)
{
    (void)state;
    struct security plain = decide("{}", "{}", NULL);
    assert_false(plain.unmasked || plain.all_devices || plain.writable_sys || plain.read_only_root ||
                 plain.no_new_privileges);
    struct security privileged = decide("{\"seccompProfile\":{\"type\":\"RuntimeDefault\"}}",
                                        "{\"privileged\":true,\"readOnlyRootFilesystem\":true,"
                                        "\"capabilities\":{\"drop\":[\"ALL\"]}}",
                                        NULL);
    assert_true(privileged.unmasked && privileged.all_devices && privileged.writable_sys);
    assert_true(privileged.read_only_root);
    assert_int_equal(privileged.capabilities, LINUX_HAS);
    assert_int_equal(privileged.seccomp, SECCOMP_UNCONFINED);
    struct security unmasked = decide("{}", "{\"procMount\":\"Unmasked\"}", NULL);
    assert_true(unmasked.unmasked && !unmasked.all_devices && !unmasked.writable_sys);
    assert_false(decide("{}", "{\"procMount\":\"Default\"}", NULL).unmasked);
    /* Only the container can say it. */
    assert_false(decide("{\"privileged\":true}", "{}", NULL).all_devices);
}

static void test_privileges_may_grow_unless_it_is_forbidden(void **state)
{
    (void)state;
    static const struct {
        const char *container;
        bool expected;
    } rows[] = {
        {"{}", false},
        {"{\"allowPrivilegeEscalation\":null}", false},
        {"{\"allowPrivilegeEscalation\":true}", false},
        {"{\"allowPrivilegeEscalation\":false}", true},
        {"{\"allowPrivilegeEscalation\":false,\"privileged\":false}", true},
        {"{\"allowPrivilegeEscalation\":false,\"privileged\":true}", false},
        {"{\"allowPrivilegeEscalation\":false,\"capabilities\":{\"add\":[\"SYS_ADMIN\"]}}", false},
        {"{\"allowPrivilegeEscalation\":false,\"capabilities\":{\"add\":[\"CAP_SYS_ADMIN\"]}}", false},
        {"{\"allowPrivilegeEscalation\":false,\"capabilities\":{\"add\":[\"ALL\"]}}", true},
        {"{\"allowPrivilegeEscalation\":false,\"capabilities\":{\"drop\":[\"SYS_ADMIN\"]}}", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(decide("{}", rows[i].container, NULL).no_new_privileges, rows[i].expected);
}

#define PROFILE(type) "{\"seccompProfile\":{\"type\":\"" type "\"}}"
#define LOCAL(name)   "{\"seccompProfile\":{\"type\":\"Localhost\",\"localhostProfile\":\"" name "\"}}"

static void test_a_system_call_filter_is_the_default_one_unless_told(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *container;
        enum security_seccomp expected;
    } rows[] = {
        {"{}", "{}", SECCOMP_RUNTIME_DEFAULT},
        {PROFILE("Unconfined"), "{}", SECCOMP_UNCONFINED},
        {PROFILE("Unconfined"), PROFILE("RuntimeDefault"), SECCOMP_RUNTIME_DEFAULT},
        {PROFILE("RuntimeDefault"), PROFILE("Unconfined"), SECCOMP_UNCONFINED},
        {LOCAL("a.json"), "{}", SECCOMP_LOCALHOST},
        {LOCAL("a.json"), PROFILE("Unconfined"), SECCOMP_UNCONFINED},
        {LOCAL("a.json"), "{\"privileged\":true}", SECCOMP_UNCONFINED},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(decide(rows[i].pod, rows[i].container, NULL).seccomp, rows[i].expected);
    autosubject struct subject s = subject(LOCAL("pod.json"), LOCAL("dir/own.json"), "");
    static const struct oci_user root;
    struct security security;
    assert_int_equal(security_decide(&security, &s.input, &root, NULL), 0);
    assert_str(security.seccomp_profile, "dir/own.json");
}

static void test_a_local_profile_lies_in_its_directory(void **state)
{
    (void)state;
    static const struct {
        const char *container, *expected;
    } rows[] = {
        {LOCAL("a/b..json"), NULL},
        {LOCAL(""), "localhostProfile must be set if seccompProfile type is Localhost"},
        {PROFILE("Localhost"), "localhostProfile must be set if seccompProfile type is Localhost"},
        {LOCAL("/etc/passwd"), "localhostProfile must be a relative path"},
        {LOCAL("a/../../b"), "localhostProfile must not contain '..'"},
        {LOCAL(".."), "localhostProfile must not contain '..'"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autosubject struct subject s = subject("{}", rows[i].container, "");
        autoerror struct error *error = NULL;
        assert_int_equal(security_check(&s.input, &error), rows[i].expected != NULL ? -EINVAL : 0);
        if (rows[i].expected != NULL)
            assert_string_equal(error_message(error), rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_container_goes_over_the_pod_and_the_pod_over_the_image),
        cmocka_unit_test(test_who_must_not_be_root_is_refused_in_kubernetes_words),
        cmocka_unit_test(test_groups_are_merged_with_the_images_unless_strict),
        cmocka_unit_test(test_no_group_is_left_out_in_silence),
        cmocka_unit_test(test_capabilities_are_added_to_and_dropped_from_the_default_ones),
        cmocka_unit_test(test_all_capabilities_are_all_that_linux_has),
        cmocka_unit_test(test_all_capabilities_are_no_more_than_the_agent_has),
        cmocka_unit_test(test_only_root_holds_capabilities_at_once),
        cmocka_unit_test(test_privileged_containers_are_not_confined),
        cmocka_unit_test(test_privileges_may_grow_unless_it_is_forbidden),
        cmocka_unit_test(test_a_system_call_filter_is_the_default_one_unless_told),
        cmocka_unit_test(test_a_local_profile_lies_in_its_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
