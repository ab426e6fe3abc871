/* doc/pod-fields.md, which says what nodes make of each field of a pod, against the schema of pods: it has a
 * row for every field, none for another, calls nothing honoured that nobody reads, names tests that there
 * are, and has counted well. */
#include "tests/unit/lib/pod_fields.h"
#include "tests/unit/fsd/kinds.h"

/* Said in a section of its own, or nothing but a name. */
static const char *const left_out[] = {"spec.containers.securityContext", "spec.volumes.name"};

/* Lists are stepped over: "spec.containers.image". NULL: there is no such field. */
static const struct schema *find_schema(struct str path)
{
    const struct schema *schema = kind_form(must_kind("pods"))->schema;
    struct str name;
    while (schema != NULL && str_split(&path, '.', &name)) {
        schema = schema_property(schema, name);
        if (schema != NULL && schema->type == SCHEMA_ARRAY)
            schema = schema->items;
    }
    return schema;
}

/* ---- the rows, one for each place of a field ---- */

struct field {
    char *path; /* "spec.containers.resources.limits" */
    const struct field_section *section;
    enum field_fate fate;
};

struct fields {
    struct field *fields;
    size_t count, capacity;
};

static void add_row(void *context, const struct field_row *row)
{
    struct fields *all = context;
    size_t before = all->count;
    for (size_t i = 0; i < COUNT(row->section->places) && row->section->places[i] != NULL; i++) {
        autofree char *path = path_format("%s." STR_FORMAT, row->section->places[i], STR_ARGS(row->name));
        if (find_schema(str_of(path)) == NULL)
            continue;
        array_grow(all->fields, all->count, all->capacity);
        all->fields[all->count++] = (struct field){take_pointer(path), row->section, row->fate};
    }
    if (all->count == before)
        fail_msg("%s: there is no field " STR_FORMAT, row->section->title, STR_ARGS(row->name));
}

static struct fields read_fields(const char *text)
{
    struct fields all = {0};
    each_field_row(text, add_row, &all);
    return all;
}

static void fields_free(struct fields *all)
{
    for (size_t i = 0; i < all->count; i++)
        free(all->fields[i].path);
    free(all->fields);
}

/* Is it the field itself, or what it is part of? */
static bool contains(const char *outer, const char *path)
{
    size_t length = strlen(outer);
    return strncmp(outer, path, length) == 0 && (path[length] == '\0' || path[length] == '.');
}

/* ---- every field ---- */

static bool has_row(const struct fields *all, const struct field_section *section, const char *path)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->fields[i].section == section && contains(all->fields[i].path, path))
            return true;
    return false;
}

/* Of an object without a row its members have one. */
static void check_rows(const struct fields *all, const struct field_section *section, const char *place,
                       const struct schema *schema)
{
    for (size_t i = 0; i < schema->property_count; i++) {
        const struct property *property = &schema->properties[i];
        autofree char *path = path_format("%s." STR_FORMAT, place, STR_ARGS(property->name));
        bool passed = has_row(all, section, path);
        for (size_t k = 0; k < COUNT(left_out); k++)
            passed |= strcmp(left_out[k], path) == 0;
        const struct schema *inside = find_schema(str_of(path));
        if (!passed && inside->property_count == 0)
            fail_msg("%s: no row for %s", section->title, path);
        if (!passed)
            check_rows(all, section, path, inside);
    }
}

static void each_field_has_a_row_and_each_row_is_of_a_field(void **state)
{
    (void)state;
    autofree char *text = read_pod_fields();
    cleanup(fields_free) struct fields all = read_fields(text);
    for (size_t i = 0; i < COUNT(field_sections); i++)
        for (size_t k = 0; k < 2 && field_sections[i].places[k] != NULL; k++) {
            const char *place = field_sections[i].places[k];
            check_rows(&all, &field_sections[i], place, find_schema(str_of(place)));
        }
}

/* By its own row, else by those of its parts, else by the nearest that it is part of. FATES: there is no such
 * field. */
static enum field_fate find_fate(const struct fields *all, const char *path)
{
    size_t nearest = 0;
    enum field_fate fate = FATES, of_parts = FATES;
    for (size_t i = 0; find_schema(str_of(path)) != NULL && i < all->count; i++) {
        const struct field *field = &all->fields[i];
        if (contains(field->path, path) && strlen(field->path) > nearest) {
            nearest = strlen(field->path);
            fate = field->fate;
        } else if (contains(path, field->path)) {
            of_parts = of_parts == FATES || of_parts == field->fate ? field->fate : FATE_PARTLY;
        }
    }
    return of_parts != FATES && nearest < strlen(path) ? of_parts : fate;
}

/* ---- what is honoured ---- */

static void add_sources(struct buf *text, const char *folder)
{
    const char *source = getenv("srcdir");
    autofree char *directory = path_format("%s/%s", source != NULL ? source : ".", folder);
    autobuf struct buf names = {0};
    assert_int_equal(directory_names(directory, &names, NULL), 0);
    names_each(name, names)
    {
        autofree char *path = path_format("%s/%s", directory, name);
        autobuf struct buf one = {0};
        if (!str_ends(str_of(name), STR(".c")) || strcmp(name, "effect.c") == 0)
            continue;
        assert_int_equal(file_read(path, &one, NULL), 0);
        buf_add_str(text, buf_str(&one));
    }
}

/* Another section's, or made of the same. */
static bool is_looked_at_apart(const char *path, const char *place)
{
    bool apart = strcmp(path, "spec.initContainers") == 0;
    for (size_t i = 0; i < COUNT(field_sections); i++)
        for (size_t k = 0; k < COUNT(field_sections[i].places); k++) {
            const char *other = field_sections[i].places[k];
            apart |= other != NULL && strcmp(other, place) != 0 && strcmp(other, path) == 0;
        }
    return apart;
}

/* Its name has to stand in the code of those who could read it. */
static void check_read(const struct fields *all, const char *sources, const char *place, const char *path)
{
    const struct schema *schema = find_schema(str_of(path));
    for (size_t i = 0; i < schema->property_count; i++) {
        autofree char *inside = path_format("%s." STR_FORMAT, path, STR_ARGS(schema->properties[i].name));
        if (!is_looked_at_apart(inside, place))
            check_read(all, sources, place, inside);
    }
    if (schema->property_count != 0 || find_fate(all, path) != FATE_YES)
        return;
    autofree char *literal = path_format("\"%s\"", strrchr(path, '.') + 1);
    if (strstr(sources, literal) == NULL)
        fail_msg("%s: nobody reads it", path);
}

static void what_is_honoured_is_read_by_somebody(void **state)
{
    (void)state;
    static const char *const folders[] = {"fsd", "lib", "lib/view", "nodeagent", "reconcilers"};
    autofree char *text = read_pod_fields();
    autobuf struct buf sources = {0};
    cleanup(fields_free) struct fields all = read_fields(text);
    for (size_t i = 0; i < COUNT(folders); i++)
        add_sources(&sources, folders[i]);
    for (size_t i = 0; i < COUNT(field_sections); i++)
        for (size_t k = 0; k < COUNT(field_sections[i].places); k++) {
            const char *place = field_sections[i].places[k];
            if (place != NULL)
                check_read(&all, sources.at, place, place);
        }
}

/* ---- tests ---- */

static bool is_there(const char *format, struct str name)
{
    const char *source = getenv("srcdir");
    autofree char *text = str_dup(name), *path = path_format(format, source != NULL ? source : ".", text);
    return access(path, F_OK) == 0;
}

static void check_tests(void *context, const struct field_row *row)
{
    struct str rest = str_trim(row->tests), test;
    (void)context;
    while (rest.length != 0 && str_split(&rest, ',', &test)) {
        test = str_trim(test);
        if (!is_there("%s/tests/%s", test) && !is_there("%s/tests/unit/nodeagent/%s.c", test) &&
            !is_there("%s/tests/unit/reconcilers/%s.c", test))
            fail_msg("%s: there is no test " STR_FORMAT, row->section->title, STR_ARGS(test));
    }
}

static void the_tests_that_it_names_are_there(void **state)
{
    (void)state;
    autofree char *text = read_pod_fields();
    each_field_row(text, check_tests, NULL);
}

/* ---- counting ---- */

/* The fields of pods and containers in Podman's docs/kubernetes_support.md. */
static const char of_podman_pods[] =
    "containers initContainers imagePullSecrets enableServiceLinks os.name volumes nodeSelector nodeName "
    "affinity.nodeAffinity affinity.podAffinity affinity.podAntiAffinity tolerations.key "
    "tolerations.operator "
    "tolerations.effect tolerations.tolerationSeconds schedulerName runtimeClassName priorityClassName "
    "priority "
    "topologySpreadConstraints.maxSkew topologySpreadConstraints.topologyKey "
    "topologySpreadConstraints.whenUnsatisfiable topologySpreadConstraints.labelSelector "
    "topologySpreadConstraints.minDomains restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds "
    "readinessGates.conditionType hostname setHostnameAsFQDN subdomain hostAliases.hostnames hostAliases.ip "
    "dnsConfig.nameservers dnsConfig.options.name dnsConfig.options.value dnsConfig.searches dnsPolicy "
    "hostNetwork hostPID hostIPC shareProcessNamespace serviceAccountName automountServiceAccountToken "
    "securityContext.runAsUser securityContext.runAsNonRoot securityContext.runAsGroup "
    "securityContext.supplementalGroups securityContext.fsGroup securityContext.fsGroupChangePolicy "
    "securityContext.seccompProfile.type securityContext.seccompProfile.localhostProfile "
    "securityContext.seLinuxOptions.level securityContext.seLinuxOptions.role "
    "securityContext.seLinuxOptions.type securityContext.seLinuxOptions.user securityContext.sysctls.name "
    "securityContext.sysctls.value securityContext.windowsOptions.gmsaCredentialSpec "
    "securityContext.windowsOptions.hostProcess securityContext.windowsOptions.runAsUserName";
static const char of_podman_containers[] =
    "name image imagePullPolicy command args workingDir ports.containerPort ports.hostIP ports.hostPort "
    "ports.name ports.protocol env.name env.value env.valueFrom.configMapKeyRef.key "
    "env.valueFrom.configMapKeyRef.name env.valueFrom.configMapKeyRef.optional env.valueFrom.fieldRef "
    "env.valueFrom.resourceFieldRef env.valueFrom.secretKeyRef.key env.valueFrom.secretKeyRef.name "
    "env.valueFrom.secretKeyRef.optional envFrom.configMapRef.name envFrom.configMapRef.optional "
    "envFrom.prefix envFrom.secretRef.name envFrom.secretRef.optional volumeMounts.mountPath "
    "volumeMounts.name volumeMounts.mountPropagation volumeMounts.readOnly volumeMounts.subPath "
    "volumeMounts.subPathExpr volumeDevices.devicePath volumeDevices.name resources.limits "
    "resources.requests lifecycle.postStart lifecycle.preStop lifecycle.stopSignal terminationMessagePath "
    "terminationMessagePolicy livenessProbe readinessProbe startupProbe securityContext.runAsUser "
    "securityContext.runAsNonRoot securityContext.runAsGroup securityContext.readOnlyRootFilesystem "
    "securityContext.procMount securityContext.privileged securityContext.allowPrivilegeEscalation "
    "securityContext.capabilities.add securityContext.capabilities.drop securityContext.seccompProfile.type "
    "securityContext.seccompProfile.localhostProfile securityContext.seLinuxOptions.level "
    "securityContext.seLinuxOptions.role securityContext.seLinuxOptions.type "
    "securityContext.seLinuxOptions.user securityContext.windowsOptions.gmsaCredentialSpec "
    "securityContext.windowsOptions.hostProcess securityContext.windowsOptions.runAsUserName stdin "
    "stdinOnce tty";

static void count_listed(const struct fields *all, const char *place, const char *list,
                         unsigned counts[FATES + 1])
{
    struct str rest = str_of(list), name;
    while (str_split(&rest, ' ', &name)) {
        autofree char *path = path_format("%s." STR_FORMAT, place, STR_ARGS(name));
        counts[find_fate(all, path)]++;
    }
}

static void count_row(void *context, const struct field_row *row)
{
    unsigned *counts = context;
    counts[row->fate]++;
}

static void assert_counted(const char *text, const char *beginning, const unsigned counts[FATES + 1])
{
    autobuf struct buf sentence = {0};
    buf_add_text(&sentence, beginning);
    for (size_t i = 0; i < FATES; i++)
        buf_addf(&sentence, "%s%s %u", i != 0 ? ", " : " ", fate_words[i], counts[i]);
    if (counts[FATES] != 0)
        buf_addf(&sentence, ", not in Kubernetes 1.32 %u", counts[FATES]);
    buf_add_text(&sentence, ".\n");
    if (strstr(text, sentence.at) == NULL)
        fail_msg("doc/pod-fields.md should say \"%s\"", sentence.at);
}

static void it_has_counted_well(void **state)
{
    (void)state;
    unsigned of_rows[FATES + 1] = {0}, of_podman[FATES + 1] = {0};
    autofree char *text = read_pod_fields();
    cleanup(fields_free) struct fields all = read_fields(text);
    each_field_row(text, count_row, of_rows);
    assert_counted(text, "tables above:", of_rows);
    count_listed(&all, "spec", of_podman_pods, of_podman);
    count_listed(&all, "spec.containers", of_podman_containers, of_podman);
    assert_counted(text, "podtree makes:", of_podman);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_has_a_row_and_each_row_is_of_a_field),
        cmocka_unit_test(what_is_honoured_is_read_by_somebody),
        cmocka_unit_test(the_tests_that_it_names_are_there),
        cmocka_unit_test(it_has_counted_well),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
