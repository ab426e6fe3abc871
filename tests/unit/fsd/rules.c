/* The rules of the kinds beside pods: what Kubernetes' validation of each would refuse, and what it takes. */
#include "fsd/validate.h"
#include "tests/unit/fsd/kinds.h"

struct row {
    const char *kind, *manifest, *sentence;
};

static void assert_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct kind *kind = must_kind(rows[i].kind);
        autodoc struct doc *doc = must_yaml(rows[i].manifest);
        autoerror struct error *err = NULL;
        schema_prune_nulls(kind_form(kind)->schema, doc_root(doc));
        schema_default(kind_form(kind)->schema, doc_root(doc));
        const char *found = object_validate(kind, doc_root(doc), false, &err) < 0 ? error_message(err) : "";
        if (strcmp(found, rows[i].sentence) != 0)
            fail_msg("%s: %s\nis: %s\nnot: %s", rows[i].kind, rows[i].manifest, found, rows[i].sentence);
    }
}

#define POD                 "spec: {restartPolicy: Never, containers: [{name: a, image: b}]}"
#define JOB(spec)           "{metadata: {name: j, uid: u}, spec: {template: {" POD "}" spec "}}"
#define CRON_JOB(spec)      "spec: {schedule: '* * * * *', jobTemplate: {spec: {template: {" POD "}" spec "}}}"
#define INDEXED             ", completionMode: Indexed, completions: 5"
#define FAILURE(rule)       JOB(", podFailurePolicy: {rules: [{action: Ignore, " rule "}]}")
#define EXIT_CODES(members) FAILURE("onExitCodes: {" members "}")

static void jobs_are_what_they_can_be_carried_out_as(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"jobs", JOB(""), ""},
        {"jobs", JOB(", selector: {matchLabels: {a: b}}"),
         "spec.selector: must not be there, unless manualSelector is true: it is made from the job's uid"},
        {"jobs", JOB(", manualSelector: true"), "spec.selector: is required when manualSelector is true"},
        {"jobs", JOB(", manualSelector: true, selector: {matchLabels: {a: b}}"),
         "spec.template.metadata.labels: must match the selector, or the pods would not be found again"},
        {"jobs",
         "{metadata: {name: j, uid: u}, spec: {template: {metadata: {labels: {job-name: x}}, " POD "}}}",
         "spec.template.metadata.labels[job-name]: must be \"j\", the job's name, unless manualSelector is "
         "true"},
        {"jobs", JOB(", completionMode: Indexed, parallelism: 2"),
         "spec.completions: is required when completionMode is Indexed"},
        {"jobs", JOB(INDEXED), ""},
        {"jobs", JOB(INDEXED ", parallelism: 100001"),
         "spec.parallelism: must be at most 100000 when completionMode is Indexed, not 100001"},
        {"jobs", JOB(INDEXED ", backoffLimitPerIndex: 1, maxFailedIndexes: 6"),
         "spec.maxFailedIndexes: must be at most 5, the completions, not 6"},
        {"jobs", JOB(", backoffLimitPerIndex: 1"),
         "spec.backoffLimitPerIndex: must not be there unless completionMode is Indexed"},
        {"jobs", JOB(INDEXED ", successPolicy: {rules: [{succeededIndexes: '0,2-4'}]}"), ""},
        {"jobs", JOB(INDEXED ", successPolicy: {rules: [{succeededIndexes: '0,2-5'}]}"),
         "spec.successPolicy.rules[0].succeededIndexes: must be indexes below 5 in order, as 1,3-5"},
        {"jobs", JOB(INDEXED ", successPolicy: {rules: [{succeededIndexes: '2,1'}]}"),
         "spec.successPolicy.rules[0].succeededIndexes: must be indexes below 5 in order, as 1,3-5"},
        {"jobs", JOB(INDEXED ", successPolicy: {rules: [{succeededIndexes: '0-1', succeededCount: 3}]}"),
         "spec.successPolicy.rules[0].succeededCount: must be at most 2, the number of indexes, not 3"},
        {"jobs", JOB(INDEXED ", successPolicy: {rules: [{}]}"),
         "spec.successPolicy.rules[0]: must have succeededIndexes, succeededCount or both"},
        {"jobs", EXIT_CODES("operator: In, values: [1, 2]"), ""},
        {"jobs", EXIT_CODES("operator: In, values: [0, 2]"),
         "spec.podFailurePolicy.rules[0].onExitCodes.values[0]: must not be 0 when operator is In"},
        {"jobs", EXIT_CODES("operator: NotIn, values: [2, 1]"),
         "spec.podFailurePolicy.rules[0].onExitCodes.values[1]: must be more than the one before"},
        {"jobs", EXIT_CODES("containerName: x, operator: In, values: [1]"),
         "spec.podFailurePolicy.rules[0].onExitCodes.containerName: there is no container \"x\""},
        {"jobs", FAILURE("onPodConditions: []"),
         "spec.podFailurePolicy.rules[0]: must have one of onExitCodes, onPodConditions"},
        {"jobs", JOB(", podFailurePolicy: {rules: []}, podReplacementPolicy: TerminatingOrFailed"),
         "spec.podReplacementPolicy: must be Failed where there is a podFailurePolicy"},
        {"cronjobs", CRON_JOB(""), ""},
        {"cronjobs", CRON_JOB(", manualSelector: true"),
         "spec.jobTemplate.spec.manualSelector: must not be there: the selectors of these jobs are made for "
         "them"},
    };
    assert_rows(rows, COUNT(rows));
}

#define TARGET  "scaleTargetRef: {kind: Deployment, name: d}, maxReplicas: 3"
#define HPA(of) "spec: {" TARGET ", metrics: [" of "]}"

static void scaling_is_by_something_that_can_be_measured(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"horizontalpodautoscalers", "spec: {" TARGET "}", ""},
        {"horizontalpodautoscalers", "spec: {" TARGET ", minReplicas: 4}",
         "spec.maxReplicas: must be at least minReplicas (4), not 3"},
        {"horizontalpodautoscalers", HPA("{type: Resource, resource: {name: cpu, target: {type: Value}}}"),
         "spec.metrics[0].resource.target: must have averageUtilization or averageValue"},
        {"horizontalpodautoscalers",
         HPA("{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 5, "
             "averageValue: 1}}}"),
         "spec.metrics[0].resource.target: must have only one of averageUtilization, averageValue"},
        {"horizontalpodautoscalers", HPA("{type: Pods, pods: {metric: {name: m}, target: {type: Value}}}"),
         "spec.metrics[0].pods.target: must have averageValue"},
        {"horizontalpodautoscalers", HPA("{type: Pods}"),
         "spec.metrics[0].pods: is required when type is Pods"},
        {"poddisruptionbudgets", "spec: {minAvailable: 50%}", ""},
        {"poddisruptionbudgets", "spec: {minAvailable: 101%}",
         "spec.minAvailable: must be a whole number or a percentage of at most 100%, not \"101%\""},
    };
    assert_rows(rows, COUNT(rows));
}

#define BACKEND       "defaultBackend: {service: {name: s, port: {number: 80}}}"
#define INGRESS(spec) "spec: {" BACKEND ", " spec "}"

static void names_of_hosts_are_no_addresses(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"ingresses", INGRESS("rules: [{host: a.example.com}, {host: '*.example.com'}]"), ""},
        {"ingresses", INGRESS("rules: [{host: 10.0.0.1}]"),
         "spec.rules[0].host: must be a lowercase RFC 1123 subdomain, perhaps with *. before it, and no IP "
         "address, not \"10.0.0.1\""},
        {"ingresses", INGRESS("tls: [{hosts: ['a.*']}]"),
         "spec.tls[0].hosts[0]: must be a lowercase RFC 1123 subdomain, perhaps with *. before it, not "
         "\"a.*\""},
        {"ingresses",
         "{metadata: {annotations: {kubernetes.io/ingress.class: a}}, " INGRESS("ingressClassName: b}"),
         "metadata.annotations[kubernetes.io/ingress.class]: must not be there beside spec.ingressClassName"},
    };
    assert_rows(rows, COUNT(rows));
}

#define VOLUME(spec) "spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, " spec "}"

static void volumes_and_what_is_shared_out(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"persistentvolumes", VOLUME("hostPath: {path: /a}"), ""},
        {"persistentvolumes", VOLUME("local: {path: /a}"),
         "spec.nodeAffinity: is required: a local volume is on one node"},
        {"persistentvolumes",
         "spec: {accessModes: [ReadWriteOncePod, ReadWriteOnce], capacity: {storage: 1}, nfs: {server: s, "
         "path: /}}",
         "spec.accessModes: must have no other beside ReadWriteOncePod"},
        {"resourcequotas", "spec: {hard: {requests.cpu: 500m, services: 5, count/jobs.batch: 5}}", ""},
        {"resourcequotas", "spec: {hard: {pods: 500m}}", "spec.hard[pods]: must be a whole number"},
        {"limitranges", "spec: {limits: [{type: Pod, max: {cpu: 1}}, {type: Pod}]}",
         "spec.limits[1].type: \"Pod\" is there already"},
        {"limitranges", "spec: {limits: [{type: PersistentVolumeClaim}]}",
         "spec.limits[0]: must have min[storage] or max[storage]"},
        {"priorityclasses", "{metadata: {name: system-mine}, value: 5}",
         "metadata.name: must not begin with system-: such names are the system's"},
        {"replicasets",
         "spec: {replicas: 2, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: "
         "{volumes: [{name: v, gcePersistentDisk: {pdName: p}}], containers: [{name: a, image: b}]}}}",
         "spec.template.spec.volumes[0].gcePersistentDisk.readOnly: must be true where there are several "
         "pods"},
        {"events", "{metadata: {namespace: a}, involvedObject: {namespace: b}}",
         "involvedObject.namespace: must be \"a\", as the event's, not \"b\""},
    };
    assert_rows(rows, COUNT(rows));
}

#define HOOK(members) \
    "webhooks: [{name: a.example.com, sideEffects: None, admissionReviewVersions: [v1], " members "}]"
#define RULE(members)                                                                                   \
    HOOK("clientConfig: {url: 'https://a/b'}, rules: [{apiGroups: [''], apiVersions: [v1], resources: " \
         "[pods], " members "}]")

static void webhooks_are_kept_as_they_would_be(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"validatingwebhookconfigurations", RULE("operations: [CREATE]"), ""},
        {"validatingwebhookconfigurations", RULE("operations: ['*', CREATE]"),
         "webhooks[0].rules[0].operations: must have nothing beside *"},
        {"mutatingwebhookconfigurations", HOOK("clientConfig: {url: 'http://a'}"),
         "webhooks[0].clientConfig.url: must be a URL that begins with https://, without user, query and "
         "fragment, not \"http://a\""},
        {"mutatingwebhookconfigurations", HOOK("clientConfig: {}"),
         "webhooks[0].clientConfig: must have one of url, service"},
        {"validatingadmissionpolicybindings", "spec: {policyName: p, validationActions: [Deny, Warn]}",
         "spec.validationActions: must not have both Deny and Warn"},
    };
    assert_rows(rows, COUNT(rows));
}

/* ---- updates ---- */

static void what_cannot_be_changed_says_so(void **state)
{
    (void)state;
    static const char sentence[] = ": can't be changed after creation";
    static const struct {
        const char *kind, *before, *after, *path;
    } rows[] = {
        {"statefulsets", "spec: {replicas: 1}", "spec: {replicas: 2, minReadySeconds: 3}", NULL},
        {"statefulsets", "spec: {serviceName: a}", "spec: {serviceName: b}", "spec.serviceName"},
        {"jobs", "spec: {parallelism: 1}", "spec: {parallelism: 2}", NULL},
        {"jobs", "spec: {completions: 1}", "spec: {completions: 2}", "spec.completions"},
        {"jobs", "spec: {template: {a: b}}", "spec: {template: {a: c}}", "spec.template"},
        {"jobs", "spec: {suspend: true, template: {a: b}}", "spec: {template: {a: c}}", NULL},
        {"persistentvolumes", "spec: {nfs: {server: a}}", "spec: {nfs: {server: b}}", "spec.nfs"},
        {"persistentvolumeclaims", "spec: {volumeMode: Block}", "spec: {volumeName: v, volumeMode: Block}",
         NULL},
        {"persistentvolumeclaims", "spec: {volumeName: v}", "spec: {volumeName: w}", "spec.volumeName"},
        {"storageclasses", "provisioner: a", "provisioner: b", "provisioner"},
        {"priorityclasses", "value: 1", "value: 2", "value"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *before = must_yaml(rows[i].before), *after = must_yaml(rows[i].after);
        autoerror struct error *err = NULL;
        autobuf struct buf wanted = {0};
        if (rows[i].path != NULL)
            buf_addf(&wanted, "%s%s", rows[i].path, sentence);
        int result = object_validate_update(must_kind(rows[i].kind), doc_root(before), doc_root(after), &err);
        if (!str_is(buf_str(&wanted), result == 0 ? "" : error_message(err)))
            fail_msg("%s: %s to %s\nis: %s", rows[i].kind, rows[i].before, rows[i].after,
                     result == 0 ? "fine" : error_message(err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_what_they_can_be_carried_out_as),
        cmocka_unit_test(scaling_is_by_something_that_can_be_measured),
        cmocka_unit_test(names_of_hosts_are_no_addresses),
        cmocka_unit_test(volumes_and_what_is_shared_out),
        cmocka_unit_test(webhooks_are_kept_as_they_would_be),
        cmocka_unit_test(what_cannot_be_changed_says_so),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
