/* What the OCI runtime is told of a container's volumes. */
#include "nodeagent/volume_mounts.h"
#include "tests/unit/lib/test.h"

#define POD                                                                            \
    "{\"spec\":{\"volumes\":[{\"name\":\"data\",\"emptyDir\":{}},{\"name\":\"bare\"}," \
    "{\"name\":\"host\",\"hostPath\":{\"path\":\"/srv/"                                \
    "x\"}},{\"name\":\"conf\",\"configMap\":{\"name\":\"a\"}},"                        \
    "{\"name\":\"claim\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]}}"

/* The array of mounts, or the sentence of the error; "!" before it when something has changed in spite of it.
 */
static char *make(const char *before, const char *container_mounts, bool recursive, const char **propagation)
{
    autobuf struct buf text = {0};
    buf_addf(&text, "{\"name\":\"c\",\"volumeMounts\":[%s]}", container_mounts);
    autodoc struct doc *pod = must_parse(POD), *container = must_parse(text.at), *mounts = must_parse(before);
    autodoc struct doc *variables = must_parse("{\"NAME\":\"web-1\",\"UP\":\"../x\",\"NONE\":\"\"}");
    struct volume_mounts wanted = {.pod = doc_root(pod),
                                   .container = doc_root(container),
                                   .variables = doc_root(variables),
                                   .volumes = "/v",
                                   .recursive_read_only = recursive};
    autoerror struct error *error = NULL;
    struct buf out = {0};
    if (volume_mounts_add(&wanted, doc_root(mounts), propagation, &error) == 0) {
        value_write(&out, doc_root(mounts));
    } else {
        autodoc struct doc *same = must_parse(before);
        buf_addf(&out, "%s%s", value_equal(doc_root(mounts), doc_root(same)) ? "" : "!",
                 error_message(error));
    }
    return buf_take(&out);
}

struct row {
    const char *mount, *expected;
};
static void check_rows(const struct row *rows, size_t count, bool recursive)
{
    for (size_t i = 0; i < count; i++) {
        const char *propagation;
        autofree char *made = make("[]", rows[i].mount, recursive, &propagation);
        assert_string_equal(made, rows[i].expected);
    }
}

#define MOUNT(name, more) "{\"name\":\"" name "\",\"mountPath\":\"/m\"" more "}"
#define BOUND(source, propagation, access)                            \
    "[{\"destination\":\"/m\",\"type\":\"bind\",\"source\":\"" source \
    "\",\"options\":[\"rbind\",\"" propagation "\",\"" access "\"]}]"

static void test_a_volume_is_bound_from_where_it_lies(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {MOUNT("data", ""), BOUND("/v/emptyDir~data", "rprivate", "rw")},
        {MOUNT("bare", ""), BOUND("/v/emptyDir~bare", "rprivate", "rw")},
        {MOUNT("host", ""), BOUND("/srv/x", "rprivate", "rw")},
        {MOUNT("host", ",\"readOnly\":true"), BOUND("/srv/x", "rprivate", "ro")},
        {MOUNT("conf", ""), BOUND("/v/configMap~conf", "rprivate", "ro")},
        {MOUNT("data", ",\"mountPropagation\":\"HostToContainer\""),
         BOUND("/v/emptyDir~data", "rslave", "rw")},
        {MOUNT("no", ""), "cannot find volume \"no\" to mount into container \"c\""},
        {MOUNT("claim", ""), "cannot find volume \"claim\" to mount into container \"c\""},
        {MOUNT("data", ",\"mountPropagation\":\"Sideways\""), "mountPropagation \"Sideways\" is none"},
    };
    check_rows(rows, COUNT(rows), false);
}

static void test_a_sub_path_is_bound_from_its_own_place(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {MOUNT("data", ",\"subPath\":\"a/b\""), BOUND("/v/subPath~c/0", "rprivate", "rw")},
        {MOUNT("data", ",\"subPathExpr\":\"$(NAME)/x\""), BOUND("/v/subPath~c/0", "rprivate", "rw")},
        {MOUNT("data", ",\"subPathExpr\":\"$$(NO)\""), BOUND("/v/subPath~c/0", "rprivate", "rw")},
        {MOUNT("data", ",\"subPathExpr\":\"$(NONE)\""), BOUND("/v/emptyDir~data", "rprivate", "rw")},
        {MOUNT("data", ",\"subPath\":\"\""), BOUND("/v/emptyDir~data", "rprivate", "rw")},
        {MOUNT("data", ",\"subPathExpr\":\"$(NAME)$(NO)\""), "missing value for \"NO\""},
        {MOUNT("data", ",\"subPathExpr\":\"$(UP)\""),
         "unable to provision SubPath `../x`: must not contain '..'"},
        {MOUNT("data", ",\"subPath\":\"/etc\""), "error SubPath `/etc` must not be an absolute path"},
        {MOUNT("data", ",\"subPath\":\"a..b/..c\""), BOUND("/v/subPath~c/0", "rprivate", "rw")},
    };
    check_rows(rows, COUNT(rows), false);
}

#define RECURSIVE(mode, more) MOUNT("host", ",\"recursiveReadOnly\":\"" mode "\"" more)
#define READ_ONLY             ",\"readOnly\":true"
static void test_recursive_read_only_is_kept_or_refused(void **state)
{
    (void)state;
    static const struct row able[] = {
        {RECURSIVE("Enabled", READ_ONLY), BOUND("/srv/x", "rprivate", "rro")},
        {RECURSIVE("IfPossible", READ_ONLY), BOUND("/srv/x", "rprivate", "rro")},
        {RECURSIVE("Disabled", READ_ONLY), BOUND("/srv/x", "rprivate", "ro")},
        {RECURSIVE("Enabled", ""),
         "volume \"host\" requested recursive read-only mode, but it is not read-only"},
        {RECURSIVE("Enabled", READ_ONLY ",\"mountPropagation\":\"Bidirectional\""),
         "volume \"host\" requested recursive read-only mode, but it is not compatible with propagation "
         "\"Bidirectional\""},
    };
    check_rows(able, COUNT(able), true);
    static const struct row unable[] = {
        {RECURSIVE("IfPossible", READ_ONLY), BOUND("/srv/x", "rprivate", "ro")},
        {RECURSIVE("Enabled", READ_ONLY),
         "volume \"host\" requested recursive read-only mode, but it is not supported by the runtime"},
    };
    check_rows(unable, COUNT(unable), false);
}

/* Only the destinations, in their order, with the last letter of the source. */
static void assert_order(const char *before, const char *mounts, const char *expected)
{
    const char *propagation;
    autofree char *made = make(before, mounts, false, &propagation);
    autodoc struct doc *doc = must_parse(made);
    autobuf struct buf order = {0};
    value_each (mount, doc_root(doc))
        buf_addf(&order, STR_FORMAT "<" STR_FORMAT " ",
                 STR_ARGS(value_str(value_get(mount, STR("destination")))),
                 STR_ARGS(value_str(value_get(mount, STR("source")))));
    assert_str(buf_str(&order), expected);
}

#define EXISTING                                                                                      \
    "[{\"destination\":\"/proc\",\"source\":\"proc\"},{\"destination\":\"/dev\",\"source\":\"dev\"}," \
    "{\"destination\":\"/dev/shm\",\"source\":\"shm\"},{\"destination\":\"/etc/"                      \
    "hosts\",\"source\":\"hosts\"}]"
#define AT(path) "{\"name\":\"data\",\"mountPath\":\"" path "\"}"

static void test_no_mount_hides_another_and_the_containers_own_wins(void **state)
{
    (void)state;
    assert_order(EXISTING, "", "/proc<proc /dev<dev /dev/shm<shm /etc/hosts<hosts ");
    assert_order(EXISTING, AT("/etc/hosts"), "/proc<proc /dev<dev /dev/shm<shm /etc/hosts</v/emptyDir~data ");
    assert_order(EXISTING, AT("/dev//./shm/"),
                 "/proc<proc /dev<dev /etc/hosts<hosts /dev/shm</v/emptyDir~data ");
    assert_order(EXISTING, AT("/etc"),
                 "/proc<proc /dev<dev /etc</v/emptyDir~data /dev/shm<shm /etc/hosts<hosts ");
    assert_order("[]", AT("/a/b/c") "," AT("x/../a") "," AT("/a/b"),
                 "/a</v/emptyDir~data /a/b</v/emptyDir~data /a/b/c</v/emptyDir~data ");
}

static void test_the_root_is_not_mounted_over(void **state)
{
    (void)state;
    static const char *const paths[] = {AT("/"), AT(""), AT("/a/.."), AT("/../..")};
    for (size_t i = 0; i < COUNT(paths); i++) {
        const char *propagation;
        autofree char *made = make(EXISTING, paths[i], false, &propagation);
        assert_string_equal(made, "volume \"data\" can't be mounted over the root directory");
    }
}

static void test_the_root_is_propagated_as_far_as_the_widest_mount_needs(void **state)
{
    (void)state;
    static const struct {
        const char *mounts, *root;
    } rows[] = {
        {AT("/a"), NULL},
        {MOUNT("data", ",\"mountPropagation\":\"HostToContainer\"") "," AT("/a"), "rslave"},
        {MOUNT("data",
               ",\"mountPropagation\":\"Bidirectional\"") ","
                                                          "{\"name\":\"data\",\"mountPath\":\"/"
                                                          "b\",\"mountPropagation\":\"HostToContainer\"}",
         "rshared"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *propagation = "unset";
        autofree char *made = make("[]", rows[i].mounts, false, &propagation);
        if (rows[i].root == NULL)
            assert_null(propagation);
        else
            assert_string_equal(propagation, rows[i].root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_volume_is_bound_from_where_it_lies),
        cmocka_unit_test(test_a_sub_path_is_bound_from_its_own_place),
        cmocka_unit_test(test_recursive_read_only_is_kept_or_refused),
        cmocka_unit_test(test_no_mount_hides_another_and_the_containers_own_wins),
        cmocka_unit_test(test_the_root_is_not_mounted_over),
        cmocka_unit_test(test_the_root_is_propagated_as_far_as_the_widest_mount_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
