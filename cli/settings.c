#include "cli/settings.h"

#include "installed.h"
#include "lib/file.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

const struct settings_field settings_fields[] = {
    {"mount", offsetof(struct settings, mount), false},
    {"state", offsetof(struct settings, state), false},
    {"run", offsetof(struct settings, run), false},
    {"node", offsetof(struct settings, node), false},
    {"hollow", offsetof(struct settings, hollow), false},
    {"runtime", offsetof(struct settings, runtime), false},
    {"runtime-timeout", offsetof(struct settings, runtime_timeout), false},
    {"static-pod-path", offsetof(struct settings, static_pods), false},
    {"image-gc-high-threshold", offsetof(struct settings, image_high), false},
    {"image-gc-low-threshold", offsetof(struct settings, image_low), false},
    {"image-minimum-gc-age", offsetof(struct settings, image_age), false},
    {"pod-max-pids", offsetof(struct settings, pod_processes), false},
    {"libexec", offsetof(struct settings, libexec), true},
    {"kinds", offsetof(struct settings, kinds), true},
    {NULL, 0, false},
};

char **settings_member(struct settings *settings, struct str name)
{
    for (const struct settings_field *field = settings_fields; field->name != NULL; field++)
        if (str_is(name, field->name))
            return (char **)(void *)((char *)settings + field->offset);
    return NULL;
}

void settings_free(struct settings *settings)
{
    for (const struct settings_field *field = settings_fields; field->name != NULL; field++)
        free(*settings_member(settings, str_of(field->name)));
    *settings = (struct settings){0};
}

static const char *from_environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : otherwise;
}

struct directories directories_default(void)
{
    return (struct directories){
        .mount = from_environment("PODTREE_MOUNT", "/k8s"),
        .state = from_environment("PODTREE_STATE", "/var/lib/podtree"),
        .run = from_environment("PODTREE_RUN", "/run/podtree"),
    };
}

static const char *value_of(const struct settings *settings, const struct settings_field *field)
{
    return *(char *const *)(const void *)((const char *)settings + field->offset);
}

bool settings_differ(const struct settings *running, const struct settings *wanted, struct buf *how)
{
    size_t before = how->length;
    for (const struct settings_field *field = settings_fields; field->name != NULL; field++) {
        const char *is = value_of(running, field), *wish = value_of(wanted, field);
        bool same = is == NULL || wish == NULL ? is == wish : strcmp(is, wish) == 0;
        if (same || (wish == NULL && field->is_found))
            continue;
        buf_addf(how, "%s%s is %s, not %s", how->length > before ? "; " : "", field->name,
                 is != NULL ? is : "none", wish != NULL ? wish : "none");
    }
    return how->length > before;
}

/* Only the parent is resolved, so that nothing is asked of what is mounted there. Of a parent that isn't
 * there what can't be resolved stays as it was written. */
int settings_absolute(const char *path, char **out, struct error **err)
{
    autofree char *copy = str_dup(str_of(path)), *real = NULL;
    size_t length = strlen(copy);
    while (length > 1 && copy[length - 1] == '/')
        copy[--length] = '\0';
    char *slash = strrchr(copy, '/');
    const char *name = slash != NULL ? slash + 1 : copy;
    bool whole = *name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    const char *parent = whole ? copy : slash == NULL ? "." : slash == copy ? "/" : copy;
    if (!whole && slash != NULL && slash != copy)
        *slash = '\0';
    real = realpath(parent, NULL);
    if (real == NULL && (errno != ENOENT || whole))
        return error_errno(err, errno, "cannot find %s", path);
    int result = real == NULL ? settings_absolute(parent, &real, err) : 0;
    if (result < 0)
        return result;
    if (whole)
        *out = take_pointer(real);
    else
        *out = path_format("%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
    return 0;
}

/* The directories of a cluster. */
static const struct {
    size_t given, member; /* in struct directories, struct settings */
    mode_t mode;
    unsigned bit;
} places[] = {
    {offsetof(struct directories, mount), offsetof(struct settings, mount), 0755, MADE_MOUNT},
    /* what is secret in it protects itself */
    {offsetof(struct directories, state), offsetof(struct settings, state), 0711, MADE_STATE},
    {offsetof(struct directories, run), offsetof(struct settings, run), 0755, MADE_RUN},
};

int settings_resolve(const struct directories *directories, struct settings *settings, struct error **err)
{
    int result = 0;
    for (size_t i = 0; i < COUNT(places) && result == 0; i++)
        result = settings_absolute(
            *(const char *const *)(const void *)((const char *)directories + places[i].given),
            (char **)(void *)((char *)settings + places[i].member), err);
    return result;
}

/* A directory that is there is not looked at: it may be a mount that doesn't answer. */
int settings_make(const struct settings *settings, unsigned *made, struct error **err)
{
    for (size_t i = 0; i < COUNT(places); i++) {
        const char *path = *(char *const *)(const void *)((const char *)settings + places[i].member);
        bool is_new = mkdir(path, places[i].mode) == 0;
        if (!is_new && errno == EEXIST)
            continue;
        *made |= places[i].bit;
        int result = is_new ? 0 : directory_make(path, places[i].mode, err);
        if (result < 0)
            return result;
    }
    return 0;
}

void settings_unmake(const struct settings *settings, unsigned made)
{
    if ((made & MADE_MOUNT) != 0 && settings->mount != NULL)
        rmdir(settings->mount);
    if ((made & MADE_STATE) != 0 && settings->state != NULL)
        rmdir(settings->state);
    if ((made & MADE_RUN) != 0 && settings->run != NULL)
        directory_remove(settings->run, NULL);
}

/* The first of the candidates that is a directory. */
static char *first_directory(const char *here, const char *variable, const char *beside,
                             const char *installed)
{
    const char *told = variable != NULL ? getenv(variable) : NULL;
    const struct {
        const char *base, *below;
    } candidates[] = {{told, strrchr(beside, '/')}, {here, beside}, {installed, ""}};
    for (size_t i = 0; i < COUNT(candidates); i++) {
        struct stat status;
        if (candidates[i].base == NULL)
            continue;
        autofree char *path = path_format("%s%s", candidates[i].base, candidates[i].below);
        autofree char *real = realpath(path, NULL);
        if (real != NULL && stat(real, &status) == 0 && S_ISDIR(status.st_mode))
            return take_pointer(real);
    }
    return NULL;
}

int settings_find_programs(struct settings *settings, struct error **err)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length < 0)
        return error_errno(err, errno, "cannot find out where this program is");
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    if (settings->libexec == NULL)
        settings->libexec = first_directory(self, NULL, "/../libexec/podtree", PKGLIBEXECDIR);
    settings->kinds =
        first_directory(self, "PODTREE_DATADIR", "/../share/podtree/kinds", PKGDATADIR "/kinds");
    if (settings->libexec == NULL)
        return error_make(err, ENOENT, "the components' programs are not installed (%s)", PKGLIBEXECDIR);
    if (settings->kinds == NULL)
        return error_make(err, ENOENT, "the kinds are not installed (%s/kinds)", PKGDATADIR);
    return 0;
}
