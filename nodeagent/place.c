#include "nodeagent/place.h"

#include "installed.h"
#include "lib/file.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>

static char *absolute(const char *path, struct error **err)
{
    if (directory_make(path, 0711, err) < 0)
        return NULL;
    char *real = realpath(path, NULL);
    if (real == NULL)
        error_errno(err, errno, "cannot find %s", path);
    return real;
}

/* In a build tree the programs lie beside each other, as they do where they are installed. */
static char *program_path(const char *name)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length > 0) {
        self[length] = '\0';
        char *slash = strrchr(self, '/');
        autofree char *beside = path_format("%.*s/%s", (int)(slash - self), self, name);
        if (access(beside, X_OK) == 0)
            return take_pointer(beside);
    }
    return path_format("%s/%s", PKGLIBEXECDIR, name);
}

/* As a shell would find it. conmon wants a path. */
static char *find_program(const char *name, struct error **err)
{
    const char *path = getenv("PATH");
    struct str rest =
                   strchr(name, '/') != NULL ? STR("") : str_of(path != NULL ? path : "/usr/sbin:/usr/bin"),
               directory;
    while (str_split(&rest, ':', &directory)) {
        autofree char *candidate = directory.length != 0
                                       ? path_format(STR_FORMAT "/%s", STR_ARGS(directory), name)
                                       : str_dup(str_of(name));
        if (access(candidate, X_OK) == 0)
            return realpath(candidate, NULL);
    }
    error_make(err, ENOENT, "there is no program %s: apt-get install %s", name, name);
    return NULL;
}

int place_open(struct place *place, const char *state, const char *run, const char *runtime,
               struct error **err)
{
    *place = (struct place){.state = absolute(state, err), .runtime_timeout_ms = PLACE_RUNTIME_TIMEOUT_MS};
    if (place->state != NULL)
        place->run = absolute(run, err);
    if (place->run != NULL)
        place->runtime = find_program(runtime, err);
    if (place->runtime == NULL) {
        place_close(place);
        return -EIO;
    }
    place->cgroup = path_format("/podtree/%08x", (unsigned)(str_hash(str_of(place->state)) >> 32));
    place->pause = program_path("podtree-pause");
    place->exec = program_path("podtree-exec");
    place->copy = program_path("podtree-copy");
    place->image = program_path("podtree-image");
    place->manifest = program_path("podtree-manifest");
    const struct {
        bool in_state;
        const char *name;
    } directories[] = {{true, "pods"},
                       {true, "images"},
                       {false, "pods"},
                       {false, "exits"},
                       {false, strrchr(place->runtime, '/') + 1}};
    for (size_t i = 0; i < COUNT(directories); i++) {
        autofree char *path =
            path_format("%s/%s", directories[i].in_state ? place->state : place->run, directories[i].name);
        if (directory_make(path, 0700, err) < 0) {
            place_close(place);
            return -EIO;
        }
    }
    return 0;
}

void place_close(struct place *place)
{
    free(place->state);
    free(place->run);
    free(place->cgroup);
    free(place->runtime);
    free(place->pause);
    free(place->exec);
    free(place->copy);
    free(place->image);
    free(place->manifest);
    *place = (struct place){0};
}

char *place_pod_state(const struct place *place, const char *uid)
{
    return path_format("%s/pods/%s", place->state, uid);
}

char *place_pod_run(const struct place *place, const char *uid)
{
    return path_format("%s/pods/%s", place->run, uid);
}

char *place_log(const struct place *place, const char *uid, const char *container, int attempt)
{
    return path_format("%s/pods/%s/%s/%d.log", place->state, uid, container, attempt);
}

char *place_volumes(const struct place *place, const char *uid)
{
    return path_format("%s/pods/%s/volumes.d", place->state, uid);
}

char *place_layer(const struct place *place, const char *uid, const char *container, int attempt)
{
    return path_format("%s/pods/%s/%s/%d", place->state, uid, container, attempt);
}

char *place_bundle(const struct place *place, const char *uid, const char *container, int attempt)
{
    return path_format("%s/pods/%s/%s.%d", place->run, uid, container, attempt);
}

char *place_exit_file(const struct place *place, const char *id)
{
    return path_format("%s/exits/%s", place->run, id);
}

char *place_container_id(const char *uid, const char *container, int attempt)
{
    return path_format("%s.%s.%d", uid, container, attempt);
}

bool place_container_of_id(const char *id, char **uid, char **container, int *attempt)
{
    /* Names of containers and uids have no dots. */
    struct str rest = str_of(id), parts[3];
    int64_t number;
    for (int i = 0; i < 3; i++)
        if (!str_split(&rest, '.', &parts[i]) || parts[i].length == 0)
            return false;
    if (rest.at != NULL || !str_to_int64(parts[2], &number) || number < 0 || number > INT_MAX)
        return false;
    *uid = str_dup(parts[0]);
    *container = str_dup(parts[1]);
    *attempt = (int)number;
    return true;
}
