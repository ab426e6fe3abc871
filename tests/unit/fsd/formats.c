#include "fsd/formats.h"
#include "tests/unit/lib/test.h"

#define A63  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A253 A63 A63 A63 A63 "a"

struct row {
    const char *format;
    const char *good[12], *bad[12];
};

static const struct row rows[] = {
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

/* Those of users' schemas. */
static const struct row published[] = {
    {"uri", {"http://a/b", "/a", "mailto:a@b", "x:"}, {"", "a", "://a", "http://a b", "/%zz", "1a:b"}},
    {"email",
     {"a@b.c", "Ann <ann@example.com>", "a.b+c@d", "\"a b\"@c"},
     {"", "a", "@b", "a@", "a..b@c", "a b@c"}},
    {"hostname", {"a", "a-b.example.com", "10"}, {"", "-a", "a..b", "a_b", "a.b1", "a." A63 "a.com"}},
    {"ipv4", {"10.0.0.1"}, {"", "10.0.0", "::1", "256.0.0.1"}},
    {"ipv6", {"::1", "fe80::1"}, {"", "10.0.0.1", ":::"}},
    {"cidr", {"10.0.0.0/8", "::/0"}, {"", "10.0.0.0"}},
    {"mac",
     {"00:00:5e:00:53:01", "02-00-5e-10-00-00-00-01", "0000.5e00.5301"},
     {"", "00:00:5e:00:53", "00:00-5e:00:53:01", "00:00:5e:00:53:0g", "000:005e005301"}},
    {"uuid",
     {"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B8109DAD11D180B400C04FD430C8"},
     {"", "6ba7b810", "6ba7b810-9dad-11d1-80b4-00c04fd430cg"}},
    {"uuid3", {"6ba7b810-9dad-31d1-80b4-00c04fd430c8"}, {"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}},
    {"uuid4",
     {"6ba7b810-9dad-41d1-80b4-00c04fd430c8"},
     {"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-41d1-c0b4-00c04fd430c8"}},
    {"uuid5", {"6ba7b810-9dad-51d1-b0b4-00c04fd430c8"}, {"6ba7b810-9dad-41d1-b0b4-00c04fd430c8"}},
    {"bsonobjectid", {"507f1f77bcf86cd799439011"}, {"", "507f1f77bcf86cd79943901"}},
    {"isbn", {"0321751043", "978-0321751041"}, {"", "0321751044", "978-0321751042"}},
    {"isbn10", {"0-321-75104-3", "097522980X"}, {"978-0321751041"}},
    {"isbn13", {"978 0321751041"}, {"0321751043"}},
    {"creditcard", {"4111 1111 1111 1111", "378282246310005"}, {"", "4111111111111112", "1234"}},
    {"ssn", {"123-45-6789", "123 45 6789", "123456789"}, {"", "12-345-6789", "1234567890"}},
    {"hexcolor", {"#fff", "FF8800"}, {"", "#ffff", "#ggg"}},
    {"rgbcolor", {"rgb(0, 128,255)"}, {"", "rgb(0,0)", "rgb(256,0,0)", "rgb(01,0,0)", "#fff"}},
    {"byte", {"YQ=="}, {"", "a"}},
    {"password", {"", "anything"}, {0}},
    {"date", {"2026-01-31"}, {"", "2026-02-30", "2026-1-31", "2026-01-31T00:00:00Z"}},
    {"duration", {"0", "1h30m", "22 ns", "3 days"}, {"", "22", "ns", "3 years"}},
    {"date-time", {"2026-01-31T12:00:00Z", "2026-01-31t12:00:00.5z"}, {"", "2026-01-31", "now"}},
    {"datetime", {"2026-01-31T12:00:00+02:00"}, {"2026-01-31 12:00:00Z"}},
};

static void assert_row(const struct row *row, const struct format *format)
{
    assert_non_null(format);
    for (size_t j = 0; j < COUNT(row->good) && row->good[j] != NULL; j++)
        if (!format->check(str_of(row->good[j])))
            fail_msg("%s refuses \"%s\"", row->format, row->good[j]);
    for (size_t j = 0; j < COUNT(row->bad) && row->bad[j] != NULL; j++)
        if (format->check(str_of(row->bad[j])))
            fail_msg("%s takes \"%s\"", row->format, row->bad[j]);
}

static void each_takes_what_is_right_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_row(&rows[i], format_find(str_of(rows[i].format)));
    for (size_t i = 0; i < COUNT(published); i++)
        assert_row(&published[i], format_find_published(str_of(published[i].format)));
    assert_null(format_find(STR("nothing")));
    assert_null(format_find(STR("")));
    assert_null(format_find_published(STR("quantity")));
    assert_null(format_find_published(STR("")));
}

static void a_format_belongs_to_a_type(void **state)
{
    (void)state;
    static const struct {
        enum schema_type type;
        const char *name, *published;
    } cases[] = {
        {SCHEMA_INTEGER, "int32", "int32"}, {SCHEMA_NUMBER, "double", "double"},
        {SCHEMA_ANY, "ipv4", "ipv4"},       {SCHEMA_STRING, "date-time", "datetime"},
        {SCHEMA_INTEGER, "ipv4", ""},       {SCHEMA_STRING, "int32", ""},
        {SCHEMA_STRING, "quantity", ""},    {SCHEMA_OBJECT, "ipv4", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_true(str_is(format_published(cases[i].type, str_of(cases[i].name)), cases[i].published));
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
        cmocka_unit_test(a_format_belongs_to_a_type),
        cmocka_unit_test(a_nul_byte_is_never_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
