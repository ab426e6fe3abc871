#include "cli/settings.h"

#include "lib/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

const struct settings_field settings_fields[] = {
    {"mount", offsetof(struct settings, mount)},   {"state", offsetof(struct settings, state)},
    {"run", offsetof(struct settings, run)},       {"node", offsetof(struct settings, node)},
    {"hollow", offsetof(struct settings, hollow)}, {"libexec", offsetof(struct settings, libexec)},
    {"kinds", offsetof(struct settings, kinds)},   {NULL, 0},
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

/* A directory that is there is not looked at: it may be a mount that doesn't answer. */
static int make_path(const char *path, mode_t mode, bool *made, struct error **err)
{
    *made = mkdir(path, mode) == 0;
    if (*made || errno == EEXIST)
        return 0;
    *made = true;
    return directory_make(path, mode, err);
}

/* Only the parent is resolved, so that nothing is asked of what is mounted there. */
static int absolute_path(const char *path, char **out, struct error **err)
{
    autofree char *copy = str_dup(str_of(path));
    size_t length = strlen(copy);
    while (length > 1 && copy[length - 1] == '/')
        copy[--length] = '\0';
    char *slash = strrchr(copy, '/');
    const char *name = slash != NULL ? slash + 1 : copy;
    bool whole = *name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    const char *parent = whole ? copy : slash == NULL ? "." : slash == copy ? "/" : copy;
    if (!whole && slash != NULL && slash != copy)
        *slash = '\0';
    autofree char *real = realpath(parent, NULL);
    if (real == NULL)
        return error_errno(err, errno, "cannot find %s", path);
    *out = whole ? take_pointer(real) : path_format("%s%s%s", real, strcmp(real, "/") == 0 ? "" : "/", name);
    return 0;
}

int settings_resolve(const struct directories *directories, unsigned *made, struct settings *settings,
                     struct error **err)
{
    const struct {
        const char *given;
        char **member;
        mode_t mode;
        unsigned bit;
    } rows[] = {
        {directories->mount, &settings->mount, 0755, MADE_MOUNT},
        {directories->state, &settings->state, 0711, MADE_STATE}, /* what is secret in it protects itself */
        {directories->run, &settings->run, 0755, MADE_RUN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_new = false;
        int result = made != NULL ? make_path(rows[i].given, rows[i].mode, &is_new, err) : 0;
        if (is_new)
            *made |= rows[i].bit;
        if (result == 0)
            result = absolute_path(rows[i].given, rows[i].member, err);
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
    for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
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
