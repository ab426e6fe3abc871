#include "fsd/formats.h"
#include "tests/unit/lib/test.h"

#define A63  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A253 A63 A63 A63 A63 "a"

static const struct {
    const char *format;
    const char *good[12], *bad[12];
} rows[] = {
    {"dns-label", {"a", "0", "web-1", A63}, {"", "Web", "-a", "a-", "a.b", "a_b", A63 "a", "a b", "ä"}},
    {"dns-subdomain",
     {"a", "a.b", "web-1.example.com", A253},
     {"", "a..b", ".a", "a.", "A", "a_b", A253 "a"}},
    {"label-key",
     {"app", "App", "app.kubernetes.io/name", "a_b.c-d", A63},
     {"", "/a", "a/", "a/b/c", "-a", "a-", "Example.com/a", A63 "a", "a b"}},
    {"label-key-or-empty", {"", "a/b"}, {"/a"}},
    {"finalizer",
     {"example.com/backup", "kubernetes", "orphan", "foregroundDeletion"},
     {"", "backup", "orphans", "/backup", "example.com/", "Example.com/a"}},
    {"annotation-key", {"Example.com/a", "a"}, {"", "a b", "_/a"}},
    {"label-value", {"", "a", "A_b.c-1", A63}, {"-a", "a.", "a/b", "a b", A63 "a"}},
    {"resource-name",
     {"cpu", "memory", "pods", "ephemeral-storage", "hugepages-2Mi", "example.com/gpu"},
     {"", "gpu", "replicaz", "/gpu"}},
    {"config-key", {"a", "a.b_C-1", ".hidden", A253}, {"", ".", "..", "..a", "a/b", "a b", A253 "a"}},
    {"env-name", {"PATH", "a.b", "1a", "a b"}, {"", "A=B", "ä", "a\n"}},
    {"port-name",
     {"http", "a", "http-2", "abcdefghijklmno"},
     {"", "80", "-a", "a-", "a--b", "HTTP", "abcdefghijklmnop"}},
    {"percent", {"25%", "0%"}, {"", "%", "25", "2.5%", "-1%", "25%%"}},
    {"ip", {"10.0.0.1", "::1", "fe80::1"}, {"", "10.0.0", "10.0.0.256", "host", "1:2"}},
    {"cidr",
     {"10.0.0.0/8", "::/0", "10.0.0.1/32"},
     {"", "10.0.0.0", "10.0.0.0/33", "::/129", "a/8", "10.0.0.0/-1"}},
    {"absolute-path", {"/", "/a"}, {"", "a"}},
    {"relative-path", {"", "a/b", "..a"}, {"/a", "..", "a/../b"}},
    {"header-name", {"X-A", "a1"}, {"", "a b", "a:b"}},
    {"sysctl", {"net.core.somaxconn", "kernel/shm"}, {"", ".a", "a..b", "a.", "A"}},
    {"byte", {"", "YQ==", "YWI=", "YWJj"}, {"a", "YQ=", "Y===", "YQ==YQ==", "Y Q="}},
    {"date-time", {"2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5+02:00"}, {"", "2026-01-31", "now"}},
    {"duration", {"0", "1h30m", "250ms", "-1.5s", "+2us"}, {"", "1", "h", "1d", "1.2.3s"}},
    {"quantity",
     {"0", "1", "100m", "1.5", ".5", "5.", "64Mi", "2e3", "1E", "+1", "-1", "12E-2"},
     {"", "m", ".", "1.2.3", "1 Mi", "1mi", "1KI", "e3", "--1", "1e", "0x10", "1_000"}},
};

static void each_takes_what_is_right_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct format *format = format_find(str_of(rows[i].format));
        assert_non_null(format);
        for (size_t j = 0; j < COUNT(rows[i].good) && rows[i].good[j] != NULL; j++)
            if (!format->check(str_of(rows[i].good[j])))
                fail_msg("%s refuses \"%s\"", rows[i].format, rows[i].good[j]);
        for (size_t j = 0; j < COUNT(rows[i].bad) && rows[i].bad[j] != NULL; j++)
            if (format->check(str_of(rows[i].bad[j])))
                fail_msg("%s takes \"%s\"", rows[i].format, rows[i].bad[j]);
    }
    assert_null(format_find(STR("nothing")));
    assert_null(format_find(STR("")));
}

static void a_nul_byte_is_never_right(void **state)
{
    (void)state;
    static const char *const names[] = {"dns-label", "label-key", "label-value", "ip",
                                        "finalizer", "byte",      "sysctl",      "env-name"};
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct format *format = format_find(str_of(names[i]));
        assert_false(format->check((struct str){"a\0bc", 4}));
        assert_false(format->check((struct str){"1::\0", 4}));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_takes_what_is_right_and_nothing_else),
        cmocka_unit_test(a_nul_byte_is_never_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
