#include "nodeagent/volume_files.h"

#include "lib/base64.h"
#include "lib/file.h"
#include "nodeagent/downward.h"
#include "nodeagent/volume_field.h"
#include <errno.h>
#include <limits.h>

#define DEFAULT_MODE 0644

void volume_files_free(struct volume_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->files[i].path);
        buf_free(&files->files[i].bytes);
    }
    free(files->files);
    *files = (struct volume_files){0};
}

/* What a volume is collected with. */
struct collection {
    const struct volume_world *world;
    struct volume_files *files;
    mode_t mode;          /* where an item says none */
    struct buf sentences; /* of what went wrong, ", " between */
    int sentence_count, number;
};

static void add_sentence(struct collection *all, struct error *error)
{
    if (all->sentence_count++ != 0)
        buf_add_text(&all->sentences, ", ");
    else
        all->number = error->number;
    buf_add_text(&all->sentences, error_message(error));
}

/* ---- paths ---- */

/* Kubernetes' rules for what may be below a volume (pkg/volume/util/atomic_writer.go, validatePath). */
static int check_path(struct str path, struct error **err)
{
    if (path.length == 0)
        return error_make(err, EINVAL, "invalid path: must not be empty: \"\"");
    if (path.at[0] == '/')
        return error_make(err, EINVAL, "invalid path: must be relative path: " STR_FORMAT, STR_ARGS(path));
    if (path.length >= PATH_MAX)
        return error_make(err, EINVAL, "invalid path: must be less than or equal to %d characters", PATH_MAX);
    if (memchr(path.at, '\0', path.length) != NULL)
        return error_make(err, EINVAL, "invalid path: must not contain a NUL character");
    struct str rest = path, part;
    while (str_split(&rest, '/', &part)) {
        if (str_is(part, ".."))
            return error_make(err, EINVAL, "invalid path: must not contain '..': " STR_FORMAT,
                              STR_ARGS(path));
        if (part.length > NAME_MAX)
            return error_make(
                err, EINVAL, "invalid path: filenames must be less than or equal to %d characters", NAME_MAX);
    }
    return 0;
}

/* The path without empty parts and "."; NULL and an error when it may not be. */
static char *clean_path(struct str path, struct error **err)
{
    if (check_path(path, err) < 0)
        return NULL;
    autobuf struct buf clean = {0};
    struct str rest = path, part;
    while (str_split(&rest, '/', &part)) {
        if (part.length == 0 || str_is(part, "."))
            continue;
        if (clean.length != 0)
            buf_add_char(&clean, '/');
        buf_add_str(&clean, part);
    }
    if (clean.length == 0) {
        error_make(err, EINVAL, "invalid path: must name a file: " STR_FORMAT, STR_ARGS(path));
        return NULL;
    }
    /* After "./" has gone: "./..data" would be the writer's own. */
    if (str_starts(buf_str(&clean), STR(".."))) {
        error_make(err, EINVAL, "invalid path: must not start with '..': " STR_FORMAT, STR_ARGS(path));
        return NULL;
    }
    return buf_take(&clean);
}

/* Takes the bytes. */
static int add_file(struct collection *all, struct str path, struct buf *bytes, mode_t mode,
                    struct error **err)
{
    char *clean = clean_path(path, err);
    if (clean == NULL)
        return -EINVAL;
    struct volume_files *files = all->files;
    array_grow(files->files, files->count, files->capacity);
    files->files[files->count] =
        (struct volume_file){.path = clean, .bytes = *bytes, .mode = mode, .order = files->count};
    files->count++;
    *bytes = (struct buf){0};
    return 0;
}

static int compare_files(const void *a, const void *b)
{
    const struct volume_file *one = a, *other = b;
    int result = strcmp(one->path, other->path);
    return result != 0 ? result : (one->order > other->order) - (one->order < other->order);
}

/* Puts them in order; of several for one path the last stays, as in kubelet, whose later sources write over
 * earlier ones. (The tree refuses such a volume where it can tell from the volume alone.) */
static void put_in_order(struct volume_files *files)
{
    if (files->count == 0)
        return;
    qsort(files->files, files->count, sizeof(files->files[0]), compare_files);
    size_t kept = 0;
    for (size_t i = 1; i < files->count; i++) {
        if (strcmp(files->files[kept].path, files->files[i].path) != 0) {
            files->files[++kept] = files->files[i];
            continue;
        }
        free(files->files[kept].path);
        buf_free(&files->files[kept].bytes);
        files->files[kept] = files->files[i];
    }
    files->count = kept + 1;
}

/* ---- objects ---- */

/* What is said of a key that isn't there, and the members of the object with the bytes; NULL: none. */
static const struct {
    const char *missing_key, *plain, *base64;
} keyed[REFERENCE_KINDS] = {
    [REFERENCE_CONFIGMAP] = {"configmap references non-existent config key: ", "data", "binaryData"},
    [REFERENCE_SECRET] = {"references non-existent secret key: ", NULL, "data"},
};

static mode_t mode_or(struct value mode, mode_t otherwise)
{
    return (mode_t)value_int_or(mode, otherwise) & 0777;
}

static int decode(size_t kind, struct value object, struct value member, struct buf *bytes,
                  struct error **err)
{
    if (base64_decode(value_str(member), bytes))
        return 0;
    return error_make(err, EINVAL, "%s \"" STR_FORMAT "\": the value of \"" STR_FORMAT "\" is not base64",
                      reference_kinds[kind].called, STR_ARGS(value_str(value_at(object, "metadata", "name"))),
                      STR_ARGS(value_key(member)));
}

/* One key's bytes; false in *found when there is no such key. */
static int read_key(size_t kind, struct value object, struct str key, struct buf *bytes, bool *found,
                    struct error **err)
{
    struct value plain = keyed[kind].plain != NULL
                             ? value_get(value_get(object, str_of(keyed[kind].plain)), key)
                             : VALUE_ABSENT;
    struct value encoded = value_get(value_get(object, str_of(keyed[kind].base64)), key);
    *found = value_exists(plain) || value_exists(encoded);
    if (value_exists(plain))
        buf_add_str(bytes, value_str(plain));
    return value_exists(encoded) && !value_exists(plain) ? decode(kind, object, encoded, bytes, err) : 0;
}

static int add_items(struct collection *all, size_t kind, struct value object, struct value items,
                     bool optional, struct error **err)
{
    value_each (item, items) {
        struct str key = value_str(value_get(item, STR("key")));
        autobuf struct buf bytes = {0};
        bool found;
        int result = read_key(kind, object, key, &bytes, &found, err);
        if (result < 0)
            return result;
        if (!found && optional)
            continue;
        if (!found)
            return error_make(err, ENOENT, "%s" STR_FORMAT, keyed[kind].missing_key, STR_ARGS(key));
        result = add_file(all, value_str(value_get(item, STR("path"))), &bytes,
                          mode_or(value_get(item, STR("mode")), all->mode), err);
        if (result < 0)
            return result;
    }
    return 0;
}

static int add_all_keys(struct collection *all, size_t kind, struct value object, struct error **err)
{
    const char *const members[] = {keyed[kind].plain, keyed[kind].base64};
    for (size_t i = 0; i < COUNT(members); i++) {
        if (members[i] == NULL)
            continue;
        value_each (member, value_get(object, str_of(members[i]))) {
            autobuf struct buf bytes = {0};
            bool found;
            int result = read_key(kind, object, value_key(member), &bytes, &found, err);
            if (result == 0)
                result = add_file(all, value_key(member), &bytes, all->mode, err);
            if (result < 0)
                return result;
        }
    }
    return 0;
}

static int add_object(struct collection *all, size_t kind, struct value source, struct str name,
                      struct error **err)
{
    bool optional = value_true(value_get(source, STR("optional")));
    struct value items = value_get(source, STR("items"));
    struct value object = all->world->find(all->world->context, reference_kinds[kind].kind, name);
    if (!value_exists(object) && optional)
        return 0;
    if (!value_exists(object))
        return error_make(err, ENOENT, "%s \"" STR_FORMAT "\" not found", reference_kinds[kind].called,
                          STR_ARGS(name));
    return value_count(items) != 0 ? add_items(all, kind, object, items, optional, err)
                                   : add_all_keys(all, kind, object, err);
}

/* ---- the pod itself ---- */

static int add_resource(struct collection *all, struct value reference, struct buf *bytes, struct error **err)
{
    struct value container;
    struct str name = value_str(value_get(reference, STR("containerName")));
    int result = downward_container(all->world->pod, name, &container, NULL, err);
    return result < 0 ? result : downward_resource(container, reference, all->world->allocatable, bytes, err);
}

static int add_pod_file(struct collection *all, struct value item, struct error **err)
{
    autobuf struct buf bytes = {0};
    struct value field = value_get(item, STR("fieldRef"));
    struct value resource = value_get(item, STR("resourceFieldRef"));
    int result = 0;
    if (value_exists(field))
        result = volume_field(all->world->pod, value_str(value_get(field, STR("fieldPath"))), &bytes, err);
    else if (value_exists(resource))
        result = add_resource(all, resource, &bytes, err);
    return result < 0 ? result
                      : add_file(all, value_str(value_get(item, STR("path"))), &bytes,
                                 mode_or(value_get(item, STR("mode")), all->mode), err);
}

static void add_pod_files(struct collection *all, struct value source)
{
    value_each (item, value_get(source, STR("items"))) {
        autoerror struct error *error = NULL;
        if (add_pod_file(all, item, &error) < 0)
            add_sentence(all, error);
    }
}

/* ---- volumes ---- */

/* What one place of a volume says: the volume itself, or a source of a projected one, where the object's name
 * is always `name`. */
static void add_source(struct collection *all, struct value place, bool projected)
{
    for (size_t i = 0; i < REFERENCE_KINDS; i++) {
        struct value source = value_get(place, str_of(reference_kinds[i].member));
        if (!value_exists(source))
            continue;
        autoerror struct error *error = NULL;
        struct str name =
            value_str(value_get(source, str_of(projected ? "name" : reference_kinds[i].name_in_volume)));
        if (add_object(all, i, source, name, &error) < 0)
            add_sentence(all, error);
    }
    add_pod_files(all, value_get(place, STR("downwardAPI")));
}

static mode_t default_mode(struct value volume)
{
    static const char *const members[] = {"configMap", "secret", "downwardAPI", "projected"};
    for (size_t i = 0; i < COUNT(members); i++) {
        struct value mode = value_at(volume, members[i], "defaultMode");
        if (value_exists(mode))
            return mode_or(mode, DEFAULT_MODE);
    }
    return DEFAULT_MODE;
}

int volume_files_make(struct value volume, const struct volume_world *world, struct volume_files *files,
                      struct error **err)
{
    struct collection all = {.world = world, .files = files, .mode = default_mode(volume)};
    add_source(&all, volume, false);
    value_each (source, value_at(volume, "projected", "sources"))
        add_source(&all, source, true);
    put_in_order(files);
    int result = 0;
    if (all.sentence_count != 0)
        result = error_make(err, all.number, all.sentence_count > 1 ? "[%s]" : "%s", all.sentences.at);
    buf_free(&all.sentences);
    return result;
}

const char *volume_files_unsupported(struct value source)
{
    static const char *const sources[] = {"serviceAccountToken", "clusterTrustBundle"};
    for (size_t i = 0; i < COUNT(sources); i++)
        if (value_exists(value_get(source, str_of(sources[i]))))
            return sources[i];
    return NULL;
}
