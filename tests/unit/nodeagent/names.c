/* What a pod is called, whom its programs find by name, and who holds its namespaces. */
#include "nodeagent/names.h"
#include "lib/file.h"
#include "nodeagent/namespaces.h"
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MACHINE "node-a"

/* A pod web in the namespace default, with this in its spec. */
static struct doc *pod_with(const char *spec)
{
    autofree char *text =
        path_format("{\"metadata\":{\"name\":\"web\",\"namespace\":\"default\"},\"spec\":{%s}}", spec);
    autoerror struct error *error = NULL;
    struct doc *doc = doc_parse(str_of(text), &error);
    if (doc == NULL)
        fail_msg("%s", error_message(error));
    return doc;
}

#define LABEL60 "a234567890b234567890c234567890d234567890e234567890f234567890"

static void test_the_host_name(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *expected; /* NULL: it can't be had */
    } rows[] = {
        {"", "web"},
        {"\"hostname\":\"db-0\"", "db-0"},
        {"\"hostname\":\"db-0\",\"subdomain\":\"db\"", "db-0"},
        {"\"hostname\":\"db-0\",\"subdomain\":\"db\",\"setHostnameAsFQDN\":true",
         "db-0.db.default.svc.cluster.local"},
        {"\"setHostnameAsFQDN\":true", "web"},
        {"\"hostname\":\"" LABEL60 "ab-d\"", LABEL60 "ab"}, /* cut at 63, and no dash at the end */
        {"\"hostname\":\"" LABEL60 "\",\"subdomain\":\"db\",\"setHostnameAsFQDN\":true", NULL},
        {"\"hostname\":\"db-0\",\"hostNetwork\":true", MACHINE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *pod = pod_with(rows[i].spec);
        char hostname[NAMES_HOSTNAME];
        autoerror struct error *error = NULL;
        int result = names_hostname(doc_root(pod), MACHINE, hostname, &error);
        assert_int_equal(result, rows[i].expected != NULL ? 0 : -EINVAL);
        if (result == 0)
            assert_string_equal(hostname, rows[i].expected);
    }
}

static void expect_hosts(const char *spec, const char *address, const char *expected)
{
    autodoc struct doc *pod = pod_with(spec);
    autobuf struct buf out = {0};
    char hostname[NAMES_HOSTNAME];
    assert_int_equal(names_hostname(doc_root(pod), MACHINE, hostname, NULL), 0);
    names_hosts(&out, doc_root(pod), hostname, address, STR("192.0.2.1\tnode-a\n"));
    assert_string_equal(out.at, expected);
}

#define USUAL                                                                                  \
    "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n" \
    "fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
#define ALIASES "\"hostAliases\":[{\"ip\":\"10.0.0.9\",\"hostnames\":[\"db\",\"db.local\"]}]"

static void test_hosts(void **state)
{
    (void)state;
    expect_hosts("", NULL, USUAL "127.0.1.1\tweb\n");
    expect_hosts("", "10.1.0.7", USUAL "10.1.0.7\tweb\n");
    expect_hosts("\"subdomain\":\"s\"", "10.1.0.7", USUAL "10.1.0.7\tweb.s.default.svc.cluster.local\tweb\n");
    expect_hosts("\"subdomain\":\"s\",\"setHostnameAsFQDN\":true", "10.1.0.7",
                 USUAL "10.1.0.7\tweb.s.default.svc.cluster.local\n");
    expect_hosts(ALIASES, NULL,
                 USUAL "127.0.1.1\tweb\n\n# Entries added by HostAliases.\n10.0.0.9\tdb\tdb.local\n");
    expect_hosts("\"hostNetwork\":true," ALIASES, NULL,
                 "192.0.2.1\tnode-a\n\n# Entries added by HostAliases.\n10.0.0.9\tdb\tdb.local\n");
}

static void test_the_resolver(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *machine, *expected, *left_out;
    } rows[] = {
        {"", "# a comment\nnameserver 192.0.2.53\nsearch example.net\n",
         "search example.net\nnameserver 192.0.2.53\n", NULL},
        {"", "search a.net\n domain b.net\nnameserver 1.1.1.1\nnameserver 1.1.1.1\noptions ndots:2 rotate",
         "search b.net\nnameserver 1.1.1.1\noptions ndots:2 rotate\n", NULL},
        {"", "nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4\n",
         "nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\n",
         "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line "
         "is: "
         "1.0.0.1 1.0.0.2 1.0.0.3"},
        {"\"dnsConfig\":{\"nameservers\":[\"9.9.9.9\",\"1.1.1.1\"],\"searches\":[\"x.net\"],"
         "\"options\":[{\"name\":\"ndots\",\"value\":\"5\"},{\"name\":\"edns0\"}]}",
         "nameserver 1.1.1.1\nsearch a.net\noptions ndots:2 rotate\n",
         "search a.net x.net\nnameserver 1.1.1.1\nnameserver 9.9.9.9\noptions ndots:5 rotate edns0\n", NULL},
        {"\"dnsPolicy\":\"None\",\"dnsConfig\":{\"nameservers\":[\"9.9.9.9\"]}",
         "nameserver 1.1.1.1\nsearch a.net\n", "nameserver 9.9.9.9\n", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *pod = pod_with(rows[i].spec);
        autobuf struct buf out = {0}, left_out = {0};
        names_resolver(&out, &left_out, doc_root(pod), str_of(rows[i].machine));
        assert_string_equal(out.at, rows[i].expected);
        if (rows[i].left_out != NULL)
            assert_string_equal(left_out.at, rows[i].left_out);
        else
            assert_int_equal(left_out.length, 0);
    }
}

static void test_search_domains_have_2048_characters_at_most(void **state)
{
    (void)state;
    autodoc struct doc *pod = pod_with("");
    autobuf struct buf machine = {0}, expected = {0}, out = {0}, left_out = {0};
    buf_add_text(&machine, "search");
    buf_add_text(&expected, "search");
    for (int i = 0; i < 12; i++) {
        buf_addf(&machine, " %0200d", i); /* ten of them and the spaces between fit */
        if (i < 10)
            buf_addf(&expected, " %0200d", i);
    }
    buf_add_char(&expected, '\n');
    names_resolver(&out, &left_out, doc_root(pod), buf_str(&machine));
    assert_string_equal(out.at, expected.at);
    assert_true(str_starts(buf_str(&left_out), STR("Search Line limits were exceeded")));
}

static void test_who_holds_which_namespace(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *expected; /* a letter for each of pid, network, ipc, uts, mount, cgroup */
        uint64_t flags;
    } rows[] = {
        {"",
         "csss"
         "cc",
         CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS},
        {"\"hostNetwork\":true",
         "cmsm"
         "cc",
         CLONE_NEWIPC},
        {"\"hostIPC\":true",
         "csms"
         "cc",
         CLONE_NEWNET | CLONE_NEWUTS},
        {"\"hostPID\":true",
         "msss"
         "cc",
         CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS},
        {"\"shareProcessNamespace\":true",
         "ssss"
         "cc",
         CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *pod = pod_with(rows[i].spec);
        char said[16] = "";
        const struct namespace *namespace;
        for (size_t n = 0; (namespace = namespace_at(n)) != NULL; n++)
            said[n] = "csm"[namespace_holder(namespace, doc_root(pod))];
        assert_string_equal(said, rows[i].expected);
        assert_true(namespaces_of_sandbox(doc_root(pod)) == rows[i].flags);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_host_name),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_the_resolver),
        cmocka_unit_test(test_search_domains_have_2048_characters_at_most),
        cmocka_unit_test(test_who_holds_which_namespace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
