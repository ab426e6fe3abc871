#include "nodeagent/image.h"

#include "lib/file.h"
#include "lib/log.h"
#include "nodeagent/record.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define LAYER_NAME_LENGTH 32

/* ---- where things are ---- */

char *image_names_path(const char *state)
{
    return path_format("%s/images/names", state);
}

static char *name_path(const char *state, const char *name)
{
    struct buf path = {0};
    buf_addf(&path, "%s/images/names/", state);
    for (; *name != '\0'; name++)
        if (*name == '/')
            buf_add_text(&path, "%2F");
        else
            buf_add_char(&path, *name);
    buf_add_text(&path, ".json");
    return buf_take(&path);
}

struct str image_layer_name(struct str digest)
{
    struct str prefix = STR("sha256:");
    if (str_starts(digest, prefix))
        digest = (struct str){digest.at + prefix.length, digest.length - prefix.length};
    if (digest.length > LAYER_NAME_LENGTH)
        digest.length = LAYER_NAME_LENGTH;
    return digest;
}

char *image_layer_path(const char *state, struct str digest)
{
    return path_format("%s/images/layers/" STR_FORMAT, state, STR_ARGS(image_layer_name(digest)));
}

/* ---- reading ---- */

static int compare_entries(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_image_file(const struct dirent *entry)
{
    return str_ends(str_of(entry->d_name), STR(".json"));
}

int image_each(const char *state, void (*each)(void *context, const char *name, struct value image),
               void *context, struct error **err)
{
    autofree char *directory = image_names_path(state);
    struct dirent **entries;
    int count = scandir(directory, &entries, is_image_file, compare_entries);
    if (count < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "cannot list %s", directory);
    int result = 0;
    for (int i = 0; i < count; i++) {
        autofree char *path = path_format("%s/%s", directory, entries[i]->d_name);
        autodoc struct doc *doc = result == 0 ? doc_read(path, err) : NULL;
        free(entries[i]);
        if (result == 0 && doc == NULL)
            result = -EIO;
        if (doc == NULL)
            continue;
        autofree char *name = str_dup(value_str(value_get(doc_root(doc), STR("name"))));
        each(context, name, doc_root(doc));
    }
    free(entries);
    return result;
}

struct digest_search {
    struct str digest;
    struct doc *found;
};

static void match_digest(void *context, const char *name, struct value image)
{
    struct digest_search *search = context;
    (void)name;
    if (search->found == NULL && (str_equal(value_str(value_get(image, STR("digest"))), search->digest) ||
                                  str_equal(value_str(value_get(image, STR("id"))), search->digest)))
        search->found = doc_copy(image);
}

struct doc *image_find(const char *state, const char *name, struct error **err)
{
    autofree char *normal = image_normalize(str_of(name), err);
    if (normal == NULL)
        return NULL;
    const char *at = strchr(normal, '@');
    if (at != NULL) {
        struct digest_search search = {.digest = str_of(at + 1)};
        if (image_each(state, match_digest, &search, err) == 0 && search.found == NULL)
            error_make(err, ENOENT, "there is no image %s on this node", normal);
        return search.found;
    }
    autofree char *path = name_path(state, normal);
    if (access(path, F_OK) < 0 && errno == ENOENT) {
        error_make(err, ENOENT, "there is no image %s on this node", normal);
        return NULL;
    }
    return doc_read(path, err);
}

/* ---- changing ---- */

int image_lock(const char *state, enum image_lock_mode mode, struct error **err)
{
    autofree char *directory = image_names_path(state);
    autofree char *path = path_format("%s/images/lock", state);
    int result = directory_make(directory, 0700, err);
    if (result < 0)
        return result;
    autoclose int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, mode == IMAGE_LOCK_SHARED ? LOCK_SH : LOCK_EX) < 0)
        return error_errno(err, errno, "cannot lock %s", path);
    return take_fd(fd);
}

/* An owner locks its directory as soon as it has made it, under the store's lock: so one that can be locked
 * belongs to nobody. Whoever has locked it removes it, and needs the store's lock no longer: it may be large.
 */
static void remove_if_dead(const char *state, const char *path)
{
    autoclose int store = image_lock(state, IMAGE_LOCK_EXCLUSIVE, NULL);
    autoclose int fd = store >= 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return;
    close(take_fd(store));
    directory_remove(path, NULL);
}

static void remove_dead_scratch(const char *state, const char *directory)
{
    autobuf struct buf names = {0};
    directory_names(directory, &names, NULL);
    names_each(name, names)
    {
        autofree char *path = path_format("%s/%s", directory, name);
        remove_if_dead(state, path);
    }
}

char *image_scratch(const char *state, int *lock, struct error **err)
{
    autofree char *directory = path_format("%s/images/scratch", state);
    if (directory_make(directory, 0700, err) < 0)
        return NULL;
    remove_dead_scratch(state, directory);
    autofree char *path = path_format("%s/XXXXXX", directory);
    autoclose int store = image_lock(state, IMAGE_LOCK_EXCLUSIVE, err);
    if (store < 0)
        return NULL;
    if (mkdtemp(path) == NULL) {
        error_errno(err, errno, "cannot make a directory in %s", directory);
        return NULL;
    }
    *lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*lock < 0 || flock(*lock, LOCK_EX | LOCK_NB) < 0) {
        error_errno(err, errno, "cannot lock %s", path);
        return NULL;
    }
    return take_pointer(path);
}

int image_put(const char *state, struct value image, struct error **err)
{
    autofree char *name = str_dup(value_str(value_get(image, STR("name"))));
    autofree char *path = name_path(state, name);
    autobuf struct buf text = {0};
    value_write(&text, image);
    buf_add_char(&text, '\n');
    return file_replace(path, buf_str(&text), 0600, FILE_DURABLE, err);
}

static void add_layers(void *context, const char *name, struct value image)
{
    struct buf *used = context;
    (void)name;
    value_each (layer, value_get(image, STR("layers")))
        buf_addf(used, STR_FORMAT "\n", STR_ARGS(value_str(layer)));
}

/* What imports that are on their way count on. */
static void add_held_layers(const char *state, struct buf *used)
{
    autofree char *directory = path_format("%s/images/scratch", state);
    autobuf struct buf names = {0};
    directory_names(directory, &names, NULL);
    names_each(name, names)
    {
        autofree char *path = path_format("%s/%s/held", directory, name);
        file_read(path, used, NULL);
    }
}

/* A layer below a mounted root filesystem must stay, whatever became of its image's name: each mount tells
 * its lower directories. */
static int layers_in_use(const char *state, struct buf *used, struct error **err)
{
    int result = image_each(state, add_layers, used, err);
    add_held_layers(state, used);
    return result < 0 ? result : file_read("/proc/self/mountinfo", used, err);
}

/* Moves them out of sight: removing them takes longer than the lock should be held. */
static int retire_unused_layers(const char *state, const char *scratch, struct error **err)
{
    autobuf struct buf used = {0};
    int result = layers_in_use(state, &used, err);
    if (result < 0)
        return result;
    autofree char *directory = path_format("%s/images/layers", state);
    if (access(directory, F_OK) < 0 && errno == ENOENT)
        return 0;
    autobuf struct buf layers = {0};
    result = directory_names(directory, &layers, err);
    names_each(layer, layers)
    {
        autofree char *from = path_format("%s/%s", directory, layer);
        autofree char *to = path_format("%s/%s", scratch, layer);
        if (result == 0 && strstr(used.at, layer) == NULL && rename(from, to) < 0)
            result = error_errno(err, errno, "cannot move %s away", from);
    }
    return result;
}

/* Containers that have ended count as well: they may be started again, as long as their pod is there. */
static void add_users(struct value users, const struct pod_record *record)
{
    for (int i = 0; i < record->container_count; i++) {
        const struct container_record *container = &record->containers[i];
        autofree char *user =
            path_format("container %s of pod %s/%s", container->name, record->namespace, record->name);
        if (container->image_id != NULL)
            value_set_str(users, str_of(container->image_id), str_of(user));
    }
}

struct doc *image_users(const char *state, struct error **err)
{
    autofree char *own_state = str_dup(str_of(state)), *directory = path_format("%s/pods", state);
    const struct place place = {.state = own_state};
    autobuf struct buf uids = {0};
    autoerror struct error *error = NULL;
    autodoc struct doc *users = doc_new();
    int result = directory_names(directory, &uids, &error);
    names_each(uid, uids)
    {
        autoerror struct error *none = NULL;
        autorecord struct pod_record *record = record_load(&place, uid, &none);
        if (record != NULL)
            add_users(doc_root(users), record);
        else if (none->number != ENOENT && error == NULL)
            error = take_pointer(none);
    }
    if (error == NULL || result == -ENOENT)
        return take_pointer(users);
    error_move(err, take_pointer(error));
    error_wrap(err, "it can't be told which images are in use");
    return NULL;
}

struct str image_user(struct value users, struct value image)
{
    autofree char *reference = image_reference(image);
    struct value user = value_get(users, value_str(value_get(image, STR("id"))));
    return value_str(value_exists(user) ? user : value_get(users, str_of(reference)));
}

static int remove_name(const char *state, const char *name, const char *scratch, struct error **err)
{
    autoclose int lock = image_lock(state, IMAGE_LOCK_EXCLUSIVE, err);
    if (lock < 0)
        return lock;
    autodoc struct doc *image = image_find(state, name, err);
    if (image == NULL)
        return -ENOENT;
    autodoc struct doc *users = image_users(state, err);
    if (users == NULL)
        return -EIO;
    struct str user = image_user(doc_root(users), doc_root(image));
    if (user.length != 0)
        return error_make(err, EBUSY, "%s is in use: " STR_FORMAT " was made of it", name, STR_ARGS(user));
    autofree char *found = str_dup(value_str(value_get(doc_root(image), STR("name"))));
    autofree char *path = name_path(state, found);
    if (unlink(path) < 0)
        return error_errno(err, errno, "cannot remove %s", path);
    return retire_unused_layers(state, scratch, err);
}

int image_remove(const char *state, const char *name, struct error **err)
{
    autofree char *normal = image_normalize(str_of(name), err);
    if (normal == NULL)
        return -EINVAL;
    autoclose int owner = -1;
    autofree char *scratch = image_scratch(state, &owner, err);
    if (scratch == NULL)
        return -EIO;
    int result = remove_name(state, normal, scratch, err);
    int removed = directory_remove(scratch, result == 0 ? err : NULL);
    return result < 0 ? result : removed;
}

int image_sweep(const char *state, struct error **err)
{
    autoclose int owner = -1;
    autofree char *scratch = image_scratch(state, &owner, err);
    autoclose int lock = scratch != NULL ? image_lock(state, IMAGE_LOCK_EXCLUSIVE, err) : -1;
    if (lock < 0)
        return -EIO;
    int result = retire_unused_layers(state, scratch, err);
    close(take_fd(lock));
    int removed = directory_remove(scratch, result == 0 ? err : NULL);
    return result < 0 ? result : removed;
}

/* ---- use ---- */

int64_t image_used_ms(const char *state, const char *name)
{
    autofree char *path = name_path(state, name);
    struct stat there;
    return stat(path, &there) == 0 ? there.st_mtim.tv_sec * 1000 + there.st_mtim.tv_nsec / 1000000 : 0;
}

/* The time is kept where it goes away with the name. */
void image_note_use(const char *state, const char *name)
{
    autofree char *path = name_path(state, name);
    if (utimensat(AT_FDCWD, path, NULL, 0) < 0 && errno != ENOENT)
        log_warning("cannot note that %s is of use: %s", name, strerror(errno));
}

/* The lock keeps those away who look for what nobody needs. */
bool image_hold_layer(const char *state, const char *scratch, struct str layer)
{
    autoclose int lock = image_lock(state, IMAGE_LOCK_SHARED, NULL);
    autofree char *path = image_layer_path(state, layer), *held = path_format("%s/held", scratch);
    if (lock < 0 || access(path, F_OK) < 0)
        return false;
    autoclose int fd = open(held, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    autofree char *line = path_format(STR_FORMAT "\n", STR_ARGS(layer));
    return fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line);
}

static void add_blobs(void *context, const char *name, struct value image)
{
    struct value blobs = *(struct value *)context;
    struct value layers = value_get(image, STR("layers"));
    size_t i = 0;
    (void)name;
    value_each (blob, value_get(image, STR("blobs")))
        value_set_copy(blobs, value_str(blob), value_element(layers, i++));
}

struct doc *image_blobs(const char *state)
{
    struct doc *doc = doc_new();
    struct value blobs = doc_root(doc);
    image_each(state, add_blobs, &blobs, NULL);
    return doc;
}
