#include "nodeagent/hierarchy.h"

#include "lib/file.h"
#include "nodeagent/limits.h"

static const char *const classes[] = {
    [QUALITY_GUARANTEED] = "",
    [QUALITY_BURSTABLE] = "/burstable",
    [QUALITY_BEST_EFFORT] = "/besteffort",
};

static char *class_path(const struct place *place, enum quality quality)
{
    return path_format("%s%s", place->cgroup, classes[quality]);
}

static char *pod_path(const struct place *place, enum quality quality, const char *uid)
{
    return path_format("%s%s/pod%s", place->cgroup, classes[quality], uid);
}

int hierarchy_share(const struct cgroups *cgroups, const struct place *place, int64_t burstable_milli,
                    struct error **err)
{
    autofree char *burstable = class_path(place, QUALITY_BURSTABLE);
    autofree char *best_effort = class_path(place, QUALITY_BEST_EFFORT);
    const struct limits asked = {.cpu_shares = limits_shares(burstable_milli)};
    const struct limits nothing = {.cpu_shares = limits_shares(0)};
    int result = cgroups_limit(cgroups, burstable, &asked, err);
    return result < 0 ? result : cgroups_limit(cgroups, best_effort, &nothing, err);
}

int hierarchy_make_pod(const struct cgroups *cgroups, const struct place *place, const char *uid,
                       enum quality quality, const struct limits *limits, struct error **err)
{
    bool into;
    autofree char *path = pod_path(place, quality, uid);
    autoclose int directory = cgroups_make(cgroups, path, &into, err);
    return directory < 0 ? directory : cgroups_limit(cgroups, path, limits, err);
}

char *hierarchy_pod(const struct cgroups *cgroups, const struct place *place, const char *uid)
{
    char *paths[COUNT(classes)];
    for (size_t i = 0; i < COUNT(classes); i++)
        paths[i] = pod_path(place, (enum quality)i, uid);
    int found = cgroups_find(cgroups, (const char *const *)paths, COUNT(classes));
    char *path = take_pointer(paths[found >= 0 ? found : QUALITY_GUARANTEED]);
    for (size_t i = 0; i < COUNT(classes); i++)
        free(paths[i]);
    return path;
}

char *hierarchy_sandbox(const struct cgroups *cgroups, const struct place *place, const char *uid)
{
    autofree char *pod = hierarchy_pod(cgroups, place, uid);
    return path_format("%s/sandbox", pod);
}

char *hierarchy_container(const struct cgroups *cgroups, const struct place *place, const char *uid,
                          const char *container, int attempt)
{
    autofree char *pod = hierarchy_pod(cgroups, place, uid);
    return path_format("%s/%s.%d", pod, container, attempt);
}

char *hierarchy_monitor(const struct cgroups *cgroups, const struct place *place, const char *uid,
                        const char *container, int attempt)
{
    autofree char *id = place_container_id(uid, container, attempt);
    autofree char *apart = path_format("%s/monitors/%s", place->cgroup, id);
    autofree char *of_earlier_version =
        path_format("%s/pod%s/%s.%d.monitor", place->cgroup, uid, container, attempt);
    const char *const paths[] = {apart, of_earlier_version};
    return cgroups_find(cgroups, paths, COUNT(paths)) == 1 ? take_pointer(of_earlier_version)
                                                           : take_pointer(apart);
}

/* ---- what there is ---- */

static void list_pods(const struct cgroups *cgroups, const char *path, hierarchy_found_fn *found,
                      void *context)
{
    autobuf struct buf names = {0};
    cgroups_list(cgroups, path, &names);
    struct str rest = buf_str(&names), name, prefix = STR("pod");
    while (str_split(&rest, '\n', &name))
        if (str_starts(name, prefix)) {
            autofree char *uid = str_dup((struct str){name.at + prefix.length, name.length - prefix.length});
            found(context, uid, NULL, 0);
        }
}

static void list_monitors(const struct cgroups *cgroups, const struct place *place, hierarchy_found_fn *found,
                          void *context)
{
    autofree char *path = path_format("%s/monitors", place->cgroup);
    autobuf struct buf names = {0};
    cgroups_list(cgroups, path, &names);
    struct str rest = buf_str(&names), name;
    while (str_split(&rest, '\n', &name)) {
        autofree char *id = str_dup(name), *uid = NULL, *container = NULL;
        int attempt;
        if (place_container_of_id(id, &uid, &container, &attempt))
            found(context, uid, container, attempt);
    }
}

void hierarchy_list(const struct cgroups *cgroups, const struct place *place, hierarchy_found_fn *found,
                    void *context)
{
    for (size_t i = 0; i < COUNT(classes); i++) {
        autofree char *path = class_path(place, (enum quality)i);
        list_pods(cgroups, path, found, context);
    }
    list_monitors(cgroups, place, found, context);
}
