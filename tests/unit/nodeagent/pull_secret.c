/* Which passwords of a pod's Secrets are for which image. */
#include "nodeagent/pull_secret.h"
#include "lib/base64.h"
#include "lib/file.h"
#include "tests/unit/lib/test.h"

/* The Secrets of the namespace: name, type, key, text. */
static const struct secret {
    const char *name, *type, *key, *text;
} secrets[] = {
    {"here", "kubernetes.io/dockerconfigjson", ".dockerconfigjson",
     "{\"auths\":{\"127.0.0.1:5000\":{\"auth\":\"YTph\"},\"https://127.0.0.1:5000/v2/"
     "team\":{\"username\":\"b\","
     "\"password\":\"b\"},\"localhost\":{\"auth\":\"Yzpj\"}}}"},
    {"old", "kubernetes.io/dockercfg", ".dockercfg", "{\"127.0.0.1:5000/other\":{\"auth\":\"ZDpk\"}}"},
    {"docker", "kubernetes.io/dockerconfigjson", ".dockerconfigjson",
     "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"ZTpl\"},\"docker.io/"
     "team\":{\"auth\":\"Zjpm\"}}}"},
    {"stars", "kubernetes.io/dockerconfigjson", ".dockerconfigjson",
     "{\"auths\":{\"*.0.0.1:5000\":{\"auth\":\"Zzpn\"},\"*.1:5000\":{\"auth\":\"aDpo\"},"
     "\"registry.*\":{\"auth\":\"ajpq\"}}}"},
    {"opaque", "Opaque", ".dockerconfigjson", "{\"auths\":{\"127.0.0.1:5000\":{\"auth\":\"aTpp\"}}}"},
    {"broken", "kubernetes.io/dockerconfigjson", ".dockerconfigjson", "{\"auths\":"},
};

static struct doc *namespace, *accounts;

static struct value find(void *context, const char *kind, struct str name)
{
    (void)context;
    if (strcmp(kind, "ServiceAccount") == 0)
        return value_at(doc_root(accounts), str_is(name, "default") ? "default" : "builder");
    assert_string_equal(kind, "Secret");
    return value_get(doc_root(namespace), name);
}

static int setup(void **state)
{
    (void)state;
    namespace = doc_new();
    accounts = must_parse("{\"default\":{},\"builder\":{\"imagePullSecrets\":[{\"name\":\"old\"}]}}");
    for (size_t i = 0; i < COUNT(secrets); i++) {
        struct value secret = value_set_object(doc_root(namespace), str_of(secrets[i].name));
        autobuf struct buf encoded = {0};
        base64_encode(str_of(secrets[i].text), &encoded);
        value_set_str(secret, STR("type"), str_of(secrets[i].type));
        value_set_str(value_set_object(secret, STR("data")), str_of(secrets[i].key), buf_str(&encoded));
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    doc_free(namespace);
    doc_free(accounts);
    return 0;
}

/* What the Secrets with these names, with blanks between them, give for the image. */
static void check(const char *names, const char *image, const char *expected)
{
    autodoc struct doc *pod = doc_new();
    struct value references =
        value_ensure_array(value_ensure_object(doc_root(pod), STR("spec")), STR("imagePullSecrets"));
    struct str rest = str_of(names), name;
    while (str_split(&rest, ' ', &name))
        value_set_str(value_append_object(references), STR("name"), name);
    autobuf struct buf missing = {0};
    autodoc struct doc *found = pull_secrets(doc_root(pod), str_of(image), find, NULL, &missing);
    assert_json(value_get(doc_root(found), STR("files")), expected);
    assert_int_equal(missing.length, 0);
}

#define FILE_FOR(host, auth) "{\"auths\":{\"" host "\":{\"auth\":\"" auth "\"}}}"

static void test_a_password_is_for_the_registry_of_the_image(void **state)
{
    (void)state;
    check("here", "localhost/a:1", "[" FILE_FOR("localhost", "Yzpj") "]");
    check("here", "127.0.0.1:5000/app:1", "[" FILE_FOR("127.0.0.1:5000", "YTph") "]");
    check("here", "127.0.0.1:5001/app:1", "[]");
    check("here", "busybox:1", "[]");
    check("old", "127.0.0.1:5000/other/app@sha256:12", "[" FILE_FOR("127.0.0.1:5000", "ZDpk") "]");
    check("old", "127.0.0.1:5000/app:1", "[]");
}

static void test_all_that_fit_are_tried_the_longest_first(void **state)
{
    (void)state;
    check("here", "127.0.0.1:5000/team/app:1",
          "[" FILE_FOR("127.0.0.1:5000", "Yjpi") "," FILE_FOR("127.0.0.1:5000", "YTph") "]");
}

static void test_names_without_a_registry_are_dockers(void **state)
{
    (void)state;
    check("docker", "busybox:latest", "[" FILE_FOR("docker.io", "ZTpl") "]");
    check("docker", "team/app:1", "[" FILE_FOR("docker.io", "ZTpl") "," FILE_FOR("docker.io", "Zjpm") "]");
    check("docker", "localhost/team/app:1", "[]");
}

static void test_a_star_stands_for_one_part_of_a_host(void **state)
{
    (void)state;
    check("stars", "127.0.0.1:5000/app:1", "[" FILE_FOR("127.0.0.1:5000", "Zzpn") "]");
    check("stars", "registry.test/app:1", "[" FILE_FOR("registry.test", "ajpq") "]");
    check("stars", "registry.test:5000/app:1", "[]"); /* … and for no port */
}

static void test_what_is_no_such_secret_is_named_and_gives_nothing(void **state)
{
    (void)state;
    autodoc struct doc *pod = must_parse("{\"spec\":{\"imagePullSecrets\":[{\"name\":\"opaque\"},{\"name\":"
                                         "\"broken\"},{\"name\":\"here\"},{\"name\":\"nosuch\"}]}}");
    autobuf struct buf missing = {0}, all = {0};
    autodoc struct doc *found =
        pull_secrets(doc_root(pod), STR("127.0.0.1:5000/app:1"), find, NULL, &missing);
    assert_json(value_get(doc_root(found), STR("files")), "[" FILE_FOR("127.0.0.1:5000", "YTph") "]");
    assert_string_equal(missing.at, "opaque, broken, nosuch");
    autodoc struct doc *none = pull_secrets(doc_root(pod), STR("localhost/a:1"), NULL, NULL, &all);
    assert_json(doc_root(none), "{\"files\":[]}");
    assert_string_equal(all.at, "opaque, broken, here, nosuch");
}

static void test_a_pod_that_names_none_has_those_of_its_account(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *files;
    } rows[] = {
        {"{\"spec\":{}}", "[]"},
        {"{\"spec\":{\"serviceAccountName\":\"builder\"}}", "[" FILE_FOR("127.0.0.1:5000", "ZDpk") "]"},
        {"{\"spec\":{\"serviceAccountName\":\"builder\",\"imagePullSecrets\":[{\"name\":\"docker\"}]}}",
         "[]"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *pod = must_parse(rows[i].spec);
        autobuf struct buf missing = {0};
        autodoc struct doc *found =
            pull_secrets(doc_root(pod), STR("127.0.0.1:5000/other/app:1"), find, NULL, &missing);
        assert_json(value_get(doc_root(found), STR("files")), rows[i].files);
        assert_int_equal(missing.length, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_password_is_for_the_registry_of_the_image),
        cmocka_unit_test(test_all_that_fit_are_tried_the_longest_first),
        cmocka_unit_test(test_names_without_a_registry_are_dockers),
        cmocka_unit_test(test_a_star_stands_for_one_part_of_a_host),
        cmocka_unit_test(test_what_is_no_such_secret_is_named_and_gives_nothing),
        cmocka_unit_test(test_a_pod_that_names_none_has_those_of_its_account),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
