#include "nodeagent/static_pod.h"

#include "lib/clock.h"
#include "lib/mirror.h"
#include "lib/name.h"
#include "nodeagent/references.h"
#include <ctype.h>
#include <errno.h>

#define MIRROR_SEEN "kubernetes.io/config.seen"

bool static_pod_is_manifest(const char *file_name)
{
    struct str name = str_of(file_name);
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    if (file_name[0] == '.' || file_name[0] == '#')
        return false;
    for (size_t i = 0; i < COUNT(endings); i++)
        if (str_ends(name, str_of(endings[i])) && name.length > strlen(endings[i]))
            return true;
    return false;
}

/* ---- what it may not refer to ---- */

static void note_reference(void *context, const char *kind, struct str name)
{
    const char **found = context;
    (void)name;
    if (*found == NULL)
        *found = strcmp(kind, "Secret") == 0 ? "secrets" : "configmaps";
}

static bool has_service_account(struct value spec)
{
    if (value_str(value_get(spec, STR("serviceAccountName"))).length != 0)
        return true;
    value_each (volume, value_get(spec, STR("volumes")))
        value_each (source, value_at(volume, "projected", "sources"))
            if (value_exists(value_get(source, STR("serviceAccountToken"))))
                return true;
    return false;
}

/* As the ServiceAccount admission refuses a mirror pod (plugin/pkg/admission/serviceaccount). */
static int check_references(struct value pod, struct error **err)
{
    struct value spec = value_get(pod, STR("spec"));
    const char *found = has_service_account(spec) ? "service accounts" : NULL;
    references_each(pod, note_reference, &found);
    if (found == NULL && value_count(value_get(spec, STR("resourceClaims"))) != 0)
        found = "resource claims";
    if (found == NULL && value_count(value_get(spec, STR("ephemeralContainers"))) != 0)
        found = "ephemeral containers";
    return found == NULL ? 0 : error_make(err, EINVAL, "a static pod may not reference %s", found);
}

/* ---- what it is called ---- */

static int set_name(struct value meta, const char *node, struct error **err)
{
    struct str given = value_str(value_get(meta, STR("name")));
    autobuf struct buf name = {0};
    buf_addf(&name, STR_FORMAT "-", STR_ARGS(given));
    for (const char *c = node; *c != '\0'; c++)
        buf_add_char(&name, (char)tolower((unsigned char)*c));
    if (!name_is_subdomain(buf_str(&name)))
        return error_make(err, EINVAL, "metadata.name: %s is no name of a pod", name.at);
    value_set_str(meta, STR("name"), buf_str(&name));
    if (value_str(value_get(meta, STR("namespace"))).length == 0)
        value_set_str(meta, STR("namespace"), STR("default"));
    return 0;
}

/* 128 bits, in the form of the kubelet's. Nobody but the machine's administrator chooses what goes in. */
static void set_uid(struct value manifest, const char *node, const char *path)
{
    autobuf struct buf text = {0};
    value_sort(manifest);
    value_write(&text, manifest);
    buf_addf(&text, "host:%sfile:%s", node, path);
    uint64_t first = str_hash(buf_str(&text));
    buf_addf(&text, "%016llx", (unsigned long long)first);
    uint64_t second = str_hash(buf_str(&text));
    value_setf(value_get(manifest, STR("metadata")), STR("uid"), "%016llx%016llx", (unsigned long long)first,
               (unsigned long long)second);
}

/* So that trouble of the node doesn't end it. */
static void add_toleration(struct value spec)
{
    struct value tolerations = value_ensure_array(spec, STR("tolerations"));
    value_each (known, tolerations)
        if (value_is(value_get(known, STR("operator")), "Exists") &&
            value_is(value_get(known, STR("effect")), "NoExecute") &&
            !value_exists(value_get(known, STR("key"))))
            return;
    struct value toleration = value_append_object(tolerations);
    value_set_str(toleration, STR("operator"), STR("Exists"));
    value_set_str(toleration, STR("effect"), STR("NoExecute"));
}

int static_pod_make(struct value manifest, const char *node, const char *path, int64_t now_ms,
                    struct error **err)
{
    struct value meta = value_ensure_object(manifest, STR("metadata"));
    struct value spec = value_get(manifest, STR("spec"));
    int result = check_references(manifest, err);
    if (result < 0)
        return result;
    value_unset(manifest, STR("status"));
    set_uid(manifest, node, path);
    result = set_name(meta, node, err);
    if (result < 0)
        return result;
    char now[CLOCK_TEXT];
    clock_format(now_ms, now);
    struct value annotations = value_ensure_object(meta, STR("annotations"));
    value_set_str(annotations, STR(MIRROR_HASH), value_str(value_get(meta, STR("uid"))));
    value_set_str(annotations, STR(MIRROR_SEEN), str_of(now));
    value_set_str(annotations, STR(MIRROR_SOURCE), STR("file"));
    value_set_str(spec, STR("nodeName"), str_of(node));
    add_toleration(spec);
    return 0;
}

void static_pod_delete(struct value pod, int64_t now_ms)
{
    struct value meta = value_get(pod, STR("metadata"));
    char now[CLOCK_TEXT];
    clock_format(now_ms, now);
    value_set_str(meta, STR("deletionTimestamp"), str_of(now));
    value_set_int(meta, STR("deletionGracePeriodSeconds"),
                  value_int_or(value_at(pod, "spec", "terminationGracePeriodSeconds"), 30));
}

void static_pod_disclaim(struct value pod)
{
    struct value annotations = value_at(pod, "metadata", "annotations");
    if (value_exists(value_get(annotations, STR(MIRROR_SOURCE))))
        value_set_str(annotations, STR(MIRROR_SOURCE), STR("api"));
}

/* ---- its mirror ---- */

enum mirror_step static_pod_mirror_step(struct value pod, struct value mirror, struct str node_uid)
{
    struct value meta = value_get(mirror, STR("metadata"));
    if (!value_exists(mirror))
        return value_exists(value_at(pod, "metadata", "deletionTimestamp")) || node_uid.length == 0
                   ? MIRROR_KEEP
                   : MIRROR_CREATE;
    bool same = str_equal(mirror_of(mirror), value_str(value_at(pod, "metadata", "uid")));
    return same && !value_exists(value_get(meta, STR("deletionTimestamp"))) ? MIRROR_KEEP : MIRROR_DELETE;
}

void static_pod_mirror(struct value object, struct value pod, const char *node, struct str node_uid)
{
    value_replace(object, pod);
    struct value meta = value_get(object, STR("metadata"));
    value_set_copy(value_get(meta, STR("annotations")), STR(MIRROR_OF), value_get(meta, STR("uid")));
    value_unset(meta, STR("uid"));
    value_unset(object, STR("status"));
    struct value owner = value_append_object(value_set_array(meta, STR("ownerReferences")));
    value_set_str(owner, STR("apiVersion"), STR("v1"));
    value_set_str(owner, STR("kind"), STR("Node"));
    value_set_str(owner, STR("name"), str_of(node));
    value_set_str(owner, STR("uid"), node_uid);
    value_set_bool(owner, STR("controller"), true);
}
