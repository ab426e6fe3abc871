#include "nodeagent/runtime_private.h"

#include "lib/file.h"
#include <dirent.h>

/* Calls for the containers that have a bundle below RUN/pods/<uid>, called <container>.<attempt>. */
static void list_bundles(const char *directory, const char *uid, runtime_found_fn *found, void *context)
{
    DIR *entries = opendir(directory);
    if (entries == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        autofree char *id = path_format("%s.%s", uid, entry->d_name), *same = NULL, *name = NULL;
        int attempt;
        if (entry->d_type == DT_DIR && place_container_of_id(id, &same, &name, &attempt))
            found(context, uid, name, attempt);
    }
    closedir(entries);
}

static void list_pods(struct runtime *runtime, runtime_found_fn *found, void *context)
{
    autofree char *directory = path_format("%s/pods", runtime->place->run);
    DIR *entries = opendir(directory);
    if (entries == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        autofree char *below = path_format("%s/%s", directory, entry->d_name);
        found(context, entry->d_name, NULL, 0);
        list_bundles(below, entry->d_name, found, context);
    }
    closedir(entries);
}

/* Those that only the runtime or only a cgroup knows: their bundle may have been lost. */
static void list_runtime_states(struct runtime *runtime, runtime_found_fn *found, void *context)
{
    autofree char *directory = path_format("%s/runc", runtime->place->run);
    DIR *entries = opendir(directory);
    if (entries == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        autofree char *uid = NULL, *name = NULL;
        int attempt;
        if (place_container_of_id(entry->d_name, &uid, &name, &attempt))
            found(context, uid, name, attempt);
    }
    closedir(entries);
}

static void list_cgroups(struct runtime *runtime, runtime_found_fn *found, void *context)
{
    autobuf struct buf names = {0};
    cgroups_list(runtime->cgroups, runtime->place->cgroup, &names);
    struct str rest = buf_str(&names), name, prefix = STR("pod");
    while (str_split(&rest, '\n', &name))
        if (str_starts(name, prefix)) {
            autofree char *uid = str_dup((struct str){name.at + prefix.length, name.length - prefix.length});
            found(context, uid, NULL, 0);
        }
}

void runtime_list(struct runtime *runtime, runtime_found_fn *found, void *context)
{
    list_runtime_states(runtime, found, context);
    list_pods(runtime, found, context);
    list_cgroups(runtime, found, context);
}
