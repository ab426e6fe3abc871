/* Which files a volume has. */
#include "nodeagent/volume_files.h"
#include "nodeagent/volume_field.h"
#include "tests/unit/lib/test.h"

#define POD                                                                                    \
    "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"u-1\","                \
    "\"labels\":{\"b\":\"2\",\"a\":\"say \\\"x\\\"\\n\\u00e9\\u00a0\"},"                       \
    "\"annotations\":{\"lines\":\"z\\ny\"}},"                                                  \
    "\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"cpu\":\"1500m\"}," \
    "\"requests\":{\"memory\":\"65Mi\"}}}]}}"

#define OBJECTS                                                                                              \
    "{\"ConfigMap\":{\"app\":{\"metadata\":{\"name\":\"app\"},\"data\":{\"port\":\"80\",\"host\":\"h\\n\"}," \
    "\"binaryData\":{\"raw\":\"AAH/\"}}},"                                                                   \
    "\"Secret\":{\"key\":{\"metadata\":{\"name\":\"key\"},\"data\":{\"tls\":\"c2VjcmV0\"}},"                 \
    "\"bad\":{\"metadata\":{\"name\":\"bad\"},\"data\":{\"x\":\"***\"}}}}"

static struct value find(void *context, const char *kind, struct str name)
{
    return value_get(value_get(doc_root(context), str_of(kind)), name);
}

/* One line for each file: path mode bytes, those that can't be read as \xNN. Or the error's sentence. */
static char *make(const char *volume)
{
    autodoc struct doc *spec = must_parse(volume), *pod = must_parse(POD), *objects = must_parse(OBJECTS);
    autodoc struct doc *allocatable = must_parse("{\"cpu\":\"4\",\"memory\":\"1000\"}");
    struct volume_world world = {.pod = doc_root(pod),
                                 .find = find,
                                 .context = objects,
                                 .allocatable = doc_root(allocatable),
                                 .fs_group = -1};
    autofiles struct volume_files files = {0};
    autoerror struct error *error = NULL;
    struct buf out = {0};
    if (volume_files_make(doc_root(spec), &world, &files, &error) < 0) {
        buf_addf(&out, "%d: %s", error->number, error_message(error));
        return buf_take(&out);
    }
    for (size_t i = 0; i < files.count; i++) {
        buf_addf(&out, "%s %03o ", files.files[i].path, files.files[i].mode);
        for (size_t at = 0; at < files.files[i].bytes.length; at++) {
            unsigned char byte = (unsigned char)files.files[i].bytes.at[at];
            buf_addf(&out, byte < 0x20 || byte >= 0x7f ? "\\x%02x" : "%c", byte);
        }
        buf_add_char(&out, '|');
    }
    return buf_take(&out);
}

struct row {
    const char *volume, *expected;
};
static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        autofree char *made = make(rows[i].volume);
        assert_string_equal(made, rows[i].expected);
    }
}
#define CHECK_ROWS(rows) check_rows((rows), COUNT(rows))

static void test_without_items_every_key_is_a_file(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"configMap\":{\"name\":\"app\"}}", "host 644 h\\x0a|port 644 80|raw 644 \\x00\\x01\\xff|"},
        {"{\"configMap\":{\"name\":\"app\",\"defaultMode\":256}}",
         "host 400 h\\x0a|port 400 80|raw 400 \\x00\\x01\\xff|"},
        {"{\"secret\":{\"secretName\":\"key\"}}", "tls 644 secret|"},
        {"{\"emptyDir\":{}}", ""},
    };
    CHECK_ROWS(rows);
}

static void test_items_choose_keys_paths_and_modes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"port\",\"path\":\"b//./c\",\"mode\":511},"
         "{\"key\":\"raw\",\"path\":\"a\"}]}}",
         "a 644 \\x00\\x01\\xff|b/c 777 80|"},
        {"{\"secret\":{\"secretName\":\"key\",\"defaultMode\":256,"
         "\"items\":[{\"key\":\"tls\",\"path\":\"x\"},{\"key\":\"tls\",\"path\":\"y\"}]}}",
         "x 400 secret|y 400 secret|"},
    };
    CHECK_ROWS(rows);
}

static void test_what_is_absent_is_an_error_unless_it_is_optional(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"configMap\":{\"name\":\"no\"}}", "2: configmap \"no\" not found"},
        {"{\"secret\":{\"secretName\":\"no\"}}", "2: secret \"no\" not found"},
        {"{\"configMap\":{\"name\":\"no\",\"optional\":true}}", ""},
        {"{\"secret\":{\"secretName\":\"no\",\"optional\":true,\"items\":[{\"key\":\"a\",\"path\":\"a\"}]}}",
         ""},
        {"{\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"no\",\"path\":\"a\"}]}}",
         "2: configmap references non-existent config key: no"},
        {"{\"secret\":{\"secretName\":\"key\",\"items\":[{\"key\":\"no\",\"path\":\"a\"}]}}",
         "2: references non-existent secret key: no"},
        {"{\"configMap\":{\"name\":\"app\",\"optional\":true,\"items\":[{\"key\":\"no\",\"path\":\"a\"},"
         "{\"key\":\"port\",\"path\":\"b\"}]}}",
         "b 644 80|"},
        {"{\"secret\":{\"secretName\":\"bad\"}}", "22: secret \"bad\": the value of \"x\" is not base64"},
    };
    CHECK_ROWS(rows);
}

static void test_paths_stay_in_the_volume(void **state)
{
    (void)state;
    static const struct {
        const char *path, *expected;
    } rows[] = {
        {"", "22: invalid path: must not be empty: \"\""},
        {"/etc/x", "22: invalid path: must be relative path: /etc/x"},
        {"..", "22: invalid path: must not contain '..': .."},
        {"a/../../x", "22: invalid path: must not contain '..': a/../../x"},
        {"..data", "22: invalid path: must not start with '..': ..data"},
        {"./..data/x", "22: invalid path: must not start with '..': ./..data/x"},
        {".", "22: invalid path: must name a file: ."},
        {"./", "22: invalid path: must name a file: ./"},
        {"a\\u0000b", "22: invalid path: must not contain a NUL character"},
        {".x", ".x 644 80|"},
        {"a/..b", "a/..b 644 80|"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf volume = {0};
        buf_addf(&volume, "{\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"port\",\"path\":\"%s\"}]}}",
                 rows[i].path);
        autofree char *made = make(volume.at);
        assert_string_equal(made, rows[i].expected);
    }
    char name[300];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    autobuf struct buf volume = {0};
    buf_addf(
        &volume,
        "{\"downwardAPI\":{\"items\":[{\"path\":\"%s\",\"fieldRef\":{\"fieldPath\":\"metadata.uid\"}}]}}",
        name);
    autofree char *made = make(volume.at);
    assert_string_equal(made, "22: invalid path: filenames must be less than or equal to 255 characters");
}

#define FIELD(path, field) "{\"path\":\"" path "\",\"fieldRef\":{\"fieldPath\":\"" field "\"}}"
#define DOWNWARD(items)    "{\"downwardAPI\":{\"items\":[" items "]}}"

static void test_fields_of_the_pod(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {DOWNWARD(
             FIELD("a", "metadata.name") "," FIELD("b", "metadata.namespace") "," FIELD("c", "metadata.uid")),
         "a 644 web-1|b 644 shop|c 644 u-1|"},
        {DOWNWARD(FIELD("l", "metadata.labels")),
         "l 644 a=\"say \\\"x\\\"\\n\\xc3\\xa9\\u00a0\"\\x0ab=\"2\"|"},
        {DOWNWARD(FIELD("l", "metadata.labels['b']") "," FIELD("n", "metadata.labels['no']")),
         "l 644 2|n 644 |"},
        /* kubelet sorts the lines of any value */
        {DOWNWARD(FIELD("l", "metadata.annotations['lines']")), "l 644 y\\x0az|"},
        {DOWNWARD(FIELD("l", "metadata.annotations['']")), "l 644 |"},
        {DOWNWARD(FIELD("l", "status.podIP")), "22: unsupported fieldPath: status.podIP"},
        {DOWNWARD(FIELD("l", "metadata.no") "," FIELD("..", "metadata.name")),
         "22: [unsupported fieldPath: metadata.no, invalid path: must not contain '..': ..]"},
    };
    CHECK_ROWS(rows);
}

static void test_resources_are_counted_in_units_of_the_divisor(void **state)
{
    (void)state;
    static const struct {
        const char *reference, *expected;
    } rows[] = {
        {"{\"containerName\":\"c\",\"resource\":\"limits.cpu\"}", "r 644 2|"},
        {"{\"containerName\":\"c\",\"resource\":\"limits.cpu\",\"divisor\":\"1m\"}", "r 644 1500|"},
        {"{\"containerName\":\"c\",\"resource\":\"limits.cpu\",\"divisor\":\"0\"}", "r 644 2|"},
        {"{\"containerName\":\"c\",\"resource\":\"requests.memory\",\"divisor\":\"2Mi\"}", "r 644 33|"},
        {"{\"containerName\":\"c\",\"resource\":\"limits.memory\"}", "r 644 1000|"}, /* the node's */
        {"{\"containerName\":\"c\",\"resource\":\"requests.cpu\"}", "r 644 2|"},     /* the limit */
        {"{\"containerName\":\"c\",\"resource\":\"requests.ephemeral-storage\"}", "r 644 0|"},
        {"{\"containerName\":\"no\",\"resource\":\"limits.cpu\"}", "22: container no not found"},
        {"{\"containerName\":\"c\",\"resource\":\"limits.gpu\"}",
         "22: Unsupported container resource : limits.gpu"},
        {"{\"containerName\":\"c\",\"resource\":\"cpu\"}", "22: Unsupported container resource : cpu"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf volume = {0};
        buf_addf(&volume, DOWNWARD("{\"path\":\"r\",\"resourceFieldRef\":%s}"), rows[i].reference);
        autofree char *made = make(volume.at);
        assert_string_equal(made, rows[i].expected);
    }
}

static void test_projected_sources_are_put_together_and_the_later_wins(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"projected\":{\"defaultMode\":292,\"sources\":["
         "{\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"port\",\"path\":\"same\"}]}},"
         "{\"secret\":{\"name\":\"key\",\"items\":[{\"key\":\"tls\",\"path\":\"./same\",\"mode\":256}]}},"
         "{\"downwardAPI\":{\"items\":[" FIELD("d/name", "metadata.name") "]}}]}}",
         "d/name 444 web-1|same 400 secret|"},
        {"{\"projected\":{\"sources\":[{\"configMap\":{\"name\":\"x\"}},{\"secret\":{\"name\":\"y\"}},"
         "{\"secret\":{\"name\":\"z\",\"optional\":true}}]}}",
         "2: [configmap \"x\" not found, secret \"y\" not found]"},
    };
    CHECK_ROWS(rows);
}

static void test_tokens_are_said_to_be_unsupported(void **state)
{
    (void)state;
    autodoc struct doc *with = must_parse("{\"serviceAccountToken\":{}}");
    autodoc struct doc *without = must_parse("{\"secret\":{}}");
    assert_string_equal(volume_files_unsupported(doc_root(with)), "serviceAccountToken");
    assert_null(volume_files_unsupported(doc_root(without)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_items_every_key_is_a_file),
        cmocka_unit_test(test_items_choose_keys_paths_and_modes),
        cmocka_unit_test(test_what_is_absent_is_an_error_unless_it_is_optional),
        cmocka_unit_test(test_paths_stay_in_the_volume),
        cmocka_unit_test(test_fields_of_the_pod),
        cmocka_unit_test(test_resources_are_counted_in_units_of_the_divisor),
        cmocka_unit_test(test_projected_sources_are_put_together_and_the_later_wins),
        cmocka_unit_test(test_tokens_are_said_to_be_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
