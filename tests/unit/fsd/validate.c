#include "fsd/validate.h"
#include "tests/unit/fsd/kinds.h"

static char *finding(const char *kind_name, const char *manifest, bool draft)
{
    const struct kind *kind = must_kind(kind_name);
    autodoc struct doc *doc = must_yaml(manifest);
    autoerror struct error *err = NULL;
    schema_prune_nulls(kind_form(kind)->schema, doc_root(doc));
    schema_default(kind_form(kind)->schema, doc_root(doc));
    int result = object_validate(kind, doc_root(doc), draft, &err);
    if (result == 0)
        return strdup("");
    assert_int_equal(result, -EINVAL);
    assert_int_equal(err->number, EINVAL);
    return strdup(err->message);
}

struct row {
    const char *kind, *manifest, *sentence;
};

static void assert_findings(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        autofree char *found = finding(rows[i].kind, rows[i].manifest, false);
        if (strcmp(found, rows[i].sentence) != 0)
            fail_msg("%s\nis: %s\nnot: %s", rows[i].manifest, found, rows[i].sentence);
    }
}

#define CONTAINER       "name: a, image: b"
#define POD(spec)       "spec: {containers: [{" CONTAINER "}]" spec "}"
#define WITH(container) "spec: {containers: [{" CONTAINER ", " container "}]}"
#define DEPLOYMENT(spec)                                                                                     \
    "spec: {selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: {containers: " \
    "[{" CONTAINER "}]}}" spec "}"

static void what_the_schema_forbids_is_said_with_its_path(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"deployments", DEPLOYMENT(""), ""},
        {"deployments", DEPLOYMENT(", replcas: 3"),
         "unknown field \"spec.replcas\": did you mean \"replicas\"?"},
        {"deployments", DEPLOYMENT(", zzzzzz: 3"), "unknown field \"spec.zzzzzz\""},
        {"deployments", DEPLOYMENT(", replicas: -1"), "spec.replicas: must be at least 0, not -1"},
        {"deployments", DEPLOYMENT(", replicas: three"), "spec.replicas: must be an integer, not \"three\""},
        {"deployments", DEPLOYMENT(", replicas: \"3\""), "spec.replicas: must be an integer, not \"3\""},
        {"deployments", DEPLOYMENT(", replicas: 2147483648"),
         "spec.replicas: must be between -2147483648 and 2147483647, not 2147483648"},
        {"deployments", DEPLOYMENT(", replicas: 1.5"),
         "spec.replicas: must be an integer of at most 64 bits, not 1.5"},
        {"deployments", DEPLOYMENT(", paused: 1"), "spec.paused: must be true or false, not 1"},
        {"deployments", DEPLOYMENT(", strategy: {type: Blue}"),
         "spec.strategy.type: must be one of Recreate, RollingUpdate, not \"Blue\""},
        {"deployments", "{}", "spec: is required"},
        {"deployments", "spec: {}", "spec.selector: is required; spec.template: is required"},
        {"deployments", "spec: [a]", "spec: must be a mapping, not a list"},
        {"pods", "spec: {}", "spec.containers: is required"},
        {"pods", "spec: {containers: []}", "spec.containers: must not be empty"},
        {"pods", "spec: {containers: {}}", "spec.containers: must be a list, not a mapping"},
        {"pods", "spec: {containers: [{image: b}]}", "spec.containers[0].name: is required"},
        {"pods", "spec: {containers: [{name: a, image: \"\"}]}", "spec.containers[0].image: is required"},
        {"pods", WITH("ports: [{containerPort: 0}]"),
         "spec.containers[0].ports[0].containerPort: must be between 1 and 65535, not 0"},
        {"pods", WITH("ports: [{containerPort: 80, protocol: HTTP}]"),
         "spec.containers[0].ports[0].protocol: must be one of TCP, UDP, SCTP, not \"HTTP\""},
        {"pods", WITH("command: sh"), "spec.containers[0].command: must be a list, not \"sh\""},
        {"pods", WITH("resources: {requests: {cpu: lots}}"),
         "spec.containers[0].resources.requests[cpu]: must be a quantity as 100m, 1.5, 64Mi or 2G, not "
         "\"lots\""},
        {"pods", "spec: {containers: [{" CONTAINER "}, {" CONTAINER "}]}",
         "spec.containers[1].name: \"a\" is there already"},
        {"pods",
         "spec: {volumes: [{name: v}], containers: [{" CONTAINER
         ", volumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /a}]}]}",
         "spec.containers[0].volumeMounts[1].mountPath: \"/a\" is there already"},
        {"pods", WITH("env: [{name: A, value: b}, {name: A, value: c}]"), ""}, /* the last one counts */
        {"configmaps", "{data: {a: 1}}", "data[a]: must be a string, not 1"},
        {"configmaps", "{binaryData: {a: \"!\"}}", "binaryData[a]: must be base64, not \"!\""},
        {"configmaps", "{metadata: {name: Big}}",
         "metadata.name: must be a lowercase RFC 1123 subdomain: at most 253 of a-z, 0-9, - and ., each part "
         "beginning and ending with a letter or digit, not \"Big\""},
        {"namespaces", "{metadata: {name: a.b}}",
         "metadata.name: must be a lowercase RFC 1123 label: at most 63 of a-z, 0-9 and -, beginning and "
         "ending "
         "with a letter or digit, not \"a.b\""},
        {"configmaps", "{metadata: {labels: {a: \"b c\"}}}",
         "metadata.labels[a]: must be empty or at most 63 of letters, digits, -, _ and ., beginning and "
         "ending "
         "with a letter or digit, not \"b c\""},
        {"configmaps", "{metadata: {labels: {\"-a\": b}}}",
         "metadata.labels[-a]: the key must be a qualified name: at most 63 of letters, digits, -, _ and ., "
         "beginning and ending with a letter or digit, perhaps behind a DNS subdomain and a slash"},
        {"configmaps", "{data: {a/b: c}}",
         "data[a/b]: the key must be a file name: at most 253 of letters, digits, -, _ and ., not . or "
         "beginning "
         "with .."},
        {"leases", "{spec: {renewTime: now}}",
         "spec.renewTime: must be a time as 2026-01-31T12:00:00.000000Z, not \"now\""},
    };
    assert_findings(rows, COUNT(rows));
}

static void rules_over_several_fields_are_kept(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"deployments",
         "spec: {selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: z}}, spec: "
         "{containers: "
         "[{" CONTAINER "}]}}}",
         "spec.template.metadata.labels: must match the selector, or the pods would not be found again"},
        {"replicasets", "spec: {selector: {}, template: {spec: {containers: [{" CONTAINER "}]}}}",
         "spec.selector: must not be empty: it would select every pod"},
        {"deployments",
         "spec: {selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: "
         "{restartPolicy: "
         "Never, containers: [{" CONTAINER "}]}}}",
         "spec.template.spec.restartPolicy: must be Always, not \"Never\""},
        {"pods", POD(", restartPolicy: Never"), ""},
        {"deployments", DEPLOYMENT(", progressDeadlineSeconds: 5, minReadySeconds: 5"),
         "spec.progressDeadlineSeconds: must be more than minReadySeconds (5), not 5"},
        {"deployments", DEPLOYMENT(", strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}"),
         "spec.strategy.rollingUpdate.maxUnavailable: must not be 0 when maxSurge is 0: nothing could ever "
         "be "
         "replaced"},
        {"deployments", DEPLOYMENT(", strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}"),
         "spec.strategy.rollingUpdate: must not be there when type is Recreate"},
        {"pods", WITH("resources: {requests: {cpu: 2}, limits: {cpu: 1500m}}"),
         "spec.containers[0].resources.requests[cpu]: must be at most the limit of 1500m, not 2"},
        {"pods", WITH("resources: {requests: {cpu: 1500m}, limits: {cpu: 1.5}}"), ""},
        {"pods", WITH("resources: {requests: {cpu: -1}}"),
         "spec.containers[0].resources.requests[cpu]: must be at least 0, not -1"},
        {"pods", WITH("volumeMounts: [{name: v, mountPath: /v}]"),
         "spec.containers[0].volumeMounts[0].name: there is no volume \"v\""},
        {"pods", POD(", initContainers: [{" CONTAINER "}]"),
         "spec.containers[0].name: \"a\" is there already, in initContainers"},
        {"pods", POD(", volumes: [{name: v, emptyDir: {sizeLimit: -1}}]"),
         "spec.volumes[0].emptyDir.sizeLimit: must not be negative"},
        {"pods", POD(", volumes: [{name: v, configMap: {name: c, items: [{key: k, path: ..k}]}}]"),
         "spec.volumes[0].configMap.items[0].path: must be a relative path without \"..\", also not at its "
         "beginning, not \"..k\""},
        {"pods",
         POD(", volumes: [{name: v, projected: {sources: [{configMap: {name: c, items: [{key: k, path: "
             "p}]}}, "
             "{secret: {name: s, items: [{key: k, path: p}]}}]}}]"),
         "spec.volumes[0].projected.sources[1].secret.items[0].path: must not be \"p\": another source has "
         "that "
         "path"},
        {"pods",
         POD(", volumes: [{name: v, projected: {sources: [{configMap: {name: c}}, {configMap: {name: c}}, "
             "{serviceAccountToken: {path: t}}]}}], serviceAccountName: s"),
         ""},
        {"pods", POD(", volumes: [{name: v, emptyDir: {}, hostPath: {path: /}}]"),
         "spec.volumes[0].hostPath: must not be there: a volume is of one type only"},
        {"pods", POD(", volumes: [{name: v}, {name: v}]"), "spec.volumes[1].name: \"v\" is there already"},
        {"pods", WITH("env: [{name: A, value: b, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]"),
         "spec.containers[0].env[0].valueFrom: must not be there beside a value"},
        {"pods", WITH("env: [{name: A, valueFrom: {}}]"),
         "spec.containers[0].env[0].valueFrom: must have one of fieldRef, resourceFieldRef, configMapKeyRef, "
         "secretKeyRef"},
        {"pods", WITH("livenessProbe: {tcpSocket: {port: 80}, successThreshold: 2}"),
         "spec.containers[0].livenessProbe.successThreshold: must be 1, not 2"},
        {"pods", WITH("readinessProbe: {}"),
         "spec.containers[0].readinessProbe: must have one of exec, httpGet, tcpSocket, grpc"},
        {"pods", WITH("readinessProbe: {exec: {command: [a]}, tcpSocket: {port: 1}}"),
         "spec.containers[0].readinessProbe.tcpSocket: must not be there beside another: only one of exec, "
         "httpGet, "
         "tcpSocket, grpc"},
        {"pods", WITH("restartPolicy: Always"),
         "spec.containers[0].restartPolicy: must not be there: only init containers have it"},
        {"pods", POD(", tolerations: [{operator: Exists, value: a}]"),
         "spec.tolerations[0].value: must not be there when operator is Exists"},
        {"pods", WITH("ports: [{containerPort: 1, hostPort: 80}, {containerPort: 2, hostPort: 80}]"),
         "spec.containers[0].ports[1].hostPort: 80 is there already: the node has each port once"},
        {"pods",
         WITH("ports: [{containerPort: 1, hostPort: 80}, {containerPort: 2, hostPort: 80, protocol: UDP}]"),
         ""},
        {"pods", WITH("readinessProbe: {exec: {command: [a]}, terminationGracePeriodSeconds: 5}"),
         "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: must not be there: a readiness "
         "probe ends nothing"},
        {"pods", WITH("lifecycle: {preStop: {sleep: {seconds: 30}}}"), ""},
        {"pods", WITH("lifecycle: {preStop: {sleep: {seconds: 31}}}"),
         "spec.containers[0].lifecycle.preStop.sleep.seconds: must be at most terminationGracePeriodSeconds "
         "(30), not 31"},
        {"pods", WITH("resources: {requests: {e.com/x: 1}}"),
         "spec.containers[0].resources.requests[e.com/x]: must have a limit, too: it is not given out twice"},
        {"pods", WITH("resources: {requests: {e.com/x: 1}, limits: {e.com/x: 2}}"),
         "spec.containers[0].resources.requests[e.com/x]: must be the limit of 2, not 1"},
        {"pods", WITH("resources: {requests: {hugepages-2Mi: 2Mi}, limits: {hugepages-2Mi: 2Mi}}"),
         "spec.containers[0].resources.requests: must have cpu or memory beside hugepages"},
        {"pods", WITH("env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.disk}}}]"),
         "spec.containers[0].env[0].valueFrom.resourceFieldRef.resource: must be limits or requests, a dot, "
         "and one of cpu, memory, ephemeral-storage, hugepages-<size>, not \"limits.disk\""},
        {"pods", WITH("env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 3}}}]"),
         "spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: must be 1 or 1m, not 3"},
        {"pods",
         WITH("env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 3Mi}}}]"),
         "spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: must be 1 or a unit, as 1k, 1M, 1Ki, "
         "1Mi, not 3Mi"},
        {"pods",
         WITH("env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Gi}}}]"),
         ""},
        {"pods", WITH("env: [{name: A, valueFrom: {fieldRef: {apiVersion: v2, fieldPath: metadata.name}}}]"),
         "spec.containers[0].env[0].valueFrom.fieldRef.apiVersion: must be v1, not \"v2\""},
        {"pods", WITH("securityContext: {seccompProfile: {type: Localhost, localhostProfile: ../x}}"),
         "spec.containers[0].securityContext.seccompProfile.localhostProfile: must be a relative path "
         "without "
         "\"..\", not \"../x\""},
        {"pods", POD(", securityContext: {sysctls: [{name: net.a.b}, {name: net/a/b}]}"),
         "spec.securityContext.sysctls[1].name: \"net/a/b\" is there already"},
        {"pods", POD(", hostNetwork: true, securityContext: {sysctls: [{name: net.a.b}]}"),
         "spec.securityContext.sysctls[0].name: must not be \"net.a.b\" when hostNetwork is true"},
        {"pods", POD(", hostIPC: true, securityContext: {sysctls: [{name: kernel.shmmax}, {name: net.a.b}]}"),
         "spec.securityContext.sysctls[0].name: must not be \"kernel.shmmax\" when hostIPC is true"},
        {"pods", POD(", dnsConfig: {searches: [a.b., .]}"), ""},
        {"pods", POD(", dnsConfig: {searches: [a b]}"),
         "spec.dnsConfig.searches[0]: must be a lowercase RFC 1123 subdomain: at most 253 of a-z, 0-9, - and "
         "., each part beginning and ending with a letter or digit, not \"a b\""},
        {"pods", POD(", hostAliases: [{ip: 10.0.0.1, hostnames: [a]}, {ip: 10.0.0.1, hostnames: [b]}]"), ""},
        {"configmaps", "{data: {a: b}, binaryData: {a: YQ==}}", "data[a]: is in binaryData too"},
    };
    assert_findings(rows, COUNT(rows));
}

static void up_to_five_findings_are_said(void **state)
{
    (void)state;
    autofree char *found = finding(
        "pods", "{a1: 1, spec: {b1: 1, c1: 1, d1: 1, containers: [{e1: 1, f1: 1, name: x, image: z}]}}",
        false);
    assert_string_equal(found,
                        "unknown field \"a1\"; unknown field \"spec.b1\"; unknown field \"spec.c1\"; unknown "
                        "field \"spec.d1\"; unknown field \"spec.containers[0].e1\"; and 1 more");
}

static void a_draft_may_lack_what_is_required(void **state)
{
    (void)state;
    static const char manifest[] = "spec: {template: {spec: {containers: [{name: a}]}}}";
    autofree char *found = finding("deployments", manifest, true);
    assert_string_equal(found, "");
    autofree char *still = finding("deployments", "spec: {replicas: x}", true);
    assert_string_equal(still, "spec.replicas: must be an integer, not \"x\"");
    autodoc struct doc *doc = must_yaml(manifest);
    autobuf struct buf missing = {0};
    object_missing(must_kind("deployments"), doc_root(doc), &missing);
    assert_str(buf_str(&missing), "spec.template.spec.containers[0].image, spec.selector");
}

static void missing_is_what_would_be_refused_as_lacking(void **state)
{
    (void)state;
    static const struct {
        const char *manifest, *missing;
    } rows[] = {
        {"spec: {selector: {}, template: {metadata: {}, spec: {containers: []}}}",
         "spec.template.spec.containers, spec.selector"},
        {"spec: {selector: {matchLabels: {}}, template: {spec: {containers: [{name: a, image: b}]}}}",
         "spec.selector"},
        {"spec: {selector: {matchLabels: {a: b}}, template: {metadata: {}, spec: {containers: [{name: a, "
         "image: \"\"}]}}}",
         "spec.template.spec.containers[0].image, spec.template.metadata.labels"},
        {"spec: {selector: {matchExpressions: [{key: a}]}, template: {metadata: {labels: {a: b}}, spec: "
         "{containers: [{name: a, image: b}]}}}",
         "spec.selector.matchExpressions[0].operator, spec.template.metadata.labels"},
        {"spec: {selector: {matchExpressions: [{key: a, operator: In}]}, template: {metadata: {labels: {a: "
         "b}}, spec: {containers: [{name: a, image: b}]}}}",
         "spec.selector.matchExpressions[0].values, spec.template.metadata.labels"},
        {"spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: "
         "[{name: a, image: b}]}}}",
         ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *doc = must_yaml(rows[i].manifest);
        autobuf struct buf missing = {0};
        object_missing(must_kind("deployments"), doc_root(doc), &missing);
        assert_str(buf_str(&missing), rows[i].missing);
    }
}

static void long_values_are_cut_between_characters(void **state)
{
    (void)state;
    autobuf struct buf manifest = {0}, expected = {0};
    buf_add_text(&manifest, "spec: {replicas: \"");
    for (size_t i = 0; i < 50; i++)
        buf_add_text(&manifest, "aéé");
    buf_add_text(&manifest, "\"}");
    autofree char *found = finding("deployments", manifest.at, true);
    buf_add_text(&expected, "spec.replicas: must be an integer, not \"");
    for (size_t i = 0; i < 12; i++)
        buf_add_text(&expected, "aéé");
    buf_add_text(&expected, "aé\"…");
    assert_string_equal(found, expected.at);
}

static void many_elements_are_compared_in_no_time(void **state)
{
    (void)state;
    autobuf struct buf manifest = {0};
    buf_add_text(&manifest, "spec: {volumes: [");
    for (int i = 0; i < 20000; i++)
        buf_addf(&manifest, "%s{name: v%d}", i != 0 ? "," : "", i % 19999);
    buf_add_text(&manifest, "]}");
    autofree char *found = finding("pods", manifest.at, true);
    assert_string_equal(found, "spec.volumes[19999].name: \"v0\" is there already");
}

/* ---- updates ---- */

static void assert_update(const char *kind_name, const char *before, const char *after, const char *sentence)
{
    const struct kind *kind = must_kind(kind_name);
    autodoc struct doc *old = must_yaml(before), *new = must_yaml(after);
    autoerror struct error *err = NULL;
    int result = object_validate_update(kind, doc_root(old), doc_root(new), &err);
    if (result == 0 ? sentence[0] != '\0' : result != -EPERM || strcmp(err->message, sentence) != 0)
        fail_msg("%s\nto %s\nis: %s\nnot: %s", before, after, result == 0 ? "fine" : err->message, sentence);
}

static void what_may_not_change_is_refused(void **state)
{
    (void)state;
    static const char fixed[] =
        ": can't be changed in a pod: only images, tolerations (more of them) and activeDeadlineSeconds can";
    autofree char *command = NULL, *count = NULL, *policy = NULL, *grace = NULL;
    if (asprintf(&command, "spec.containers[0].command%s", fixed) < 0 ||
        asprintf(&count, "spec.containers%s", fixed) < 0 ||
        asprintf(&policy, "spec.restartPolicy%s", fixed) < 0 ||
        asprintf(&grace, "spec.terminationGracePeriodSeconds%s", fixed) < 0)
        abort();
    const struct row rows[] = {
        {"deployments", "spec: {selector: {matchLabels: {a: b}}}|spec: {selector: {matchLabels: {a: c}}}",
         "spec.selector: can't be changed after creation"},
        {"deployments", "spec: {replicas: 1}|spec: {replicas: 2}", ""},
        {"pods", POD("") "|" WITH("command: [a]"), command},
        {"pods", WITH("command: [a]") "|" POD(""), command},
        {"pods", "spec: {containers: [{name: a, image: b}]}|spec: {containers: [{name: a, image: c}]}", ""},
        {"pods", POD("") "|spec: {containers: [{" CONTAINER "}, {name: c, image: d}]}", count},
        {"pods", POD(", restartPolicy: Never") "|" POD(", restartPolicy: Always"), policy},
        {"pods", POD(", terminationGracePeriodSeconds: 5") "|" POD(", terminationGracePeriodSeconds: 6"),
         grace},
        {"pods", POD("") "|" POD(", activeDeadlineSeconds: 5"), ""},
        {"pods", POD(", activeDeadlineSeconds: 5") "|" POD(""),
         "spec.activeDeadlineSeconds: can only become less than 5"},
        {"pods", POD("") "|" POD(", nodeName: n1"), ""},
        {"pods", POD(", nodeName: n1") "|" POD(", nodeName: n2"),
         "spec.nodeName: can't be changed: the pod is bound to \"n1\""},
        {"pods", POD(", nodeName: n1") "|" POD(""),
         "spec.nodeName: can't be changed: the pod is bound to \"n1\""},
        {"pods", POD(", tolerations: [{key: a}]") "|" POD(", tolerations: [{key: b}, {key: a}]"), ""},
        {"pods", POD(", tolerations: [{key: a}]") "|" POD(", tolerations: [{key: b}]"),
         "spec.tolerations: can only get more: those that are there must stay"},
        {"pods", POD(", activeDeadlineSeconds: 5") "|" POD(", activeDeadlineSeconds: 4"), ""},
        {"pods", POD(", activeDeadlineSeconds: 5") "|" POD(", activeDeadlineSeconds: 6"),
         "spec.activeDeadlineSeconds: can only become less than 5"},
        {"pods", POD(", volumes: []") "|" POD(""), ""},
        {"configmaps", "{immutable: true, data: {a: b}}|{immutable: true, data: {a: c}}",
         "data: can't be changed while immutable is true"},
        {"configmaps", "{immutable: true}|{immutable: false}",
         "immutable: can't be changed while immutable is true"},
        {"configmaps", "{immutable: true, data: {}}|{immutable: true, metadata: {labels: {a: b}}}", ""},
        {"configmaps", "{data: {a: b}}|{immutable: true, data: {a: c}}", ""},
        {"secrets", "{immutable: true, data: {a: YQ==}}|{immutable: true, data: {a: Yg==}}",
         "data: can't be changed while immutable is true"},
        {"secrets", "{type: a}|{type: b}", "type: can't be changed after creation"},
        {"secrets", "{data: {a: YQ==}}|{data: {a: Yg==}}", ""},
        {"nodes", "spec: {}|spec: {podCIDR: 10.0.0.0/24}", ""},
        {"nodes", "spec: {podCIDR: 10.0.0.0/24}|spec: {podCIDR: 10.0.1.0/24}",
         "spec.podCIDR: can't be changed, it is \"10.0.0.0/24\""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autofree char *before = strdup(rows[i].manifest);
        char *after = strchr(before, '|');
        *after++ = '\0';
        assert_update(rows[i].kind, before, after, rows[i].sentence);
    }
}

static void a_secret_has_what_its_type_wants(void **state)
{
    (void)state;
#define TYPE(name, data) "{type: kubernetes.io/" name ", data: {" data "}}"
    static const struct row rows[] = {
        {"secrets", "{}", ""},
        {"secrets", "{type: somebody.org/own, data: {a: YQ==}}", ""},
        {"secrets", "{data: {a/b: YQ==}}",
         "data[a/b]: the key must be a file name: at most 253 of letters, digits, -, _ and ., not . or "
         "beginning with .."},
        {"secrets", TYPE("tls", ""),
         "data[tls.crt]: is required when type is kubernetes.io/tls; data[tls.key]: is required when type is "
         "kubernetes.io/tls"},
        {"secrets", TYPE("tls", "tls.crt: '', tls.key: ''"), ""},
        {"secrets", "{type: kubernetes.io/tls, data: {tls.crt: YQ==}, stringData: {tls.key: a}}", ""},
        {"secrets", TYPE("ssh-auth", "ssh-privatekey: ''"),
         "data[ssh-privatekey]: is required when type is kubernetes.io/ssh-auth"},
        {"secrets", TYPE("ssh-auth", "ssh-privatekey: YQ=="), ""},
        {"secrets", TYPE("basic-auth", "other: YQ=="),
         "data[username]: is required when type is kubernetes.io/basic-auth; data[password]: is required "
         "when "
         "type is kubernetes.io/basic-auth"},
        {"secrets", TYPE("basic-auth", "password: YQ=="), ""},
        {"secrets", TYPE("dockerconfigjson", ""),
         "data[.dockerconfigjson]: is required when type is kubernetes.io/dockerconfigjson"},
        {"secrets", TYPE("dockerconfigjson", ".dockerconfigjson: e30="), ""}, /* {} */
        {"secrets", TYPE("dockerconfigjson", ".dockerconfigjson: NQ=="),
         "data[.dockerconfigjson]: must be a JSON object"},
        {"secrets", TYPE("dockercfg", ".dockercfg: YQ=="), "data[.dockercfg]: must be a JSON object"},
        {"secrets", TYPE("service-account-token", ""),
         "metadata.annotations[kubernetes.io/service-account.name]: is required when type is "
         "kubernetes.io/service-account-token"},
        {"secrets",
         "{type: kubernetes.io/service-account-token, metadata: {annotations: "
         "{kubernetes.io/service-account.name: a}}}",
         ""},
        {"serviceaccounts",
         "{secrets: [{name: a}, {name: b}], imagePullSecrets: [{name: a}, {name: a}], "
         "automountServiceAccountToken: false}",
         ""},
        {"serviceaccounts", "{secrets: [{name: a}, {name: a}]}", "secrets[1].name: \"a\" is there already"},
        {"serviceaccounts", "{automountServiceAccountToken: 1}",
         "automountServiceAccountToken: must be true or false, not 1"},
    };
    assert_findings(rows, COUNT(rows));
}

static void what_may_be_a_secret_is_not_said(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"secrets", "{data: {a: hunter2!}}", "data[a]: must be base64"},
        {"secrets", "{data: {a: 12345}}", "data[a]: must be a string"},
        {"secrets", "{data: hunter2}", "data: must be a mapping"},
        {"secrets", "{data: [hunter2]}", "data: must be a mapping"},
        {"secrets", "{stringData: {a: 12345, b: hunter2}}", "stringData[a]: must be a string"},
        {"secrets", "{stringData: hunter2}", "stringData: must be a mapping"},
        {"secrets", "{stringData: {a: hunter2}, data: hunter3}", "data: must be a mapping"},
        {"secrets", "{password: hunter2}", "unknown field \"password\""},
        {"secrets", "{data: {a: 'sealed:1:01234567:YQ=='}}",
         "data[a]: is encrypted, and can't be read with the key that is here: give it a value"},
        {"secrets", "{immutable: 5}", "immutable: must be true or false, not 5"},
    };
    assert_findings(rows, COUNT(rows));
}

static void a_name_is_checked_by_kind(void **state)
{
    (void)state;
    autoerror struct error *err = NULL;
    assert_int_equal(object_check_name(must_kind("pods"), STR("a.b-1"), NULL), 0);
    assert_int_equal(object_check_name(must_kind("namespaces"), STR("a-1"), NULL), 0);
    assert_int_equal(object_check_name(must_kind("namespaces"), STR("a.b"), NULL), -EINVAL);
    int result = object_check_name(must_kind("namespaces"), STR("A"), &err);
    assert_error(result, EINVAL, err,
                 "the name of a namespace must be a lowercase RFC 1123 label: at most 63 of a-z, 0-9 and -, "
                 "beginning and ending with a letter or digit, not \"A\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_schema_forbids_is_said_with_its_path),
        cmocka_unit_test(rules_over_several_fields_are_kept),
        cmocka_unit_test(up_to_five_findings_are_said),
        cmocka_unit_test(a_draft_may_lack_what_is_required),
        cmocka_unit_test(missing_is_what_would_be_refused_as_lacking),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(many_elements_are_compared_in_no_time),
        cmocka_unit_test(what_may_not_change_is_refused),
        cmocka_unit_test(a_secret_has_what_its_type_wants),
        cmocka_unit_test(what_may_be_a_secret_is_not_said),
        cmocka_unit_test(a_name_is_checked_by_kind),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
