/* What objects use, in rows; and what of a namespace is used while changes come, fall and are taken back. */
#include "fsd/quotas.h"

#include "fsd/documents.h"
#include "fsd/usage.h"
#include "lib/quantity.h"
#include "tests/unit/fsd/kinds.h"
#include <errno.h>

/* ---- usage ---- */

static void assert_usage(const char *directory, const char *object, const char *resource, const char *wanted)
{
    autodoc struct doc *document = must_yaml(object);
    char text[QUANTITY_TEXT];
    quantity_format_nano(usage_of(must_kind(directory), doc_root(document), str_of(resource)), str_of(wanted),
                         text);
    if (strcmp(text, wanted) != 0)
        fail_msg("%s of %s: %s, not %s", resource, object, text, wanted);
}

static void an_object_uses_what_it_says(void **state)
{
    (void)state;
#define TWO                                                                                           \
    "containers: [{resources: {requests: {cpu: 100m, e.com/gpu: 1}, limits: {cpu: 1}}}, {resources: " \
    "{requests: "                                                                                     \
    "{cpu: 200m, memory: 1Gi}}}]"
    static const char pod[] = "{spec: {" TWO "}}", ended[] = "{status: {phase: Failed}, spec: {" TWO "}}",
                      heavy[] = "{spec: {overhead: {cpu: 50m}, " TWO "}}",
                      first[] =
                          "{spec: {" TWO ", initContainers: [{restartPolicy: Always, resources: {requests: "
                          "{cpu: 1}}}, {resources: {requests: {cpu: 2}}}]}}";
    static const char
        balancer[] = "{spec: {type: LoadBalancer, ports: [{port: 1}, {port: 2}]}}",
        ports[] = "{spec: {type: NodePort, ports: [{port: 1}, {port: 2}]}}",
        few[] = "{spec: {type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 1}, "
                "{port: 2, nodePort: 30000}]}}";
    static const char claim[] = "{spec: {storageClassName: gold, resources: {requests: {storage: 1Gi}}}}";
    static const struct {
        const char *kind, *object, *resource, *wanted;
    } rows[] = {
        {"pods", pod, "pods", "1"},
        {"pods", pod, "count/pods", "1"},
        {"pods", pod, "cpu", "300m"},
        {"pods", pod, "requests.cpu", "300m"},
        {"pods", pod, "limits.cpu", "1"},
        {"pods", pod, "memory", "1Gi"},
        {"pods", pod, "limits.memory", "0"},
        {"pods", pod, "requests.e.com/gpu", "1"},
        {"pods", pod, "services", "0"},
        {"pods", heavy, "requests.cpu", "350m"},
        {"pods", heavy, "limits.cpu", "1050m"},
        {"pods", heavy, "limits.memory", "0"},
        {"pods", first, "requests.cpu", "3"},
        {"pods", ended, "pods", "0"},
        {"pods", ended, "cpu", "0"},
        {"pods", ended, "count/pods", "1"},
        {"services", balancer, "services", "1"},
        {"services", balancer, "services.loadbalancers", "1"},
        {"services", balancer, "services.nodeports", "2"},
        {"services", ports, "services.nodeports", "2"},
        {"services", ports, "services.loadbalancers", "0"},
        {"services", few, "services.nodeports", "1"},
        {"persistentvolumeclaims", claim, "persistentvolumeclaims", "1"},
        {"persistentvolumeclaims", claim, "requests.storage", "1Gi"},
        {"persistentvolumeclaims", claim, "gold.storageclass.storage.k8s.io/requests.storage", "1Gi"},
        {"persistentvolumeclaims", claim, "gold.storageclass.storage.k8s.io/persistentvolumeclaims", "1"},
        {"persistentvolumeclaims", claim, "tin.storageclass.storage.k8s.io/persistentvolumeclaims", "0"},
        {"configmaps", "{}", "configmaps", "1"},
        {"configmaps", "{}", "secrets", "0"},
        {"configmaps", "{}", "count/configmaps", "1"},
        {"deployments", "{}", "count/deployments.apps", "1"},
        {"deployments", "{}", "count/deployments", "0"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_usage(rows[i].kind, rows[i].object, rows[i].resource, rows[i].wanted);
}

static void a_quota_counts_what_is_in_its_scopes(void **state)
{
    (void)state;
#define SELECTS(requirement) \
    "scopeSelector: {matchExpressions: [{scopeName: PriorityClass, " requirement "}]}"
#define HIGH "{spec: {priorityClassName: high, containers: [{name: a}]}}"
#define LOW  "{spec: {activeDeadlineSeconds: 5, containers: [{resources: {limits: {cpu: 1}}}]}}"
    static const struct {
        const char *kind, *spec, *object;
        bool counts;
    } rows[] = {
        {"pods", "{}", HIGH, true},
        {"pods", "scopes: [BestEffort]", HIGH, true},
        {"pods", "scopes: [BestEffort]", LOW, false},
        {"pods", "scopes: [NotBestEffort, Terminating]", LOW, true},
        {"pods", "scopes: [NotTerminating]", LOW, false},
        {"pods", "scopes: [PriorityClass]", LOW, false},
        {"pods", SELECTS("operator: In, values: [high]"), HIGH, true},
        {"pods", SELECTS("operator: In, values: [high]"), LOW, false},
        {"pods", SELECTS("operator: NotIn, values: [high]"), HIGH, false},
        {"pods", SELECTS("operator: NotIn, values: [high]"), LOW, true},
        {"pods", SELECTS("operator: Exists"), HIGH, true},
        {"pods", SELECTS("operator: DoesNotExist"), HIGH, false},
        {"pods", "scopes: [CrossNamespacePodAffinity]", HIGH, false},
        {"pods", "scopes: [CrossNamespacePodAffinity]",
         "{spec: {affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: a, "
         "namespaces: [b]}]}}}}",
         true},
        {"configmaps", "{}", "{}", true},
        {"configmaps", "scopes: [BestEffort]", "{}", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *spec = must_yaml(rows[i].spec), *object = must_yaml(rows[i].object);
        if (usage_is_in_scope(must_kind(rows[i].kind), doc_root(object), doc_root(spec)) != rows[i].counts)
            fail_msg("%s, %s", rows[i].spec, rows[i].object);
    }
}

/* ---- quotas ---- */

static struct fsd fsd;
static int64_t last_number;

static void note(void *context, const struct object *object, const struct version *before,
                 const struct version *after)
{
    quotas_note(context, object, before, after);
}

static void begin(void)
{
    fsd = (struct fsd){
        .kinds = kinds, .objects = objects_new(kinds), .documents = documents_new(), .quotas = quotas_new()};
    objects_observe(fsd.objects, note, &fsd);
}

static void end(void)
{
    objects_observe(fsd.objects, NULL, NULL);
    documents_free(fsd.documents);
    objects_free(fsd.objects);
    quotas_free(fsd.quotas);
}

static struct version *version_of(const char *directory, const char *text)
{
    autodoc struct doc *document = must_yaml(text);
    autobuf struct buf json = {0};
    value_setf(value_ensure_object(doc_root(document), STR("metadata")), STR("resourceVersion"), "%lld",
               (long long)++last_number);
    value_write(&json, doc_root(document));
    struct record record = {.version = last_number, .document = buf_str(&json)};
    return version_from_record(must_kind(directory), &record);
}

static struct object *create(const char *directory, const char *name, const char *text)
{
    return object_create(fsd.objects, last_number + 1000, must_kind(directory), STR("default"), str_of(name),
                         STR("u"), version_of(directory, text));
}

static void publish(struct object *object)
{
    struct version *version = version_hold(object->pending);
    object_publish(fsd.objects, object, version);
    version_drop(version);
}

/* Would there be room for one like this? */
static int ask(const char *directory, const char *text, const char *sentence)
{
    autoerror struct error *err = NULL;
    struct edit_result result = {.document = must_yaml(text)};
    int status = quotas_check(&fsd, must_kind(directory), STR("default"), NULL, &result, &err);
    doc_free(result.document);
    if (status < 0)
        assert_string_equal(error_message(err), sentence);
    return status;
}

#define FULL "exceeded quota: q, requested: configmaps=1, used: configmaps=2, limited: configmaps=2"

static void a_namespace_has_no_more_than_it_may(void **state)
{
    (void)state;
    begin();
    struct object *before = create("configmaps", "a", "{}");
    publish(before);
    struct object *quota = create("resourcequotas", "q", "{spec: {hard: {configmaps: 2}}}");
    assert_int_equal(ask("configmaps", "{}", NULL), 0);
    struct object *pending = create("configmaps", "b", "{}");
    assert_int_equal(ask("configmaps", "{}", FULL), -EDQUOT);
    /* What the disk refuses doesn't count … */
    object_discard(fsd.objects, pending);
    assert_int_equal(ask("configmaps", "{}", NULL), 0);
    /* … and what goes counts until somebody has taken it away. */
    pending = create("configmaps", "b", "{}");
    publish(pending);
    assert_int_equal(ask("configmaps", "{}", FULL), -EDQUOT);
    object_change(fsd.objects, before,
                  version_tombstone(before->kind, STR("{\"metadata\":{}}"), ++last_number, 0));
    assert_int_equal(ask("configmaps", "{}", NULL), 0);
    object_discard(fsd.objects, before);
    assert_int_equal(ask("configmaps", "{}", FULL), -EDQUOT);
    /* A quota that changes is counted anew; one that goes limits nothing. */
    object_change(fsd.objects, quota, version_of("resourcequotas", "{spec: {hard: {configmaps: 3}}}"));
    assert_int_equal(ask("configmaps", "{}", NULL), 0);
    object_discard(fsd.objects, quota);
    assert_int_equal(ask("configmaps", "{}", NULL), 0);
    assert_int_equal(ask("secrets", "{}", NULL), 0);
    end();
}

#define ASKS(cpu) "{spec: {containers: [{name: a, resources: {requests: {cpu: " cpu "}}}]}}"

static void pods_use_what_they_ask_for_until_they_end(void **state)
{
    (void)state;
    static const char sentence[] =
        "exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=500m, limited: requests.cpu=1";
    begin();
    (void)create("resourcequotas", "q", "{spec: {hard: {requests.cpu: 1, pods: 9}}}");
    struct object *pod = create("pods", "a", ASKS("500m"));
    assert_int_equal(ask("pods", ASKS("500m"), NULL), 0);
    assert_int_equal(ask("pods", ASKS("600m"), sentence), -EDQUOT);
    assert_int_equal(ask("pods", "{spec: {containers: [{name: a}, {name: b}]}}",
                         "failed quota: q: must specify requests.cpu for: a,b"),
                     -EINVAL);
    object_change(fsd.objects, pod,
                  version_of("pods", "{status: {phase: Succeeded}, spec: {containers: [{name: a, resources: "
                                     "{requests: {cpu: 500m}}}]}}"));
    assert_int_equal(ask("pods", ASKS("600m"), NULL), 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_uses_what_it_says),
        cmocka_unit_test(a_quota_counts_what_is_in_its_scopes),
        cmocka_unit_test(a_namespace_has_no_more_than_it_may),
        cmocka_unit_test(pods_use_what_they_ask_for_until_they_end),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
