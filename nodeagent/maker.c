#include "nodeagent/maker.h"

#include "lib/file.h"
#include <errno.h>
#include <limits.h>

#define LINK "runtime"

static const char *name_of(const char *program)
{
    const char *slash = strrchr(program, '/');
    return slash != NULL ? slash + 1 : program;
}

static struct maker make(const struct place *place, const char *program)
{
    return (struct maker){.program = str_dup(str_of(program)),
                          .root = path_format("%s/%s", place->run, name_of(program))};
}

struct maker maker_configured(const struct place *place)
{
    return make(place, place->runtime);
}

int maker_note(const struct place *place, const char *bundle, struct error **err)
{
    autofree char *path = path_format("%s/" LINK, bundle);
    return symlink(place->runtime, path) == 0 ? 0 : error_errno(err, errno, "cannot make %s", path);
}

struct maker maker_of(const struct place *place, const char *bundle)
{
    autofree char *path = path_format("%s/" LINK, bundle);
    char program[PATH_MAX];
    ssize_t length = readlink(path, program, sizeof(program) - 1);
    if (length <= 0)
        return maker_configured(place);
    program[length] = '\0';
    return make(place, program);
}

void maker_free(struct maker *maker)
{
    free(maker->program);
    free(maker->root);
    *maker = (struct maker){0};
}

const char *maker_name(const struct maker *maker)
{
    return name_of(maker->program);
}

char *maker_state(const struct maker *maker, const char *id)
{
    return path_format("%s/%s", maker->root, id);
}

char *maker_fifo(const struct maker *maker, const char *id)
{
    return path_format("%s/%s/exec.fifo", maker->root, id);
}

/* crun's first process reads itself, and waits for what is written there. */
bool maker_starts_by_reader(const struct maker *maker)
{
    return strcmp(maker_name(maker), "runc") == 0;
}
