/* What is said of fields that do nothing here. */
#include "nodeagent/effect.h"
#include "tests/unit/lib/pod_fields.h"

#define FITS_ALL SIZE_MAX

typedef void effect_fn(struct buf *lines, struct value pod);

/* Of the spec given: one text of all lines. */
static void assert_said(effect_fn *effect, const char *spec, const char *expected)
{
    autofree char *whole = path_format("{\"spec\":%s}", spec);
    autodoc struct doc *pod = must_parse(whole);
    autobuf struct buf lines = {0}, text = {0};
    effect(&lines, doc_root(pod));
    struct str rest = buf_str(&lines);
    bool any = effect_next(&rest, STR_NONE, FITS_ALL, &text);
    assert_string_equal(any ? text.at : "", expected);
}

static void test_only_what_is_asked_for_in_vain_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *said;
    } rows[] = {
        {"{\"hostUsers\":true,\"overhead\":{},\"containers\":[{\"name\":\"a\",\"resizePolicy\":[]}]}", ""},
        {"{\"automountServiceAccountToken\":false,\"topologySpreadConstraints\":[],\"affinity\":{"
         "\"podAffinity\":{},\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{}}}}",
         ""},
        {"{\"automountServiceAccountToken\":true,\"topologySpreadConstraints\":[{}],\"affinity\":{"
         "\"podAntiAffinity\":{\"x\":1},\"nodeAffinity\":{"
         "\"preferredDuringSchedulingIgnoredDuringExecution\":[{}]}}}",
         "spec.topologySpreadConstraints (the scheduler doesn't look at it), "
         "spec.automountServiceAccountToken (this cluster issues none), "
         "spec.affinity.podAntiAffinity (the scheduler doesn't look at it), "
         "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution (the scheduler looks at "
         "what is required)"},
        {"{\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80},{\"hostPort\":8080}]}]}",
         "spec.containers[a].ports.hostPort 8080 (it is reserved, nothing is forwarded to the pod)"},
        {"{\"hostNetwork\":true,\"containers\":[{\"name\":\"a\",\"ports\":[{\"hostPort\":80}]}]}", ""},
        {"{\"ephemeralContainers\":[{\"name\":\"e\"}],\"resources\":{\"limits\":{}},\"affinity\":{"
         "\"podAffinity\":{\"x\":1}}}",
         "spec.ephemeralContainers (use podtree exec), spec.resources (only those of containers count), "
         "spec.affinity.podAffinity (the scheduler doesn't look at it)"},
        {"{\"containers\":[{\"name\":\"a\",\"resizePolicy\":[{\"resourceName\":\"cpu\"}]}]}",
         "spec.containers[a].resizePolicy (resources are changed by making the container anew)"},
        /* each source, and what is there twice once */
        {"{\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"serviceAccountToken\":{}},{\"secret\":"
         "{}},{\"clusterTrustBundle\":{}},{\"serviceAccountToken\":{}}]}}]}",
         "spec.volumes[v].projected.sources.serviceAccountToken (this cluster issues none), "
         "spec.volumes[v].projected.sources.clusterTrustBundle (this cluster issues none)"},
        /* what every pod is given is not asked for */
        {"{\"priority\":0,\"preemptionPolicy\":\"PreemptLowerPriority\",\"dnsPolicy\":\"ClusterFirst\","
         "\"tolerations\":[{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":"
         "\"NoExecute\",\"tolerationSeconds\":300},{\"key\":\"node.kubernetes.io/unreachable\",\"operator\":"
         "\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":300}]}",
         ""},
        {"{\"tolerations\":[{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":"
         "\"NoExecute\",\"tolerationSeconds\":10},{\"key\":\"a\",\"effect\":\"NoExecute\"}]}",
         "spec.tolerations[node.kubernetes.io/not-ready].tolerationSeconds (a pod that runs is not driven "
         "away by taints)"},
        {"{\"priority\":1000,\"preemptionPolicy\":\"Never\",\"priorityClassName\":\"high\"}", ""},
        {"{\"priorityClassName\":\"high\"}",
         "spec.priorityClassName high (the node knows no such class: it gives no priority)"},
        {"{\"priority\":2000000000,\"preemptionPolicy\":\"PreemptLowerPriority\",\"priorityClassName\":"
         "\"system-cluster-critical\"}",
         ""},
        {"{\"containers\":[{\"name\":\"a\",\"lifecycle\":{\"postStart\":{\"exec\":{\"command\":[\"x\"]}},"
         "\"preStop\":{\"tcpSocket\":{\"port\":1}}},\"resources\":{\"limits\":{\"cpu\":1,\"hugepages-2Mi\":"
         "\"4Mi\"}}}]}",
         "spec.containers[a].lifecycle.preStop.tcpSocket (a hook opens no connection: it fails), "
         "spec.containers[a].resources.limits.hugepages-2Mi (it is counted, and nothing holds the container "
         "to it)"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_said(effect_missing, rows[i].spec, rows[i].said);
}

static void test_what_a_security_context_asks_for_in_vain_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *container, *said;
    } rows[] = {
        {"{}", "{}", ""},
        {"{\"runAsUser\":1,\"seLinuxOptions\":{}}", "{\"seLinuxOptions\":null}", ""},
        {"{\"appArmorProfile\":{\"type\":\"Unconfined\"}}", "{\"capabilities\":{\"add\":[\"KILL\"]}}", ""},
        {"{\"appArmorProfile\":{\"type\":\"RuntimeDefault\"},\"seLinuxChangePolicy\":\"Recursive\"}", "{}",
         "spec.securityContext.appArmorProfile (AppArmor is not used), "
         "spec.securityContext.seLinuxChangePolicy (SELinux is not used)"},
        {"{}", "{\"windowsOptions\":{\"hostProcess\":true},\"capabilities\":{\"add\":[\"FLY\"]}}",
         "spec.containers[c].securityContext.windowsOptions (the node runs Linux), "
         "spec.containers[c].securityContext.capabilities.add FLY (there is no such capability)"},
        {"{}", "{\"capabilities\":{\"drop\":[\"ALL\",\"SWIM\"]}}",
         "spec.containers[c].securityContext.capabilities.drop SWIM (there is no such capability)"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autofree char *spec =
            path_format("{\"securityContext\":%s,\"containers\":[{\"name\":\"c\",\"securityContext\":%s}]}",
                        rows[i].pod, rows[i].container);
        assert_said(effect_missing, spec, rows[i].said);
    }
}

static void test_a_pod_is_refused_for_what_it_can_not_do_without(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *said;
    } rows[] = {
        {"{\"runtimeClassName\":\"\",\"resourceClaims\":[],\"hostUsers\":false,"
         "\"containers\":[{\"name\":\"a\",\"livenessProbe\":{\"periodSeconds\":1},\"volumeDevices\":[]}]}",
         ""},
        {"{\"runtimeClassName\":\"x\",\"initContainers\":[{\"name\":\"a\",\"volumeDevices\":[1],"
         "\"resources\":{\"claims\":[{\"name\":\"gpu\"}]}}]}",
         "spec.runtimeClassName (the node has one runtime), "
         "spec.initContainers[a].volumeDevices (the node has no block volumes), "
         "spec.initContainers[a].resources.claims (the node has no devices to claim)"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_said(effect_refused, rows[i].spec, rows[i].said);
}

static void test_what_is_known_is_not_said_again_and_what_is_long_in_pieces(void **state)
{
    (void)state;
    static const struct {
        const char *known;
        size_t most;
        const char *said[3];
    } rows[] = {
        {NULL, FITS_ALL, {"one, three, four"}},   {"three\n", FITS_ALL, {"one, four"}},
        {"four\nthree\none\n", FITS_ALL, {NULL}}, {NULL, 10, {"one, three", "four"}},
        {NULL, 9, {"one", "three", "four"}},      {"one\n", 1, {"three", "four"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str rest = STR("one\nthree\nfour\n");
        autobuf struct buf text = {0};
        for (size_t k = 0; k < COUNT(rows[i].said) && rows[i].said[k] != NULL; k++) {
            assert_true(effect_next(&rest, str_of(rows[i].known), rows[i].most, &text));
            assert_string_equal(text.at, rows[i].said[k]);
        }
        assert_false(effect_next(&rest, str_of(rows[i].known), rows[i].most, &text));
    }
}

/* ---- against doc/pod-fields.md ---- */

/* A spec for each field that is said, wholly or partly, or refused. */
static const struct example {
    const char *path, *spec;
} examples[] = {
#define CONTAINER(text) "{\"containers\":[{\"name\":\"c\"," text "}]}"
#define SECURITY(text)  "{\"securityContext\":{" text "}}"
    {"spec.ephemeralContainers", "{\"ephemeralContainers\":[{\"name\":\"e\"}]}"},
    {"spec.dnsPolicy", "{\"dnsPolicy\":\"ClusterFirstWithHostNet\"}"},
    {"spec.tolerations.tolerationSeconds", "{\"tolerations\":[{\"key\":\"a\",\"tolerationSeconds\":300}]}"},
    {"spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution",
     "{\"affinity\":{\"nodeAffinity\":{\"preferredDuringSchedulingIgnoredDuringExecution\":[{}]}}}"},
    {"spec.affinity.podAffinity", "{\"affinity\":{\"podAffinity\":{\"x\":[]}}}"},
    {"spec.affinity.podAntiAffinity", "{\"affinity\":{\"podAntiAffinity\":{\"x\":[]}}}"},
    {"spec.topologySpreadConstraints", "{\"topologySpreadConstraints\":[{\"maxSkew\":1}]}"},
    {"spec.priorityClassName", "{\"priorityClassName\":\"high\"}"},
    {"spec.preemptionPolicy", "{\"priority\":1,\"preemptionPolicy\":\"PreemptLowerPriority\"}"},
    {"spec.automountServiceAccountToken", "{\"automountServiceAccountToken\":true}"},
    {"spec.hostUsers", "{\"hostUsers\":false}"},
    {"spec.resources", "{\"resources\":{\"limits\":{\"cpu\":1}}}"},
    {"spec.runtimeClassName", "{\"runtimeClassName\":\"other\",\"containers\":[{\"name\":\"c\"}]}"},
    {"spec.resourceClaims", "{\"resourceClaims\":[{\"name\":\"gpu\"}]}"},
    {"spec.containers.ports.hostPort", CONTAINER("\"ports\":[{\"hostPort\":80}]")},
    {"spec.containers.resources.limits", CONTAINER("\"resources\":{\"limits\":{\"hugepages-2Mi\":\"2Mi\"}}")},
    {"spec.containers.resources.claims", CONTAINER("\"resources\":{\"claims\":[{\"name\":\"gpu\"}]}")},
    {"spec.containers.resizePolicy", CONTAINER("\"resizePolicy\":[{}]")},
    {"spec.containers.volumeDevices", CONTAINER("\"volumeDevices\":[{}]")},
    {"spec.containers.lifecycle.postStart",
     CONTAINER("\"lifecycle\":{\"postStart\":{\"tcpSocket\":{\"port\":1}}}")},
    {"spec.containers.lifecycle.preStop",
     CONTAINER("\"lifecycle\":{\"preStop\":{\"tcpSocket\":{\"port\":1}}}")},
    {"spec.securityContext.seLinuxOptions", SECURITY("\"seLinuxOptions\":{\"user\":\"x\"}")},
    {"spec.securityContext.seLinuxChangePolicy", SECURITY("\"seLinuxChangePolicy\":\"Recursive\"")},
    {"spec.securityContext.appArmorProfile", SECURITY("\"appArmorProfile\":{\"type\":\"RuntimeDefault\"}")},
    {"spec.securityContext.windowsOptions", SECURITY("\"windowsOptions\":{\"hostProcess\":true}")},
    {"spec.containers.securityContext.capabilities",
     CONTAINER("\"securityContext\":{\"capabilities\":{\"add\":[\"FLY\"]}}")},
    {"spec.containers.securityContext.seLinuxOptions",
     CONTAINER("\"securityContext\":{\"seLinuxOptions\":{\"user\":\"x\"}}")},
    {"spec.containers.securityContext.appArmorProfile",
     CONTAINER("\"securityContext\":{\"appArmorProfile\":{\"type\":\"RuntimeDefault\"}}")},
    {"spec.containers.securityContext.windowsOptions",
     CONTAINER("\"securityContext\":{\"windowsOptions\":{\"hostProcess\":true}}")},
    {"spec.volumes.projected",
     "{\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"serviceAccountToken\":{}}]}}]}"},
};

/* Does what is said name the field? */
static void check_example(const struct example *example, enum field_fate fate)
{
    autofree char *whole = path_format("{\"spec\":%s}", example->spec);
    autodoc struct doc *pod = must_parse(whole);
    autobuf struct buf lines = {0};
    (fate == FATE_REFUSED ? effect_refused : effect_missing)(&lines, doc_root(pod));
    if (lines.length == 0 || strstr(lines.at, strrchr(example->path, '.')) == NULL)
        fail_msg("%s: of %s it is said \"%s\"", example->path, example->spec,
                 lines.length != 0 ? lines.at : "");
}

struct seen {
    bool examples[COUNT(examples)];
};

/* Volumes are refused elsewhere. */
static void check_row(void *context, const struct field_row *row)
{
    struct seen *seen = context;
    bool any = row->fate == FATE_YES || row->fate == FATE_STORED ||
               (row->fate == FATE_REFUSED && strcmp(row->section->title, "Volumes") == 0);
    if (any)
        return;
    for (size_t i = 0; i < COUNT(row->section->places) && row->section->places[i] != NULL; i++)
        for (size_t k = 0; k < COUNT(examples); k++) {
            autofree char *path = path_format("%s." STR_FORMAT, row->section->places[i], STR_ARGS(row->name));
            if (strcmp(path, examples[k].path) != 0)
                continue;
            check_example(&examples[k], row->fate);
            any = seen->examples[k] = true;
        }
    if (!any)
        fail_msg("%s: there is no example of " STR_FORMAT, row->section->title, STR_ARGS(row->name));
}

static void test_what_the_documentation_calls_said_is_said(void **state)
{
    (void)state;
    struct seen seen = {0};
    autofree char *text = read_pod_fields();
    each_field_row(text, check_row, &seen);
    for (size_t i = 0; i < COUNT(examples); i++)
        if (!seen.examples[i])
            fail_msg("doc/pod-fields.md doesn't say that %s has no effect", examples[i].path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_asked_for_in_vain_is_said),
        cmocka_unit_test(test_what_a_security_context_asks_for_in_vain_is_said),
        cmocka_unit_test(test_a_pod_is_refused_for_what_it_can_not_do_without),
        cmocka_unit_test(test_what_is_known_is_not_said_again_and_what_is_long_in_pieces),
        cmocka_unit_test(test_what_the_documentation_calls_said_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
