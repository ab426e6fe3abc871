#include "nodeagent/storage.h"

#include "lib/demand.h"
#include "lib/file.h"
#include "lib/quantity.h"
#include "nodeagent/quality.h"
#include "nodeagent/volume.h"

/* ---- limits ---- */

/* Of an emptyDir on the disk; 0: none. One in memory can't become larger (volume.h). */
static int64_t size_limit(struct value volume)
{
    struct value source = value_get(volume, STR("emptyDir"));
    int64_t size;
    return value_is(value_get(source, STR("medium")), "Memory") ||
                   !quantity_units(value_str(value_get(source, STR("sizeLimit"))), &size)
               ? 0
               : size;
}

/* Of all of it: what those of its containers that have a limit have together, whatever the others do. */
static int64_t pod_limit(struct value pod)
{
    bool of_all;
    return demand_limit(pod, RESOURCE_STORAGE, &of_all);
}

static struct value limit_of(struct value container)
{
    return value_at(container, "resources", "limits", "ephemeral-storage");
}

bool storage_is_limited(struct value pod)
{
    bool limited = pod_limit(pod) > 0;
    value_each (volume, value_at(pod, "spec", "volumes"))
        limited |= size_limit(volume) > 0;
    return limited && !quality_is_critical(pod);
}

/* ---- what is used ---- */

/* Lines are bytes, a tab, and the path; 0 where nothing is said of it. */
static int64_t figure_of(struct str report, const char *path)
{
    struct str line, number;
    int64_t bytes;
    while (str_split(&report, '\n', &line))
        if (str_split(&line, '\t', &number) && str_is(line, path) && str_to_int64(number, &bytes))
            return bytes;
    return 0;
}

static char *volume_excess(struct value pod, const char *directory, struct str report)
{
    autofree char *volumes = path_format("%s/volumes.d", directory);
    value_each (volume, value_at(pod, "spec", "volumes")) {
        int64_t limit = size_limit(volume);
        autofree char *path = volume_path(volumes, volume);
        char text[QUANTITY_TEXT];
        if (limit > 0 && figure_of(report, path) > limit &&
            quantity_canonical(value_str(value_at(volume, "emptyDir", "sizeLimit")), text))
            return path_format("Usage of EmptyDir volume \"" STR_FORMAT "\" exceeds the limit \"%s\". ",
                               STR_ARGS(value_str(value_get(volume, STR("name")))), text);
    }
    return NULL;
}

static char *pod_excess(struct value pod, const char *directory, struct str report)
{
    char text[32];
    int64_t limit = pod_limit(pod);
    if (limit == 0 || figure_of(report, directory) <= limit)
        return NULL;
    quantity_format_bytes(limit, text);
    return path_format("Pod ephemeral local storage usage exceeds the total limit of containers %s. ", text);
}

static char *container_excess(struct value pod, const char *directory, struct str report)
{
    value_each (container, value_at(pod, "spec", "containers")) {
        struct str name = value_str(value_get(container, STR("name")));
        int64_t limit = demand_amount(value_at(container, "resources", "limits"), RESOURCE_STORAGE);
        autofree char *path = path_format("%s/" STR_FORMAT, directory, STR_ARGS(name));
        char text[QUANTITY_TEXT];
        if (limit > 0 && figure_of(report, path) > limit &&
            quantity_canonical(value_str(limit_of(container)), text))
            return path_format("Container " STR_FORMAT " exceeded its local ephemeral storage limit \"%s\". ",
                               STR_ARGS(name), text);
    }
    return NULL;
}

char *storage_excess(struct value pod, const char *directory, struct str report)
{
    char *sentence = volume_excess(pod, directory, report);
    if (sentence == NULL)
        sentence = pod_excess(pod, directory, report);
    return sentence != NULL ? sentence : container_excess(pod, directory, report);
}
