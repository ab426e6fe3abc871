/* What there is of sandboxes and containers, whoever has made it, and what it uses. */
#include "nodeagent/runtime_private.h"

#include "lib/file.h"
#include <sys/stat.h>

/* Calls for the containers that have a bundle below RUN/pods/<uid>, called <container>.<attempt>. */
static void list_bundles(const char *directory, const char *uid, runtime_found_fn *found, void *context)
{
    autobuf struct buf bundles = {0};
    directory_names(directory, &bundles, NULL);
    names_each(bundle, bundles)
    {
        autofree char *path = path_format("%s/%s", directory, bundle);
        autofree char *id = path_format("%s.%s", uid, bundle), *same = NULL, *name = NULL;
        struct stat status;
        int attempt;
        if (lstat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
            place_container_of_id(id, &same, &name, &attempt))
            found(context, uid, name, attempt);
    }
}

static void list_pods(struct runtime *runtime, runtime_found_fn *found, void *context)
{
    autofree char *directory = path_format("%s/pods", runtime->place->run);
    autobuf struct buf uids = {0};
    directory_names(directory, &uids, NULL);
    names_each(uid, uids)
    {
        autofree char *below = path_format("%s/%s", directory, uid);
        found(context, uid, NULL, 0);
        list_bundles(below, uid, found, context);
    }
}

bool runtime_usage(struct runtime *runtime, const char *uid, const char *name, int attempt,
                   struct usage_sample *sample)
{
    autofree char *cgroup = hierarchy_container(runtime->cgroups, runtime->place, uid, name, attempt);
    return cgroups_usage(runtime->cgroups, cgroup, &sample->cpu_us, &sample->memory);
}

/* The kernel counts whom it has killed in which group. Without that it is what conmon has heard, which in
 * version 1 is also heard where another group is meant: a limit that several share was reached. */
bool runtime_out_of_memory(const struct runtime *runtime, const char *uid, const char *name, int attempt)
{
    int64_t kills;
    autofree char *cgroup = hierarchy_container(runtime->cgroups, runtime->place, uid, name, attempt);
    autofree char *bundle = place_bundle(runtime->place, uid, name, attempt);
    autofree char *heard = path_format("%s/oom", bundle);
    return cgroups_memory_kills(runtime->cgroups, cgroup, &kills) ? kills > 0 : access(heard, F_OK) == 0;
}

/* Those that only the runtime or only a cgroup knows: their bundle may have been lost. */
static void list_runtime_states(struct runtime *runtime, runtime_found_fn *found, void *context)
{
    automaker struct maker maker = maker_configured(runtime->place);
    autobuf struct buf ids = {0};
    directory_names(maker.root, &ids, NULL);
    names_each(id, ids)
    {
        autofree char *uid = NULL, *name = NULL;
        int attempt;
        if (place_container_of_id(id, &uid, &name, &attempt))
            found(context, uid, name, attempt);
    }
}

void runtime_list(struct runtime *runtime, runtime_found_fn *found, void *context)
{
    list_runtime_states(runtime, found, context);
    list_pods(runtime, found, context);
    hierarchy_list(runtime->cgroups, runtime->place, found, context);
}
