/* What the admission plugins make of objects, in rows: the policies that there are, what is made or changed,
 * and what comes of it. */
#include "fsd/admission.h"
#include "fsd/edit.h"
#include "fsd/validate.h"
#include "tests/unit/fsd/kinds.h"
#include <errno.h>

struct row {
    const char *policies; /* a list of objects, in YAML */
    const char *before;   /* NULL: the object is created */
    const char *document;
    const char *has;  /* what the object must have among all else, null for what it must not; NULL: refused */
    const char *says; /* … with this sentence */
};

/* ---- policies ---- */

static enum policy_type type_of(struct value object)
{
    static const char *const kinds_of_types[POLICY_TYPES] = {"PriorityClass", "RuntimeClass", "StorageClass",
                                                             "IngressClass", "LimitRange"};
    for (size_t i = 0; i < POLICY_TYPES; i++)
        if (value_is(value_at(object, "kind"), kinds_of_types[i]))
            return (enum policy_type)i;
    fail_msg("no policy");
    return POLICY_TYPES;
}

/* LimitRanges are in the namespace default, unless they say where. */
static void put(struct policies **policies, struct value object)
{
    autoerror struct error *err = NULL;
    const struct kind *kind = kinds_by_manifest(kinds, object, &err);
    if (kind == NULL)
        fail_msg("%s", error_message(err));
    struct str namespace = value_str(value_at(object, "metadata", "namespace"));
    if (kind->namespaced && namespace.length == 0)
    namespace = STR("default");
    struct doc *document = doc_copy(object);
    schema_default(kind_form(kind)->schema, doc_root(document));
    policies_put(policies, type_of(object), namespace, value_str(value_at(object, "metadata", "name")),
                 document);
}

static struct policies *policies_of(const char *text)
{
    struct policies *policies = policies_new();
    autodoc struct doc *list = must_yaml(text);
    value_each (object, doc_root(list))
        put(&policies, object);
    return policies;
}

/* ---- rows ---- */

static bool has(struct value object, struct value wanted)
{
    if (value_type(wanted) == VALUE_NULL)
        return !value_exists(object);
    if (value_type(wanted) == VALUE_OBJECT) {
        value_each (member, wanted)
            if (!has(value_get(object, value_key(member)), member))
                return false;
        return value_type(object) == VALUE_OBJECT;
    }
    if (value_type(wanted) != VALUE_ARRAY)
        return value_equal(object, wanted);
    struct value element = value_first(object);
    value_each (each, wanted) {
        if (!has(element, each))
            return false;
        element = value_next(element);
    }
    return value_type(object) == VALUE_ARRAY && !value_exists(element);
}

static int compute(const struct kind *kind, struct policies *policies, struct value before,
                   struct value document, struct edit_result *result, struct error **err)
{
    const struct version *version = NULL;
    struct version *made = NULL;
    if (value_exists(before)) {
        autobuf struct buf text = {0};
        value_write(&text, before);
        struct record record = {.version = 7, .document = buf_str(&text)};
        version = made = version_from_record(kind, &record);
    }
    const struct edit_base base = {.kind = kind,
                                   .namespace = kind->namespaced ? STR("default") : STR(""),
                                   .name = STR("web"),
                                   .before = version,
                                   .new_uid = STR("00000000-0000-4000-8000-000000000001"),
                                   .policies = policies};
    const struct edit edit = {.type = version == NULL ? EDIT_CREATE : EDIT_REPLACE, .document = document};
    int status = edit_compute(&base, &edit, 0, result, err);
    version_drop(made);
    return status;
}

/* What is there already has been made when there were no policies. */
static struct doc *make_before(const struct kind *kind, const char *text)
{
    autodoc struct doc *document = must_yaml(text);
    autoresult struct edit_result result = {0};
    autoerror struct error *err = NULL;
    if (compute(kind, NULL, VALUE_ABSENT, doc_root(document), &result, &err) < 0)
        fail_msg("%s", error_message(err));
    return take_pointer(result.document);
}

static bool row_is_right(const struct row *row)
{
    autoerror struct error *err = NULL;
    autoresult struct edit_result result = {0};
    autodoc struct doc *document = must_yaml(row->document);
    autodoc struct doc *wanted = row->has != NULL ? must_yaml(row->has) : NULL;
    struct policies *policies = policies_of(row->policies);
    const struct kind *kind = kinds_by_manifest(kinds, doc_root(document), NULL);
    assert_non_null(kind);
    autodoc struct doc *before = row->before != NULL ? make_before(kind, row->before) : NULL;
    int status = compute(kind, policies, doc_root(before), doc_root(document), &result, &err);
    policies_drop(policies);
    if (row->has != NULL && status == 0 && has(doc_root(result.document), doc_root(wanted)))
        return true;
    if (row->says != NULL && status == -EINVAL && strcmp(row->says, error_message(err)) == 0)
        return true;
    autobuf struct buf text = {0};
    if (status == 0)
        value_write(&text, doc_root(result.document));
    print_error("%s with %s\nis:     %s\nshould: %s\n\n", row->document, row->policies,
                status == 0 ? text.at : error_message(err), row->has != NULL ? row->has : row->says);
    return false;
}

static void check_rows(const struct row *rows, size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++)
        wrong += !row_is_right(&rows[i]);
    assert_int_equal(wrong, 0);
}
#define RUN(rows) check_rows(rows, COUNT(rows))

#define POD(rest)          "{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, image: b}]" rest "}}"
#define POD_OF(containers) "{apiVersion: v1, kind: Pod, spec: {containers: [" containers "]}}"

/* ---- pods and their classes ---- */

#define CLASS(name, rest) \
    "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: " name "}, " rest "}"

static void a_pod_gets_the_priority_of_its_class(void **state)
{
    (void)state;
    static const char classes[] =
        "[" CLASS("high", "value: 1000") "," CLASS("calm", "value: 500, preemptionPolicy: Never") "]";
    static const char defaults[] = "[" CLASS("b", "value: 7, globalDefault: true") "," CLASS(
        "c", "value: 5, globalDefault: true, preemptionPolicy: Never") "]";
    static const struct row rows[] = {
        {"[]", NULL, POD(""),
         "{spec: {priority: 0, preemptionPolicy: PreemptLowerPriority, priorityClassName: null}}", NULL},
        {classes, NULL, POD(", priorityClassName: high"),
         "{spec: {priority: 1000, preemptionPolicy: PreemptLowerPriority, priorityClassName: high}}", NULL},
        {classes, NULL, POD(", priorityClassName: calm, priority: 500"),
         "{spec: {priority: 500, preemptionPolicy: Never}}", NULL},
        /* Of several defaults the lowest. */
        {defaults, NULL, POD(""), "{spec: {priority: 5, preemptionPolicy: Never, priorityClassName: c}}",
         NULL},
        {defaults, NULL, POD(", priorityClassName: b"), "{spec: {priority: 7}}", NULL},
        {classes, NULL, POD(", priorityClassName: low"), NULL,
         "spec.priorityClassName: no PriorityClass with name low was found"},
        {classes, NULL, POD(", priorityClassName: high, priority: 3"), NULL,
         "spec.priority: must be 1000, as PriorityClass high says, not 3"},
        {classes, NULL, POD(", priorityClassName: calm, preemptionPolicy: PreemptLowerPriority"), NULL,
         "spec.preemptionPolicy: must be Never, as PriorityClass calm says, not PreemptLowerPriority"},
        {"[]", NULL, POD(", priority: 3"), NULL,
         "spec.priority: must be 0, where no PriorityClass is named, not 3"},
        {"[]", NULL, POD(", priority: x"), NULL, "spec.priority: must be an integer, not \"x\""},
        /* It stays when the class has changed, or gone, and nobody mentions it. */
        {defaults, POD(""), POD(""), "{spec: {priority: 0, priorityClassName: null}}", NULL},
    };
    RUN(rows);
}

static void only_one_class_is_the_default(void **state)
{
    (void)state;
    static const char other[] = "[" CLASS("other", "value: 7, globalDefault: true") "]";
    static const char same[] = "[" CLASS("web", "value: 7, globalDefault: true") "]";
    static const struct row rows[] = {
        {other, NULL, CLASS("web", "value: 1, globalDefault: true"), NULL,
         "globalDefault: PriorityClass other is already marked as default, and only one can be"},
        {other, CLASS("web", "value: 1"), CLASS("web", "value: 1, globalDefault: true"), NULL,
         "globalDefault: PriorityClass other is already marked as default, and only one can be"},
        {other, NULL, CLASS("web", "value: 1"), "{value: 1}", NULL},
        {same, NULL, CLASS("web", "value: 1, globalDefault: true"), "{globalDefault: true}", NULL},
    };
    RUN(rows);
}

static void a_pod_tolerates_nodes_for_a_while(void **state)
{
    (void)state;
#define SOME_TIME(key) \
    "{key: node.kubernetes.io/" key ", operator: Exists, effect: NoExecute, tolerationSeconds: 300}"
    static const struct row rows[] = {
        {"[]", NULL, POD(""),
         "{spec: {tolerations: [" SOME_TIME("not-ready") "," SOME_TIME("unreachable") "]}}", NULL},
        {"[]", NULL, POD(", tolerations: [{key: node.kubernetes.io/not-ready, operator: Exists}]"),
         "{spec: {tolerations: [{key: node.kubernetes.io/not-ready, effect: null}," SOME_TIME(
             "unreachable") "]}}",
         NULL},
        {"[]", NULL, POD(", tolerations: [{operator: Exists, effect: NoExecute}]"),
         "{spec: {tolerations: [{operator: Exists}]}}", NULL},
        {"[]", NULL, POD(", tolerations: x"), NULL, "spec.tolerations: must be a list, not \"x\""},
    };
    RUN(rows);
}

#define RUNTIME(rest) \
    "[{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: vm}, handler: kata" rest "}]"

static void a_pod_gets_what_its_runtime_class_says(void **state)
{
    (void)state;
    static const char overhead[] = RUNTIME(", overhead: {podFixed: {cpu: 250m}}");
    static const char scheduling[] =
        RUNTIME(", scheduling: {nodeSelector: {vm: \"yes\"}, tolerations: [{key: vm, operator: Exists}]}");
    static const struct row rows[] = {
        {overhead, NULL, POD(", runtimeClassName: vm"), "{spec: {overhead: {cpu: 250m}}}", NULL},
        {overhead, NULL, POD(", runtimeClassName: vm, overhead: {cpu: 0.25}"),
         "{spec: {overhead: {cpu: 250m}}}", NULL},
        {overhead, NULL, POD(", runtimeClassName: vm, overhead: {cpu: 1}"), NULL,
         "spec.overhead: must be what its RuntimeClass says: {\"cpu\":\"250m\"}"},
        {overhead, NULL, POD(", overhead: {cpu: 250m}"), NULL,
         "spec.overhead: must not be there: no RuntimeClass that the pod names has one"},
        {overhead, NULL, POD(", runtimeClassName: other"), NULL,
         "spec.runtimeClassName: no RuntimeClass with name other was found"},
        {scheduling, NULL,
         POD(", runtimeClassName: vm, nodeSelector: {a: b}, tolerations: [{operator: Exists}]"),
         "{spec: {nodeSelector: {a: b, vm: \"yes\"}, tolerations: [{operator: Exists, key: null}]}}", NULL},
        {scheduling, NULL,
         POD(", runtimeClassName: vm, tolerations: [{operator: Exists, effect: NoExecute}]"),
         "{spec: {tolerations: [{effect: NoExecute}, {key: vm}]}}", NULL},
        {scheduling, NULL, POD(", runtimeClassName: vm, nodeSelector: {vm: \"no\"}"), NULL,
         "spec.nodeSelector[vm]: must be yes, as its RuntimeClass says, not no"},
    };
    RUN(rows);
}

/* ---- limits ---- */

#define RANGE(name, items) \
    "{apiVersion: v1, kind: LimitRange, metadata: {name: " name "}, spec: {limits: [" items "]}}"
#define ASKS(limits, requests) \
    "{name: a, image: b, resources: {limits: {" limits "}, requests: {" requests "}}}"

static void containers_get_what_they_do_not_say(void **state)
{
    (void)state;
    static const char range[] =
        "[" RANGE("l", "{type: Container, default: {cpu: 2, memory: 1Gi}, defaultRequest: {cpu: 500m}}") "]";
    static const char two[] = "[" RANGE("b", "{type: Container, default: {cpu: 2}}") "," RANGE(
        "a",
        "{type: Container, default: {cpu: 1}}") ",{apiVersion: v1, kind: LimitRange, metadata: {name: x, "
                                                "namespace: other}, spec: {limits: [{type: Container, "
                                                "default: {memory: 1Gi}}]}}]";
    static const struct row rows[] = {
        {range, NULL, POD_OF("{name: a, image: b}"),
         "{metadata: {annotations: {kubernetes.io/limit-ranger: \"LimitRanger plugin set: cpu, memory "
         "request for "
         "container a; cpu, memory limit for container a\"}}, spec: {containers: [{resources: {limits: {cpu: "
         "\"2\", memory: 1Gi}, requests: {cpu: 500m, memory: 1Gi}}}]}}",
         NULL},
        {range, NULL, POD_OF(ASKS("cpu: 1", "memory: 1Mi")),
         "{metadata: {annotations: {kubernetes.io/limit-ranger: \"LimitRanger plugin set: memory limit for "
         "container a\"}}, spec: {containers: [{resources: {limits: {cpu: \"1\", memory: 1Gi}, requests: "
         "{cpu: "
         "\"1\", memory: 1Mi}}}]}}",
         NULL},
        {range, NULL, POD_OF(ASKS("cpu: 1, memory: 1Mi", "cpu: 1")), "{metadata: {annotations: null}}", NULL},
        {range, NULL,
         "{apiVersion: v1, kind: Pod, spec: {containers: [" ASKS(
             "cpu: 1, memory: 1Mi", "") "], initContainers: [{name: i, image: b}]}}",
         "{metadata: {annotations: {kubernetes.io/limit-ranger: \"LimitRanger plugin set: cpu, memory "
         "request for "
         "init container i; cpu, memory limit for init container i\"}}}",
         NULL},
        /* By name; those of other namespaces don't count. */
        {two, NULL, POD_OF("{name: a, image: b}"),
         "{spec: {containers: [{resources: {limits: {cpu: \"1\", memory: null}}}]}}", NULL},
        /* What is there already isn't touched. */
        {range, POD_OF("{name: a, image: b}"), POD_OF("{name: a, image: c}"),
         "{metadata: {annotations: null}, spec: {containers: [{resources: {limits: null}}]}}", NULL},
        {range, NULL, "{apiVersion: v1, kind: Pod, spec: {containers: [3], initContainers: x}}", NULL,
         "spec.containers[0]: must be a mapping, not 3; spec.initContainers: must be a list, not \"x\""},
    };
    RUN(rows);
}

static void containers_ask_for_what_they_may(void **state)
{
    (void)state;
    static const char range[] =
        "[" RANGE("l", "{type: Container, min: {cpu: 100m}, max: {cpu: 1}, default: {cpu: "
                       "1}, maxLimitRequestRatio: {memory: 2}}") "]";
    static const struct row rows[] = {
        {range, NULL, POD_OF(ASKS("cpu: 1, memory: 2Gi", "cpu: 100m, memory: 1Gi")), "{}", NULL},
        {range, NULL, POD_OF(ASKS("cpu: 1, memory: 2Gi", "cpu: 99m, memory: 1Gi")), NULL,
         "spec.containers[0].resources.requests[cpu]: minimum cpu usage per Container is 100m, but request "
         "is "
         "99m"},
        {range, NULL, POD_OF(ASKS("cpu: 1001m, memory: 2Gi", "cpu: 1, memory: 1Gi")), NULL,
         "spec.containers[0].resources.limits[cpu]: maximum cpu usage per Container is 1, but limit is "
         "1001m"},
        {range, NULL, POD_OF(ASKS("cpu: 1, memory: 3Gi", "memory: 1Gi")), NULL,
         "spec.containers[0].resources.limits[memory]: memory max limit to request ratio per Container is 2, "
         "but "
         "provided ratio is 3.000000"},
        {range, NULL, POD_OF(ASKS("cpu: 1", "")), NULL,
         "spec.containers[0].resources.limits[memory]: memory max limit to request ratio per Container is 2, "
         "but "
         "no request is specified, or it is 0"},
        {range, NULL,
         "{apiVersion: v1, kind: Pod, spec: {containers: [" ASKS(
             "cpu: 1, memory: 1Gi",
             "") "], initContainers: [{name: i, image: b, resources: {limits: {cpu: 2, memory: 1Gi}}}]}}",
         NULL,
         "spec.initContainers[0].resources.limits[cpu]: maximum cpu usage per Container is 1, but limit is "
         "2"},
        /* A smallest one alone wants a request. */
        {"[" RANGE("l", "{type: Container, min: {memory: 1Mi}}") "," RANGE("m", "{type: Container}") "]",
         NULL, POD(""), "{spec: {containers: [{resources: {requests: {memory: 1Mi}}}]}}", NULL},
    };
    RUN(rows);
}

static void a_pod_asks_for_what_it_may(void **state)
{
    (void)state;
    static const char most[] = "[" RANGE("l", "{type: Pod, max: {cpu: 2}}") "]";
    static const char least[] = "[" RANGE("l", "{type: Pod, min: {memory: 3Gi}}") "]";
    static const struct row rows[] = {
        {most, NULL, POD_OF(ASKS("cpu: 1", "") ", {name: c, image: b, resources: {limits: {cpu: 1000m}}}"),
         "{}", NULL},
        {most, NULL, POD_OF(ASKS("cpu: 1", "") ", {name: c, image: b, resources: {limits: {cpu: 1500m}}}"),
         NULL, "spec: maximum cpu usage per Pod is 2, but limit is 2500m"},
        {most, NULL, POD(""), NULL, "spec: maximum cpu usage per Pod is 2, and no limit is specified"},
        /* Beside a sidecar that came before it. */
        {most, NULL,
         "{apiVersion: v1, kind: Pod, spec: {containers: [" ASKS(
             "cpu: 1", "") "], initContainers: [{name: s, image: b, restartPolicy: Always, resources: "
                           "{limits: {cpu: 1}}}, {name: i, "
                           "image: b, resources: {limits: {cpu: 1200m}}}]}}",
         NULL, "spec: maximum cpu usage per Pod is 2, but limit is 2200m"},
        {least, NULL,
         POD_OF(ASKS("", "memory: 2Gi") ", {name: c, image: b, resources: {requests: {memory: 1Gi}}}"), "{}",
         NULL},
        {least, NULL, POD_OF(ASKS("", "memory: 2Gi")), NULL,
         "spec: minimum memory usage per Pod is 3Gi, but request is 2Gi"},
    };
    RUN(rows);
}

/* ---- storage and network ---- */

#define CLAIM_OF(storage, rest)                                                                      \
    "{apiVersion: v1, kind: PersistentVolumeClaim, spec: {accessModes: [ReadWriteOnce], resources: " \
    "{requests: "                                                                                    \
    "{storage: " storage "}}" rest "}}"
#define STORAGE(name, time, mark)                                                                \
    "{apiVersion: storage.k8s.io/v1, kind: StorageClass, provisioner: p, metadata: {name: " name \
    ", creationTimestamp: \"2026-01-" time                                                       \
    "T00:00:00Z\", annotations: {storageclass.kubernetes.io/is-default-class: "                  \
    "\"" mark "\"}}}"

static void a_claim_gets_the_default_class(void **state)
{
    (void)state;
    static const char classes[] = "[" STORAGE("old", "01", "true") "," STORAGE("b", "02", "true") "," STORAGE(
        "c", "02", "true") "," STORAGE("no", "03", "false") "]";
    static const char range[] =
        "[" RANGE("l", "{type: PersistentVolumeClaim, min: {storage: 1Gi}, max: {storage: "
                       "2Gi}}") "]";
    static const struct row rows[] = {
        {classes, NULL, CLAIM_OF("1Gi", ""),
         "{spec: {storageClassName: b}, metadata: {finalizers: [kubernetes.io/pvc-protection]}}", NULL},
        {classes, NULL, CLAIM_OF("1Gi", ", storageClassName: \"\""), "{spec: {storageClassName: \"\"}}",
         NULL},
        {"[]", NULL, CLAIM_OF("1Gi", ""), "{spec: {storageClassName: null}}", NULL},
        {classes, CLAIM_OF("1Gi", ""), CLAIM_OF("1Gi", ""), "{spec: {storageClassName: null}}", NULL},
        {range, NULL, CLAIM_OF("2Gi", ""), "{}", NULL},
        {range, NULL, CLAIM_OF("1", ""), NULL,
         "spec.resources.requests[storage]: minimum storage usage per PersistentVolumeClaim is 1Gi, but "
         "request is "
         "1"},
        {range, NULL, CLAIM_OF("3Gi", ""), NULL,
         "spec.resources.requests[storage]: maximum storage usage per PersistentVolumeClaim is 2Gi, but "
         "request is "
         "3Gi"},
    };
    RUN(rows);
}

#define INGRESS(rest)                                       \
    "{apiVersion: networking.k8s.io/v1, kind: Ingress" rest \
    ", defaultBackend: {service: {name: s, port: {number: 1}}}}}"

static void an_ingress_gets_the_default_class(void **state)
{
    (void)state;
    static const char classes[] =
        "[{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: i, annotations: "
        "{ingressclass.kubernetes.io/is-default-class: \"true\"}}, spec: {controller: e.com/c}}]";
    static const struct row rows[] = {
        {classes, NULL, INGRESS(", spec: {rules: []"), "{spec: {ingressClassName: i}}", NULL},
        {classes, NULL, INGRESS(", spec: {ingressClassName: mine"), "{spec: {ingressClassName: mine}}", NULL},
        {classes, NULL,
         INGRESS(", metadata: {annotations: {kubernetes.io/ingress.class: x}}, spec: {rules: []"),
         "{spec: {ingressClassName: null}}", NULL},
    };
    RUN(rows);
}

/* ---- the set ---- */

static void who_holds_a_set_sees_no_change(void **state)
{
    (void)state;
    struct policies *now = policies_of("[" CLASS("a", "value: 1") "]"), *held = policies_hold(now);
    autodoc struct doc *other = must_yaml(CLASS("b", "value: 2"));
    put(&now, doc_root(other));
    policies_put(&now, POLICY_PRIORITY_CLASS, STR(""), STR("a"), NULL);
    assert_true(value_exists(policies_find(held, POLICY_PRIORITY_CLASS, STR(""), STR("a"))));
    assert_false(value_exists(policies_find(held, POLICY_PRIORITY_CLASS, STR(""), STR("b"))));
    assert_false(value_exists(policies_find(now, POLICY_PRIORITY_CLASS, STR(""), STR("a"))));
    assert_true(value_exists(policies_find(now, POLICY_PRIORITY_CLASS, STR(""), STR("b"))));
    policies_drop(now);
    policies_drop(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pod_gets_the_priority_of_its_class),
        cmocka_unit_test(only_one_class_is_the_default),
        cmocka_unit_test(a_pod_tolerates_nodes_for_a_while),
        cmocka_unit_test(a_pod_gets_what_its_runtime_class_says),
        cmocka_unit_test(containers_get_what_they_do_not_say),
        cmocka_unit_test(containers_ask_for_what_they_may),
        cmocka_unit_test(a_pod_asks_for_what_it_may),
        cmocka_unit_test(a_claim_gets_the_default_class),
        cmocka_unit_test(an_ingress_gets_the_default_class),
        cmocka_unit_test(who_holds_a_set_sees_no_change),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
