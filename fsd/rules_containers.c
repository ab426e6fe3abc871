/* Rules of containers and what belongs to them: environment, probes, resources, mounts. */
#include "fsd/rules.h"
#include "lib/quantity.h"

/* ---- one of several ---- */

void rule_one_of(struct check *check, const struct step *at, struct value v, const char *const *names,
                 bool required)
{
    size_t count = 0;
    autobuf struct buf all = {0};
    for (size_t i = 0; names[i] != NULL; i++)
        buf_addf(&all, "%s%s", i != 0 ? ", " : "", names[i]);
    for (size_t i = 0; names[i] != NULL; i++) {
        struct step step = STEP_MEMBER(at, str_of(names[i]));
        if (value_exists(value_get(v, step.name)) && ++count == 2)
            check_say(check, &step, "must not be there beside another: only one of %s", all.at);
    }
    if (count == 0 && required)
        check_lacks(check, at, "must have one of %s", all.at);
}

/* ---- environment ---- */

static void env_var(struct check *check, const struct step *at, struct value v)
{
    struct step step = STEP_MEMBER(at, STR("valueFrom"));
    if (value_exists(value_at(v, "valueFrom")) && value_str(value_at(v, "value")).length != 0)
        check_say(check, &step, "must not be there beside a value");
}

static void env_from(struct check *check, const struct step *at, struct value v)
{
    static const char *const sources[] = {"configMapRef", "secretRef", NULL};
    rule_one_of(check, at, v, sources, true);
}

static bool is_subscripted(struct str path, const char *name)
{
    size_t length = strlen(name);
    return str_starts(path, str_of(name)) && path.length > length + 4 && path.at[length] == '[' &&
           path.at[length + 1] == '\'' && str_ends(path, STR("']"));
}

static void field_path(struct check *check, const struct step *at, struct value reference,
                       const char *const *paths)
{
    struct value path = value_at(reference, "fieldPath");
    struct step field = STEP_MEMBER(at, STR("fieldRef"));
    struct step step = STEP_MEMBER(&field, STR("fieldPath"));
    if (value_str(path).length == 0 || is_subscripted(value_str(path), "metadata.labels") ||
        is_subscripted(value_str(path), "metadata.annotations"))
        return;
    autobuf struct buf all = {0};
    for (size_t i = 0; paths[i] != NULL; i++) {
        if (value_is(path, paths[i]))
            return;
        buf_addf(&all, "%s, ", paths[i]);
    }
    check_say(check, &step,
              "must be one of %smetadata.labels['<key>'], metadata.annotations['<key>'], not \"" STR_FORMAT
              "\"",
              all.at, STR_ARGS(value_str(path)));
}

static void env_var_source(struct check *check, const struct step *at, struct value v)
{
    static const char *const sources[] = {"fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef",
                                          NULL};
    static const char *const paths[] = {
        "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
        "status.hostIP", "status.hostIPs",     "status.podIP", "status.podIPs", NULL};
    rule_one_of(check, at, v, sources, true);
    field_path(check, at, value_at(v, "fieldRef"), paths);
}

static void downward_file(struct check *check, const struct step *at, struct value v)
{
    static const char *const sources[] = {"fieldRef", "resourceFieldRef", NULL};
    static const char *const paths[] = {"metadata.name",   "metadata.namespace",   "metadata.uid",
                                        "metadata.labels", "metadata.annotations", NULL};
    rule_one_of(check, at, v, sources, true);
    field_path(check, at, value_at(v, "fieldRef"), paths);
}

/* ---- resources ---- */

/* -1, 0, 1; what neither fits into thousandths nor into units counts as equal. */
static int compare_quantities(struct value a, struct value b)
{
    int64_t one, other;
    if ((quantity_milli(value_str(a), &one) && quantity_milli(value_str(b), &other)) ||
        (quantity_units(value_str(a), &one) && quantity_units(value_str(b), &other)))
        return (one > other) - (one < other);
    return 0;
}

static void check_amounts(struct check *check, const struct step *at, struct value list)
{
    value_each (amount, list) {
        struct step step = STEP_KEY(at, value_key(amount));
        int64_t milli;
        bool whole = memchr(value_key(amount).at, '/', value_key(amount).length) != NULL;
        if (value_str(amount).length != 0 && value_str(amount).at[0] == '-')
            check_say(check, &step, "must be at least 0, not " STR_FORMAT, STR_ARGS(value_str(amount)));
        else if (whole && quantity_milli(value_str(amount), &milli) && milli % 1000 != 0)
            check_say(check, &step, "must be a whole number, not " STR_FORMAT, STR_ARGS(value_str(amount)));
    }
}

static void resources(struct check *check, const struct step *at, struct value v)
{
    struct value limits = value_at(v, "limits"), requests = value_at(v, "requests");
    struct step limits_step = STEP_MEMBER(at, STR("limits"));
    struct step requests_step = STEP_MEMBER(at, STR("requests"));
    check_amounts(check, &limits_step, limits);
    check_amounts(check, &requests_step, requests);
    value_each (request, requests) {
        struct value limit = value_get(limits, value_key(request));
        struct step step = STEP_KEY(&requests_step, value_key(request));
        if (value_exists(limit) && compare_quantities(request, limit) > 0)
            check_say(check, &step, "must be at most the limit of " STR_FORMAT ", not " STR_FORMAT,
                      STR_ARGS(value_str(limit)), STR_ARGS(value_str(request)));
    }
}

/* ---- probes and hooks ---- */

static void probe(struct check *check, const struct step *at, struct value v)
{
    static const char *const handlers[] = {"exec", "httpGet", "tcpSocket", "grpc", NULL};
    rule_one_of(check, at, v, handlers, true);
}

static void lifecycle_handler(struct check *check, const struct step *at, struct value v)
{
    static const char *const handlers[] = {"exec", "httpGet", "tcpSocket", "sleep", NULL};
    rule_one_of(check, at, v, handlers, true);
}

static void check_success_threshold(struct check *check, const struct step *at, struct value container,
                                    const char *probe_name)
{
    struct value threshold = value_at(container, probe_name, "successThreshold");
    struct step probe_step = STEP_MEMBER(at, str_of(probe_name));
    struct step step = STEP_MEMBER(&probe_step, STR("successThreshold"));
    int64_t number = value_int_or(threshold, 1);
    if (number != 1 && number != 0)
        check_say(check, &step, "must be 1, not %lld", (long long)number);
}

/* ---- containers ---- */

static void check_port_names(struct check *check, const struct step *at, struct value ports)
{
    struct step list = STEP_MEMBER(at, STR("ports"));
    size_t index = 0;
    value_each (port, ports) {
        struct step element = STEP_ELEMENT(&list, index++);
        struct step step = STEP_MEMBER(&element, STR("name"));
        struct str name = value_str(value_at(port, "name"));
        value_each (before, ports) {
            if (before.at == port.at)
                break;
            if (name.length != 0 && str_equal(value_str(value_at(before, "name")), name)) {
                check_say(check, &step, "\"" STR_FORMAT "\" is there already", STR_ARGS(name));
                break;
            }
        }
    }
}

static void container(struct check *check, const struct step *at, struct value v)
{
    struct str image = value_str(value_at(v, "image"));
    struct step step = STEP_MEMBER(at, STR("image"));
    if (!str_equal(str_trim(image), image))
        check_say(check, &step, "must not begin or end with white space");
    check_port_names(check, at, value_at(v, "ports"));
    check_success_threshold(check, at, v, "livenessProbe");
    check_success_threshold(check, at, v, "startupProbe");
}

/* An init container that is to run to its end has nobody who would ask for its health. */
static void init_container(struct check *check, const struct step *at, struct value v)
{
    static const char *const never[] = {"lifecycle", "livenessProbe", "readinessProbe", "startupProbe"};
    if (value_is(value_at(v, "restartPolicy"), "Always"))
        return;
    for (size_t i = 0; i < COUNT(never); i++) {
        struct step step = STEP_MEMBER(at, str_of(never[i]));
        if (value_exists(value_get(v, str_of(never[i]))))
            check_say(check, &step, "must not be there in an init container without restartPolicy Always");
    }
}

static void plain_container(struct check *check, const struct step *at, struct value v)
{
    struct step step = STEP_MEMBER(at, STR("restartPolicy"));
    if (value_exists(value_at(v, "restartPolicy")))
        check_say(check, &step, "must not be there: only init containers have it");
}

static void volume_mount(struct check *check, const struct step *at, struct value v)
{
    struct step step = STEP_MEMBER(at, STR("subPathExpr"));
    if (value_str(value_at(v, "subPath")).length != 0 && value_str(value_at(v, "subPathExpr")).length != 0)
        check_say(check, &step, "must not be there beside subPath");
}

static void security_context(struct check *check, const struct step *at, struct value v)
{
    struct value escalation = value_at(v, "allowPrivilegeEscalation");
    struct step step = STEP_MEMBER(at, STR("allowPrivilegeEscalation"));
    if (value_type(escalation) != VALUE_BOOL || value_true(escalation))
        return;
    if (value_true(value_at(v, "privileged")))
        check_say(check, &step, "must not be false when privileged is true");
    value_each (capability, value_at(v, "capabilities", "add"))
        if (value_is(capability, "SYS_ADMIN") || value_is(capability, "CAP_SYS_ADMIN"))
            check_say(check, &step, "must not be false when the capability SYS_ADMIN is added");
}

static void seccomp_profile(struct check *check, const struct step *at, struct value v)
{
    bool local = value_is(value_at(v, "type"), "Localhost");
    struct value name = value_at(v, "localhostProfile");
    struct step step = STEP_MEMBER(at, STR("localhostProfile"));
    if (local && value_str(name).length == 0)
        check_lacks(check, &step, "is required when type is Localhost");
    if (!local && value_exists(name) && value_exists(value_at(v, "type")))
        check_say(check, &step, "must not be there unless type is Localhost");
}

const struct rule rules_of_containers[] = {
    {"envVar", env_var, NULL},
    {"envFrom", env_from, NULL},
    {"envVarSource", env_var_source, NULL},
    {"downwardFile", downward_file, NULL},
    {"resources", resources, NULL},
    {"probe", probe, NULL},
    {"lifecycleHandler", lifecycle_handler, NULL},
    {"container", container, NULL},
    {"plainContainer", plain_container, NULL},
    {"initContainer", init_container, NULL},
    {"volumeMount", volume_mount, NULL},
    {"securityContext", security_context, NULL},
    {"seccompProfile", seccomp_profile, NULL},
    {NULL, NULL, NULL},
};
