/* Which sysctls a pod gets. */
#include "nodeagent/sysctl.h"
#include "tests/unit/lib/test.h"

#include <errno.h>

static void test_sysctls_belong_to_namespaces(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum sysctl_namespace expected;
    } rows[] = {
        {"kernel.sem", SYSCTL_IPC},
        {"kernel.shmmax", SYSCTL_IPC},
        {"kernel.shm_rmid_forced", SYSCTL_IPC},
        {"kernel.msgmax", SYSCTL_IPC},
        {"fs.mqueue.msg_max", SYSCTL_IPC},
        {"net.core.somaxconn", SYSCTL_NETWORK},
        {"kernel.semaphore", SYSCTL_NONE},
        {"network.x", SYSCTL_NONE},
        {"vm.swappiness", SYSCTL_NONE},
        {"fs.file-max", SYSCTL_NONE},
        {"", SYSCTL_NONE},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(sysctl_namespace(str_of(rows[i].name)), rows[i].expected);
}

static int sysctls_of(struct sysctls *sysctls, const char *spec, struct error **err)
{
    autobuf struct buf text = {0};
    buf_addf(&text, "{\"spec\":%s}", spec);
    autodoc struct doc *pod = must_parse(text.at);
    return sysctls_of_pod(sysctls, doc_root(pod), err);
}

static void test_safe_sysctls_are_set_in_the_sandbox(void **state)
{
    (void)state;
    autosysctls struct sysctls none = {0}, sysctls = {0};
    assert_int_equal(sysctls_of(&none, "{}", NULL), 0);
    assert_int_equal(none.count, 0);
    assert_int_equal(sysctls_of(&sysctls,
                                "{\"securityContext\":{\"sysctls\":["
                                "{\"name\":\"net.ipv4.ip_local_port_range\",\"value\":\"1024 65535\"},"
                                "{\"name\":\"kernel/shm_rmid_forced\",\"value\":\"1\"},"
                                "{\"name\":\"net.ipv4.tcp_rmem\",\"value\":\"\"}]}}",
                                NULL),
                     0);
    assert_int_equal(sysctls.count, 3);
    assert_string_equal(sysctls.list[0].path, "/proc/sys/net/ipv4/ip_local_port_range");
    assert_string_equal(sysctls.list[0].value, "1024 65535");
    assert_string_equal(sysctls.list[1].path, "/proc/sys/kernel/shm_rmid_forced");
    assert_string_equal(sysctls.list[2].path, "/proc/sys/net/ipv4/tcp_rmem");
    assert_string_equal(sysctls.list[2].value, "");
    autosysctls struct sysctls copy = sysctls_copy(&sysctls);
    sysctls_free(&sysctls);
    assert_int_equal(copy.count, 3);
    assert_string_equal(copy.list[0].path, "/proc/sys/net/ipv4/ip_local_port_range");
    assert_string_equal(copy.list[0].value, "1024 65535");
}

static void test_other_sysctls_are_forbidden(void **state)
{
    (void)state;
    static const struct {
        const char *host, *name, *expected;
    } rows[] = {
        {"hostPID", "net.ipv4.tcp_syncookies", NULL},
        {"hostIPC", "net.ipv4.tcp_syncookies", NULL},
        {"hostNetwork", "kernel.shm_rmid_forced", NULL},
        {"hostPID", "kernel.shmmax", "forbidden sysctl: \"kernel.shmmax\" not allowlisted"},
        {"hostPID", "net.core.somaxconn", "forbidden sysctl: \"net.core.somaxconn\" not allowlisted"},
        {"hostPID", "net/core/somaxconn", "forbidden sysctl: \"net.core.somaxconn\" not allowlisted"},
        {"hostPID", "vm.swappiness", "forbidden sysctl: \"vm.swappiness\" not allowlisted"},
        {"hostPID", "net.ipv4.tcp_syncookies/../../x",
         "forbidden sysctl: \"net.ipv4.tcp_syncookies/../../x\" not allowlisted"},
        {"hostNetwork", "net.ipv4.tcp_syncookies",
         "forbidden sysctl: \"net.ipv4.tcp_syncookies\" not allowed with host net enabled"},
        {"hostIPC", "kernel.shm_rmid_forced",
         "forbidden sysctl: \"kernel.shm_rmid_forced\" not allowed with host ipc enabled"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf spec = {0};
        buf_addf(&spec, "{\"%s\":true,\"securityContext\":{\"sysctls\":[{\"name\":\"%s\",\"value\":\"1\"}]}}",
                 rows[i].host, rows[i].name);
        autosysctls struct sysctls sysctls = {0};
        autoerror struct error *error = NULL;
        assert_int_equal(sysctls_of(&sysctls, spec.at, &error), rows[i].expected != NULL ? -EPERM : 0);
        if (rows[i].expected != NULL)
            assert_string_equal(error_message(error), rows[i].expected);
    }
    assert_string_equal(SYSCTL_REFUSED, "SysctlForbidden");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sysctls_belong_to_namespaces),
        cmocka_unit_test(test_safe_sysctls_are_set_in_the_sandbox),
        cmocka_unit_test(test_other_sysctls_are_forbidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
