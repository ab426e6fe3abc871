/* What is said of fields that do nothing here. */
#include "nodeagent/effect.h"
#include "tests/unit/lib/test.h"

static void test_only_what_is_asked_for_in_vain_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *said;
    } rows[] = {
        {"{\"spec\":{\"hostUsers\":true,\"overhead\":{},\"containers\":[{\"name\":\"a\",\"resizePolicy\":[]}]"
         "}}",
         ""},
        {"{\"spec\":{\"automountServiceAccountToken\":false,\"topologySpreadConstraints\":[],\"affinity\":{"
         "\"podAffinity\":{},\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{}}}}}",
         ""},
        {"{\"spec\":{\"automountServiceAccountToken\":true,\"topologySpreadConstraints\":[{}],\"affinity\":{"
         "\"podAntiAffinity\":{\"x\":1},\"nodeAffinity\":{"
         "\"preferredDuringSchedulingIgnoredDuringExecution\":[{}]}}}}",
         "spec.topologySpreadConstraints (the scheduler doesn't look at it), "
         "spec.automountServiceAccountToken (this cluster issues none), "
         "spec.affinity.podAntiAffinity (the scheduler doesn't look at it), "
         "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution (the scheduler looks at "
         "what "
         "is required)"},
        {"{\"spec\":{\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80},{\"hostPort\":8080}]}]"
         "}}",
         "spec.containers[a].ports.hostPort 8080 (it is reserved, nothing is forwarded to the pod)"},
        {"{\"spec\":{\"hostNetwork\":true,\"containers\":[{\"name\":\"a\",\"ports\":[{\"hostPort\":80}]}]}}",
         ""},
        {"{\"spec\":{\"ephemeralContainers\":[{\"name\":\"e\"}],\"resources\":{\"limits\":{}},\"affinity\":{"
         "\"podAffinity\":{\"x\":1}}}}",
         "spec.ephemeralContainers (use podtree exec), spec.resources (only those of containers count), "
         "spec.affinity.podAffinity (the scheduler doesn't look at it)"},
        {"{\"spec\":{\"hostUsers\":false,\"containers\":[]}}",
         "spec.hostUsers (there are no user namespaces)"},
        {"{\"spec\":{\"containers\":[{\"name\":\"a\",\"resizePolicy\":[{\"resourceName\":\"cpu\"}]}]}}",
         "spec.containers[a].resizePolicy (resources are changed by making the container anew)"},
        {"{\"spec\":{\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"serviceAccountToken\":{}}]}}"
         "],"
         "\"securityContext\":{\"seLinuxOptions\":{\"type\":\"x\"}}}}",
         "spec.volumes[v].projected.sources.serviceAccountToken (this cluster issues none), "
         "spec.securityContext.seLinuxOptions (SELinux is not used)"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *pod = must_parse(rows[i].pod);
        autobuf struct buf said = {0};
        effect_missing(&said, doc_root(pod));
        assert_string_equal(said.at != NULL ? said.at : "", rows[i].said);
    }
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
        autobuf struct buf text = {0}, said = {0};
        buf_addf(
            &text,
            "{\"spec\":{\"securityContext\":%s,\"containers\":[{\"name\":\"c\",\"securityContext\":%s}]}}",
            rows[i].pod, rows[i].container);
        autodoc struct doc *pod = must_parse(text.at);
        effect_missing(&said, doc_root(pod));
        assert_string_equal(said.at != NULL ? said.at : "", rows[i].said);
    }
}

static void test_a_pod_is_refused_for_what_it_can_not_do_without(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *said;
    } rows[] = {
        {"{\"spec\":{\"runtimeClassName\":\"\",\"resourceClaims\":[],\"hostUsers\":false,"
         "\"containers\":[{\"name\":\"a\",\"livenessProbe\":{\"periodSeconds\":1},\"volumeDevices\":[]}]}}",
         ""},
        {"{\"spec\":{\"runtimeClassName\":\"x\",\"initContainers\":[{\"name\":\"a\",\"volumeDevices\":[1]}]}"
         "}",
         "spec.runtimeClassName (the node has one runtime), "
         "spec.initContainers[a].volumeDevices (the node has no block volumes)"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *pod = must_parse(rows[i].pod);
        autobuf struct buf said = {0};
        effect_refused(&said, doc_root(pod));
        assert_string_equal(said.at != NULL ? said.at : "", rows[i].said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_asked_for_in_vain_is_said),
        cmocka_unit_test(test_what_a_security_context_asks_for_in_vain_is_said),
        cmocka_unit_test(test_a_pod_is_refused_for_what_it_can_not_do_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
