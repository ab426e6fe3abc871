#include "nodeagent/volume_mounts.h"

#include "lib/file.h"
#include "nodeagent/expand.h"
#include "nodeagent/volume.h"
#include <errno.h>

/* One volumeMount, with all that it refers to. */
struct mount_plan {
    struct value volume;
    const struct volume_kind *kind;
    char *destination, *source, *sub_path; /* no sub_path: the whole volume */
    const char *access;                    /* an option of the mount */
    size_t propagation;                    /* row of the table */
};

static void clear_plan(struct mount_plan *plan)
{
    free(plan->destination);
    free(plan->source);
    free(plan->sub_path);
}
#define autoplan cleanup(clear_plan)

/* mountPropagation, what it is for mount(2), and what the container's root must be for it. In order: a later
 * one needs no less than an earlier one. */
static const struct {
    const char *name, *option, *root;
} propagations[] = {
    {"None", "rprivate", NULL},
    {"HostToContainer", "rslave", "rslave"},
    {"Bidirectional", "rshared", "rshared"},
};

static struct str text_of(struct value object, const char *member)
{
    return value_str(value_get(object, str_of(member)));
}

/* ---- where ---- */

/* The path from the root, without empty parts, "." and "..", as the kernel would walk it: the last ones first
 * to be taken back. */
static char *clean_destination(struct str path)
{
    struct buf clean = {0};
    struct str part;
    while (str_split(&path, '/', &part)) {
        if (part.length == 0 || str_is(part, "."))
            continue;
        if (!str_is(part, "..")) {
            buf_addf(&clean, "/" STR_FORMAT, STR_ARGS(part));
            continue;
        }
        while (clean.length != 0 && clean.at[--clean.length] != '/')
            ;
    }
    if (clean.length != 0)
        clean.at[clean.length] = '\0';
    return buf_take(&clean);
}

static int find_destination(struct value mount, struct mount_plan *plan, struct error **err)
{
    struct str path = text_of(mount, "mountPath");
    plan->destination = clean_destination(path);
    if (plan->destination[0] == '\0')
        return error_make(err, EINVAL, "volume \"" STR_FORMAT "\" can't be mounted over the root directory",
                          STR_ARGS(text_of(mount, "name")));
    return 0;
}

/* ---- which part ---- */

/* Kubernetes refuses a reference to what there is not, where a command would keep it as it is. */
static int check_references(struct str text, struct value variables, struct error **err)
{
    for (size_t i = 0; i + 1 < text.length; i++) {
        if (text.at[i] != '$')
            continue;
        const char *end = memchr(text.at + i, ')', text.length - i);
        if (text.at[i + 1] == '$') {
            i++;
        } else if (text.at[i + 1] == '(' && end != NULL) {
            struct str name = {text.at + i + 2, (size_t)(end - text.at) - i - 2};
            if (!value_exists(value_get(variables, name)))
                return error_make(err, EINVAL, "missing value for \"" STR_FORMAT "\"", STR_ARGS(name));
            i += name.length + 2;
        }
    }
    return 0;
}

static int check_sub_path(const char *path, struct error **err)
{
    if (path[0] == '/')
        return error_make(err, EINVAL, "error SubPath `%s` must not be an absolute path", path);
    struct str rest = str_of(path), part;
    while (str_split(&rest, '/', &part))
        if (str_is(part, ".."))
            return error_make(err, EINVAL, "unable to provision SubPath `%s`: must not contain '..'", path);
    return 0;
}

/* A subPathExpr that comes out empty is the whole volume, like an empty subPath. */
static int find_sub_path(const struct volume_mounts *wanted, struct value mount, struct mount_plan *plan,
                         struct error **err)
{
    struct str expression = text_of(mount, "subPathExpr");
    autobuf struct buf path = {0};
    if (expression.length != 0) {
        int result = check_references(expression, wanted->variables, err);
        if (result < 0)
            return result;
        expand(&path, expression, wanted->variables);
    } else {
        buf_add_str(&path, text_of(mount, "subPath"));
    }
    if (path.length == 0)
        return 0;
    plan->sub_path = buf_take(&path);
    return check_sub_path(plan->sub_path, err);
}

/* ---- how ---- */

static int find_propagation(struct value mount, struct mount_plan *plan, struct error **err)
{
    struct str name = text_of(mount, "mountPropagation");
    for (plan->propagation = 0; plan->propagation < COUNT(propagations); plan->propagation++)
        if (name.length == 0 || str_is(name, propagations[plan->propagation].name))
            return 0;
    return error_make(err, EINVAL, "mountPropagation \"" STR_FORMAT "\" is none", STR_ARGS(name));
}

/* kubelet's resolveRecursiveReadOnly. What is made of files is read-only whatever the mount says, but only a
 * mount that says so itself can be recursively so. */
static int find_access(const struct volume_mounts *wanted, struct value mount, struct mount_plan *plan,
                       struct error **err)
{
    struct str recursive = text_of(mount, "recursiveReadOnly"), name = text_of(mount, "name");
    bool read_only = value_true(value_get(mount, STR("readOnly")));
    plan->access = read_only || plan->kind->of_files ? "ro" : "rw";
    if (recursive.length == 0 || str_is(recursive, "Disabled"))
        return 0;
    if (!read_only)
        return error_make(err, EINVAL,
                          "volume \"" STR_FORMAT
                          "\" requested recursive read-only mode, but it is not read-only",
                          STR_ARGS(name));
    if (plan->propagation != 0)
        return error_make(err, EINVAL,
                          "volume \"" STR_FORMAT
                          "\" requested recursive read-only mode, but it is not compatible with propagation "
                          "\"%s\"",
                          STR_ARGS(name), propagations[plan->propagation].name);
    if (wanted->recursive_read_only)
        plan->access = "rro";
    else if (!str_is(recursive, "IfPossible"))
        return error_make(err, EINVAL,
                          "volume \"" STR_FORMAT
                          "\" requested recursive read-only mode, but it is not supported by the runtime",
                          STR_ARGS(name));
    return 0;
}

/* ---- one mount ---- */

static int find_volume(const struct volume_mounts *wanted, struct value mount, struct mount_plan *plan,
                       struct error **err)
{
    struct str name = text_of(mount, "name");
    value_each (volume, value_at(wanted->pod, "spec", "volumes"))
        if (str_equal(text_of(volume, "name"), name)) {
            plan->volume = volume;
            plan->kind = volume_kind(volume);
        }
    if (plan->kind != NULL)
        return 0;
    return error_make(err, EINVAL,
                      "cannot find volume \"" STR_FORMAT "\" to mount into container \"" STR_FORMAT "\"",
                      STR_ARGS(name), STR_ARGS(text_of(wanted->container, "name")));
}

static int plan_mount(const struct volume_mounts *wanted, struct value mount, size_t index,
                      struct mount_plan *plan, struct error **err)
{
    int result = find_volume(wanted, mount, plan, err);
    if (result == 0)
        result = find_destination(mount, plan, err);
    if (result == 0)
        result = find_sub_path(wanted, mount, plan, err);
    if (result == 0)
        result = find_propagation(mount, plan, err);
    if (result == 0)
        result = find_access(wanted, mount, plan, err);
    if (result < 0)
        return result;
    plan->source = plan->sub_path == NULL ? volume_path(wanted->volumes, plan->volume)
                                          : path_format("%s/subPath~" STR_FORMAT "/%zu", wanted->volumes,
                                                        STR_ARGS(text_of(wanted->container, "name")), index);
    return 0;
}

static void append_mount(struct value array, const struct mount_plan *plan)
{
    struct value mount = value_append_object(array);
    value_set_str(mount, STR("destination"), str_of(plan->destination));
    value_set_str(mount, STR("type"), STR("bind"));
    value_set_str(mount, STR("source"), str_of(plan->source));
    struct value options = value_set_array(mount, STR("options"));
    value_append_str(options, STR("rbind"));
    value_append_str(options, str_of(propagations[plan->propagation].option));
    value_append_str(options, str_of(plan->access));
}

/* ---- all of them ---- */

static void remove_destination(struct value array, const char *destination)
{
    value_each (mount, array)
        if (value_is(value_get(mount, STR("destination")), destination))
            value_remove(mount);
}

static size_t depth_of(struct value mount)
{
    struct str path = text_of(mount, "destination"), part;
    size_t depth = 0;
    while (str_split(&path, '/', &part))
        depth += part.length != 0;
    return depth;
}

/* Those of the same depth stay in their order. */
static void append_by_depth(struct value to, struct value from)
{
    size_t left = value_count(from);
    for (size_t depth = 0; left > 0; depth++)
        value_each (mount, from)
            if (depth_of(mount) == depth) {
                value_append_copy(to, mount);
                left--;
            }
}

int volume_mounts_add(const struct volume_mounts *wanted, struct value mounts, const char **propagation,
                      struct error **err)
{
    autodoc struct doc *all = doc_new();
    struct value array = value_set_copy(doc_root(all), STR("mounts"), mounts);
    size_t index = 0, widest = 0;
    value_each (mount, value_get(wanted->container, STR("volumeMounts"))) {
        autoplan struct mount_plan plan = {0};
        int result = plan_mount(wanted, mount, index++, &plan, err);
        if (result < 0)
            return result;
        remove_destination(array, plan.destination);
        append_mount(array, &plan);
        widest = plan.propagation > widest ? plan.propagation : widest;
    }
    struct value sorted = value_set_array(doc_root(all), STR("sorted"));
    append_by_depth(sorted, array);
    value_replace(mounts, sorted);
    *propagation = propagations[widest].root;
    return 0;
}

int volume_mounts_bind(const struct volume_mounts *wanted, struct error **err)
{
    size_t index = 0;
    value_each (mount, value_get(wanted->container, STR("volumeMounts"))) {
        autoplan struct mount_plan plan = {0};
        int result = plan_mount(wanted, mount, index++, &plan, err);
        autofree char *volume = result == 0 ? volume_path(wanted->volumes, plan.volume) : NULL;
        if (result == 0 && plan.sub_path != NULL && volume_bind(volume, plan.sub_path, plan.source, err) < 0)
            result =
                error_wrap(err,
                           "failed to prepare subPath for volumeMount \"" STR_FORMAT
                           "\" of container \"" STR_FORMAT "\"",
                           STR_ARGS(text_of(mount, "name")), STR_ARGS(text_of(wanted->container, "name")));
        if (result < 0)
            return result;
    }
    return 0;
}
