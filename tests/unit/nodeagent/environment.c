/* A container's environment, by Kubernetes' rules. */
#include "nodeagent/environment.h"
#include "tests/unit/lib/test.h"

/* What the pod names can be found in, and what it was warned of. */
struct world {
    struct value objects; /* {"ConfigMap": {name: …}, "Secret": {…}} */
    struct buf warnings;
};

static struct value find(void *context, const char *kind, struct str name)
{
    struct world *world = context;
    return value_get(value_get(world->objects, str_of(kind)), name);
}

static void warn(void *context, const char *sentence)
{
    struct world *world = context;
    buf_addf(&world->warnings, "%s\n", sentence);
}

/* "s" has a password, a file whose bytes are no text, and what isn't base64. */
#define OBJECTS                                                                                  \
    "{\"ConfigMap\":{\"c\":{\"data\":{\"A\":\"from c\",\"1.log-level\":\"info\",\"EMPTY\":\"\"," \
    "\"REF\":\"$(A)\"},\"binaryData\":{\"raw\":\"AAE=\"}},\"d\":{\"data\":{\"A\":\"from d\"}},"  \
    "\"none\":{},\"nul\":{\"data\":{\"A\":\"a\\u0000b\"}}},"                                     \
    "\"Secret\":{\"s\":{\"data\":{\"password\":\"aHVudGVyMg==\",\"A\":\"ZnJvbSBz\"}},"           \
    "\"raw\":{\"data\":{\"bytes\":\"/w==\"}},\"bad\":{\"data\":{\"password\":\"hunter2 is not!\"}}}}"

#define POD                                                                                \
    "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"1f0c\","           \
    "\"labels\":{\"app\":\"web\",\"example.com/tier\":\"front\"},"                         \
    "\"annotations\":{\"note\":\"it's ['odd']\"}},"                                        \
    "\"spec\":{\"nodeName\":\"n1\",\"serviceAccountName\":\"default\",\"hostNetwork\":%s," \
    "\"containers\":[{\"name\":\"other\",\"resources\":{\"limits\":{\"cpu\":\"1500m\"},"   \
    "\"requests\":{\"memory\":\"64Mi\"}}}],"                                               \
    "\"initContainers\":[{\"name\":\"first\",\"resources\":{\"requests\":{\"cpu\":\"10m\"}}}]}}"

#define ALLOCATABLE \
    "{\"cpu\":\"3920m\",\"memory\":\"2Gi\",\"ephemeral-storage\":\"10G\",\"hugepages-2Mi\":\"4Mi\"}"

struct setting {
    const char *container, *services;
    const char *pod_addresses;
    bool host_network;
};

/* The variables as JSON, or the error's sentence; then the warnings. */
static void make(const struct setting *setting, struct buf *result, struct buf *warnings)
{
    autobuf struct buf pod_text = {0};
    buf_addf(&pod_text, POD, setting->host_network ? "true" : "false");
    autodoc struct doc *objects = must_parse(OBJECTS), *pod = must_parse(pod_text.at),
                       *container = must_parse(setting->container), *allocatable = must_parse(ALLOCATABLE),
                       *services = setting->services != NULL ? must_parse(setting->services) : NULL;
    struct world world = {.objects = doc_root(objects)};
    struct environment_input input = {.pod = doc_root(pod),
                                      .container = doc_root(container),
                                      .allocatable = doc_root(allocatable),
                                      .services = doc_root(services),
                                      .pod_addresses = setting->pod_addresses,
                                      .host_addresses = "192.0.2.7,2001:db8::7",
                                      .find = find,
                                      .warn = warn,
                                      .context = &world};
    autoerror struct error *error = NULL;
    autodoc struct doc *variables = environment_variables(&input, &error);
    assert_true((variables == NULL) == (error != NULL));
    if (variables != NULL)
        value_write(result, doc_root(variables));
    else
        buf_addf(result, "%s: %s", strerrorname_np(error->number), error_message(error));
    *warnings = world.warnings;
}

static void assert_made(const struct setting *setting, const char *expected, const char *expected_warnings)
{
    autobuf struct buf result = {0}, warnings = {0};
    make(setting, &result, &warnings);
    assert_string_equal(result.at, expected);
    assert_string_equal(warnings.at != NULL ? warnings.at : "", expected_warnings);
}

static void assert_variables(const char *container, const char *expected)
{
    assert_made(&(struct setting){.container = container}, expected, "");
}

/* One variable X, made from `source`. */
static void assert_value(const char *source, const char *expected)
{
    autobuf struct buf container = {0}, whole = {0};
    buf_addf(&container, "{\"env\":[{\"name\":\"X\",\"valueFrom\":%s}]}", source);
    buf_addf(&whole, "{\"X\":\"%s\"}", expected);
    assert_variables(container.at, whole.at);
}

static void assert_refused(const char *source, const char *sentence)
{
    autobuf struct buf container = {0};
    buf_addf(&container, "{\"env\":[{\"name\":\"X\",\"valueFrom\":%s}]}", source);
    assert_variables(container.at, sentence);
}

/* ---- plain values ---- */

static void test_a_value_sees_the_variables_before_it_only(void **state)
{
    (void)state;
    assert_variables("{\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"$(A)$(C)\"},"
                     "{\"name\":\"C\",\"value\":\"$(B)$$(A)$A\"}]}",
                     "{\"A\":\"1\",\"B\":\"1$(C)\",\"C\":\"1$(C)$(A)$A\"}");
}

static void test_a_variable_can_be_made_from_its_former_self_and_be_empty(void **state)
{
    (void)state;
    assert_variables("{\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"A\",\"value\":\"$(A)2\"},"
                     "{\"name\":\"B\"},{\"name\":\"C\",\"value\":\"<$(B)>\"}]}",
                     "{\"A\":\"12\",\"B\":\"\",\"C\":\"<>\"}");
}

static void test_what_the_image_sets_is_not_known_to_the_pod(void **state)
{
    (void)state;
    assert_variables("{\"env\":[{\"name\":\"A\",\"value\":\"$(PATH):$(HOSTNAME):$(HOME)\"}]}",
                     "{\"A\":\"$(PATH):$(HOSTNAME):$(HOME)\"}");
}

static void test_services_lie_below_all_and_can_be_referred_to(void **state)
{
    (void)state;
    assert_made(&(struct setting){.services = "{\"DB_HOST\":\"10.0.0.9\",\"A\":\"service\"}",
                                  .container = "{\"envFrom\":[{\"configMapRef\":{\"name\":\"d\"}}],"
                                               "\"env\":[{\"name\":\"URL\",\"value\":\"$(DB_HOST)/$(A)\"}]}"},
                "{\"DB_HOST\":\"10.0.0.9\",\"A\":\"from d\",\"URL\":\"10.0.0.9/from d\"}", "");
}

/* ---- envFrom ---- */

static void test_later_sources_and_then_env_win(void **state)
{
    (void)state;
    assert_variables("{\"envFrom\":[{\"configMapRef\":{\"name\":\"d\"}},{\"secretRef\":{\"name\":\"s\"}}]}",
                     "{\"A\":\"from s\",\"password\":\"hunter2\"}");
    assert_variables("{\"envFrom\":[{\"secretRef\":{\"name\":\"s\"}},{\"configMapRef\":{\"name\":\"d\"}}],"
                     "\"env\":[{\"name\":\"B\",\"value\":\"$(A)\"},{\"name\":\"A\",\"value\":\"own\"}]}",
                     "{\"password\":\"hunter2\",\"A\":\"own\",\"B\":\"from d\"}");
}

/* Values of ConfigMaps stay as they are; keys with digits, dots and dashes are names since 1.30; binaryData
 * is none. */
static void test_the_whole_of_a_config_map_comes_with_a_prefix(void **state)
{
    (void)state;
    assert_variables("{\"envFrom\":[{\"prefix\":\"P_\",\"configMapRef\":{\"name\":\"c\"}},"
                     "{\"configMapRef\":{\"name\":\"none\"}}]}",
                     "{\"P_A\":\"from c\",\"P_1.log-level\":\"info\",\"P_EMPTY\":\"\",\"P_REF\":\"$(A)\"}");
    assert_variables("{\"envFrom\":[{\"configMapRef\":{\"name\":\"c\"}}]}",
                     "{\"A\":\"from c\",\"1.log-level\":\"info\",\"EMPTY\":\"\",\"REF\":\"$(A)\"}");
}

static void test_keys_that_make_no_name_are_skipped_and_listed_in_order(void **state)
{
    (void)state;
    assert_made(
        &(struct setting){.container = "{\"envFrom\":[{\"prefix\":\"a=\",\"secretRef\":{\"name\":\"s\"}},"
                                       "{\"prefix\":\"\\u00fc\",\"configMapRef\":{\"name\":\"d\"}},"
                                       "{\"configMapRef\":{\"name\":\"d\"}}]}"},
        "{\"A\":\"from d\"}",
        "Keys [a=A, a=password] from the EnvFrom secret shop/s were skipped since they are considered "
        "invalid environment variable names.\n"
        "Keys [\xc3\xbc"
        "A] from the EnvFrom configMap shop/d were skipped since they are considered "
        "invalid environment variable names.\n");
}

static void test_an_absent_source_stops_it_unless_it_is_optional(void **state)
{
    (void)state;
    assert_variables("{\"envFrom\":[{\"configMapRef\":{\"name\":\"x\"}}]}",
                     "ENOENT: configmap \"x\" not found");
    assert_variables("{\"envFrom\":[{\"secretRef\":{\"name\":\"x\",\"optional\":false}}]}",
                     "ENOENT: secret \"x\" not found");
    assert_variables("{\"envFrom\":[{\"configMapRef\":{\"name\":\"x\",\"optional\":true}},"
                     "{\"secretRef\":{\"name\":\"x\",\"optional\":true}}]}",
                     "{}");
    /* of another kind */
    assert_variables("{\"envFrom\":[{\"configMapRef\":{\"name\":\"s\"}}]}",
                     "ENOENT: configmap \"s\" not found");
}

/* ---- keys ---- */

static void test_keys_of_config_maps_and_secrets(void **state)
{
    (void)state;
    assert_value("{\"configMapKeyRef\":{\"name\":\"c\",\"key\":\"1.log-level\"}}", "info");
    assert_value("{\"configMapKeyRef\":{\"name\":\"c\",\"key\":\"EMPTY\"}}", "");
    assert_value("{\"configMapKeyRef\":{\"name\":\"c\",\"key\":\"REF\"}}", "$(A)");
    assert_value("{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"password\"}}", "hunter2");
}

static void test_absent_keys_and_objects_are_named_as_kubernetes_does(void **state)
{
    (void)state;
    assert_refused("{\"configMapKeyRef\":{\"name\":\"x\",\"key\":\"k\"}}",
                   "ENOENT: configmap \"x\" not found");
    assert_refused("{\"secretKeyRef\":{\"name\":\"x\",\"key\":\"k\"}}", "ENOENT: secret \"x\" not found");
    assert_refused("{\"configMapKeyRef\":{\"name\":\"c\",\"key\":\"k\"}}",
                   "ENOENT: couldn't find key k in ConfigMap shop/c");
    assert_refused("{\"configMapKeyRef\":{\"name\":\"c\",\"key\":\"raw\"}}",
                   "ENOENT: couldn't find key raw in ConfigMap shop/c");
    assert_refused("{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"k\"}}",
                   "ENOENT: couldn't find key k in Secret shop/s");
}

/* It isn't set at all, so what is known by that name before stays. */
static void test_an_optional_key_that_is_absent_leaves_the_variable_alone(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "{\"configMapKeyRef\":{\"name\":\"x\",\"key\":\"k\",\"optional\":true}}",
        "{\"configMapKeyRef\":{\"name\":\"c\",\"key\":\"k\",\"optional\":true}}",
        "{\"secretKeyRef\":{\"name\":\"x\",\"key\":\"k\",\"optional\":true}}",
        "{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"k\",\"optional\":true}}",
    };
    for (size_t i = 0; i < COUNT(sources); i++) {
        autobuf struct buf container = {0};
        buf_addf(
            &container,
            "{\"envFrom\":[{\"configMapRef\":{\"name\":\"d\"}}],\"env\":[{\"name\":\"A\",\"valueFrom\":%s},"
            "{\"name\":\"B\",\"valueFrom\":%s},{\"name\":\"C\",\"value\":\"$(A)$(B)\"}]}",
            sources[i], sources[i]);
        assert_variables(container.at, "{\"A\":\"from d\",\"C\":\"from d$(B)\"}");
    }
}

static void test_no_sentence_quotes_a_secret(void **state)
{
    (void)state;
    assert_refused("{\"secretKeyRef\":{\"name\":\"bad\",\"key\":\"password\"}}",
                   "EINVAL: key password in Secret shop/bad is not base64");
    assert_refused("{\"secretKeyRef\":{\"name\":\"raw\",\"key\":\"bytes\"}}",
                   "EILSEQ: the value for variable X is no text");
    assert_variables("{\"envFrom\":[{\"secretRef\":{\"name\":\"raw\"}}]}",
                     "EILSEQ: the value for variable bytes is no text");
    assert_variables("{\"envFrom\":[{\"configMapRef\":{\"name\":\"nul\"}}]}",
                     "EILSEQ: the value for variable A is no text");
    assert_variables("{\"env\":[{\"name\":\"A\",\"value\":\"a\\u0000\"}]}",
                     "EILSEQ: the value for variable A is no text");
}

/* ---- fields ---- */

static void assert_field(const char *path, const char *expected)
{
    autobuf struct buf source = {0};
    buf_addf(&source, "{\"fieldRef\":{\"fieldPath\":\"%s\"}}", path);
    assert_value(source.at, expected);
}

static void test_fields_of_the_pod(void **state)
{
    (void)state;
    assert_field("metadata.name", "web-1");
    assert_field("metadata.namespace", "shop");
    assert_field("metadata.uid", "1f0c");
    assert_field("metadata.labels['app']", "web");
    assert_field("metadata.labels['example.com/tier']", "front");
    assert_field("metadata.labels['none']", "");
    assert_field("metadata.annotations['note']", "it's ['odd']");
    assert_field("metadata.annotations['app']", "");
    assert_field("spec.nodeName", "n1");
    assert_field("spec.serviceAccountName", "default");
    assert_field("status.hostIP", "192.0.2.7");
    assert_field("status.hostIPs", "192.0.2.7,2001:db8::7");
}

static void test_other_fields_are_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {"status.phase",         "metadata.labels",   "metadata.labels['app'",
                                        "metadata.labels[app]", "metadata.labels['", "metadata.labels[']"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        autobuf struct buf source = {0}, sentence = {0};
        buf_addf(&source, "{\"fieldRef\":{\"fieldPath\":\"%s\"}}", paths[i]);
        buf_addf(&sentence, "EINVAL: field label not supported: %s", paths[i]);
        assert_refused(source.at, sentence.at);
    }
}

static void test_the_pods_addresses_are_the_hosts_on_its_network(void **state)
{
    (void)state;
    struct setting setting = {
        .container =
            "{\"env\":[{\"name\":\"A\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.podIP\"}}},"
            "{\"name\":\"B\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.podIPs\"}}}]}",
        .pod_addresses = "10.1.0.7,fd01::7",
    };
    assert_made(&setting, "{\"A\":\"10.1.0.7\",\"B\":\"10.1.0.7,fd01::7\"}", "");
    setting.pod_addresses = "10.1.0.7";
    assert_made(&setting, "{\"A\":\"10.1.0.7\",\"B\":\"10.1.0.7\"}", "");
    setting.pod_addresses = NULL;
    assert_made(&setting, "{\"A\":\"\",\"B\":\"\"}", "");
    setting.host_network = true;
    assert_made(&setting, "{\"A\":\"192.0.2.7\",\"B\":\"192.0.2.7,2001:db8::7\"}", "");
}

/* ---- resources ---- */

static void test_resources_are_divided_and_rounded_up(void **state)
{
    (void)state;
    static const char resources[] =
        "{\"limits\":{\"cpu\":\"1500m\",\"memory\":\"100Mi\",\"hugepages-2Mi\":\"6Mi\","
        "\"ephemeral-storage\":\"1G\"},\"requests\":{\"cpu\":0.25,\"memory\":\"0\"}}";
    static const struct {
        const char *resource, *divisor, *expected;
    } rows[] = {
        {"limits.cpu", "0", "2"},
        {"limits.cpu", "1", "2"},
        {"limits.cpu", "1m", "1500"},
        {"requests.cpu", "0", "1"},
        {"requests.cpu", "1m", "250"},
        {"limits.memory", "0", "104857600"},
        {"limits.memory", "1Mi", "100"},
        {"limits.memory", "1M", "105"},
        {"limits.memory", "1Gi", "1"},
        {"requests.memory", "1", "0"},
        {"limits.ephemeral-storage", "1Mi", "954"},
        {"requests.ephemeral-storage", "1M", "1000"}, /* the limit, where there is no request */
        {"limits.hugepages-2Mi", "1Mi", "6"},
        {"requests.hugepages-2Mi", "1Mi", "6"},
        {"limits.hugepages-1Gi", "1", "0"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf container = {0}, expected = {0};
        buf_addf(&container,
                 "{\"resources\":%s,\"env\":[{\"name\":\"X\",\"valueFrom\":{\"resourceFieldRef\":"
                 "{\"resource\":\"%s\",\"divisor\":\"%s\"}}}]}",
                 resources, rows[i].resource, rows[i].divisor);
        buf_addf(&expected, "{\"X\":\"%s\"}", rows[i].expected);
        assert_variables(container.at, expected.at);
    }
}

static void assert_resource(const char *resource, const char *of, const char *expected)
{
    autobuf struct buf source = {0};
    buf_addf(&source, "{\"resourceFieldRef\":{\"resource\":\"%s\",\"containerName\":\"%s\"}}", resource, of);
    assert_value(source.at, expected);
}

static void test_what_the_node_has_stands_for_limits_that_are_not_set(void **state)
{
    (void)state;
    assert_resource("limits.cpu", "", "4");
    assert_resource("limits.memory", "", "2147483648");
    assert_resource("limits.ephemeral-storage", "", "10000000000");
    /* not for these, nor for requests */
    assert_resource("limits.hugepages-2Mi", "", "0");
    assert_resource("requests.cpu", "", "0");
    /* a limit of 0 is none */
    assert_variables("{\"resources\":{\"limits\":{\"cpu\":\"0\"}},\"env\":[{\"name\":\"X\",\"valueFrom\":"
                     "{\"resourceFieldRef\":{\"resource\":\"limits.cpu\"}}}]}",
                     "{\"X\":\"4\"}");
}

static void test_resources_of_another_container(void **state)
{
    (void)state;
    assert_resource("limits.cpu", "other", "2");
    assert_resource("limits.memory", "other", "2147483648");
    assert_resource("requests.memory", "other", "67108864");
    assert_resource("requests.cpu", "first", "1");
    assert_resource("limits.cpu", "first", "0");
    assert_refused("{\"resourceFieldRef\":{\"resource\":\"limits.cpu\",\"containerName\":\"nobody\"}}",
                   "EINVAL: container nobody not found");
}

static void test_other_resources_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"limits.gpu", "cpu", "limits", "limits.", "uses.cpu", "limits.cpus"};
    for (size_t i = 0; i < COUNT(names); i++) {
        autobuf struct buf source = {0}, sentence = {0};
        buf_addf(&source, "{\"resourceFieldRef\":{\"resource\":\"%s\"}}", names[i]);
        buf_addf(&sentence, "EINVAL: Unsupported container resource : %s", names[i]);
        assert_refused(source.at, sentence.at);
    }
}

/* ---- the whole ---- */

static void assert_written(const char *image, bool terminal, const char *variables, const char *expected)
{
    autodoc struct doc *doc = doc_new(), *built = must_parse(image), *own = must_parse(variables);
    struct value list = value_set_array(doc_root(doc), STR("env"));
    environment_write(list, doc_root(built), "web-1", terminal, doc_root(own));
    assert_json(list, expected);
}

#define PATH_ENTRY "\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\""

static void test_the_pod_wins_over_the_image_and_that_over_the_runtime(void **state)
{
    (void)state;
    assert_written("{}", false, "{}", "[" PATH_ENTRY ",\"HOSTNAME=web-1\"]");
    assert_written("{}", true, "{\"TERM\":\"dumb\"}", "[" PATH_ENTRY ",\"TERM=dumb\",\"HOSTNAME=web-1\"]");
    assert_written("{\"Env\":[\"PATH=/bin\",\"A=image\",\"B=b=c\",\"E=\"]}", true,
                   "{\"A\":\"pod\",\"HOSTNAME\":\"own\",\"C\":\"\"}",
                   "[\"PATH=/bin\",\"TERM=xterm\",\"HOSTNAME=own\",\"A=pod\",\"B=b=c\",\"E=\",\"C=\"]");
}

/* containerd does it so. */
static void test_a_mere_name_in_the_image_takes_a_variable_away(void **state)
{
    (void)state;
    assert_written("{\"Env\":[\"A=1\",\"A\",\"HOSTNAME\",\"\",\"=x\"]}", false, "{}", "[" PATH_ENTRY "]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_sees_the_variables_before_it_only),
        cmocka_unit_test(test_a_variable_can_be_made_from_its_former_self_and_be_empty),
        cmocka_unit_test(test_what_the_image_sets_is_not_known_to_the_pod),
        cmocka_unit_test(test_services_lie_below_all_and_can_be_referred_to),
        cmocka_unit_test(test_later_sources_and_then_env_win),
        cmocka_unit_test(test_the_whole_of_a_config_map_comes_with_a_prefix),
        cmocka_unit_test(test_keys_that_make_no_name_are_skipped_and_listed_in_order),
        cmocka_unit_test(test_an_absent_source_stops_it_unless_it_is_optional),
        cmocka_unit_test(test_keys_of_config_maps_and_secrets),
        cmocka_unit_test(test_absent_keys_and_objects_are_named_as_kubernetes_does),
        cmocka_unit_test(test_an_optional_key_that_is_absent_leaves_the_variable_alone),
        cmocka_unit_test(test_no_sentence_quotes_a_secret),
        cmocka_unit_test(test_fields_of_the_pod),
        cmocka_unit_test(test_other_fields_are_refused),
        cmocka_unit_test(test_the_pods_addresses_are_the_hosts_on_its_network),
        cmocka_unit_test(test_resources_are_divided_and_rounded_up),
        cmocka_unit_test(test_what_the_node_has_stands_for_limits_that_are_not_set),
        cmocka_unit_test(test_resources_of_another_container),
        cmocka_unit_test(test_other_resources_are_refused),
        cmocka_unit_test(test_the_pod_wins_over_the_image_and_that_over_the_runtime),
        cmocka_unit_test(test_a_mere_name_in_the_image_takes_a_variable_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
