/* Where a cluster lives, and what it consists of: the options that the commands share. */
#ifndef PODTREE_SETTINGS_H
#define PODTREE_SETTINGS_H

#include "lib/options.h"
#include "lib/str.h"

/* As given on the command line or in the environment (PODTREE_MOUNT, PODTREE_STATE, PODTREE_RUN), or the
 * defaults. */
struct directories {
    const char *mount, *state, *run;
};
struct directories directories_default(void);

#define OPTION_MOUNT(directories)                                                                            \
    {                                                                                                        \
        .name = "mount", .argument = "DIR", .help = "where the tree is (/k8s)", .text = &(directories).mount \
    }
#define OPTION_STATE(directories)                                                      \
    {                                                                                  \
        .name = "state", .argument = "DIR", .help = "what is kept (/var/lib/podtree)", \
        .text = &(directories).state                                                   \
    }
#define OPTION_RUN(directories)                                                              \
    {                                                                                        \
        .name = "run", .argument = "DIR", .help = "sockets, logs, what runs (/run/podtree)", \
        .text = &(directories).run                                                           \
    }
#define OPTION_NAMESPACE(variable, what)                                                        \
    {                                                                                           \
        .name = "namespace", .letter = 'n', .argument = "NS", .help = what, .text = &(variable) \
    }

/* Everything that the supervisor must know; all strings are its own, paths are absolute. */
struct settings {
    char *mount, *state, *run;
    char *node;   /* the name of this machine as a node; NULL: it is none */
    char *hollow; /* a number of hollow nodes; NULL: none */
    /* What this machine's agent is told (node_options.h); NULL: nothing. */
    char *runtime, *runtime_timeout, *static_pods, *image_high, *image_low, *image_age, *pod_processes;
    char *libexec; /* the directory of the components' programs */
    char *kinds;   /* the directory of the kinds */
};

/* The settings' members by name, for files and templates: "mount", "state", … */
struct settings_field {
    const char *name;
    size_t offset;
    bool is_found; /* by itself, where nobody says it */
};
extern const struct settings_field settings_fields[]; /* ends with a NULL name */
/* The member called `name`, NULL when there is none. */
char **settings_member(struct settings *settings, struct str name);

/* Makes the directories' paths absolute; they need not be there. The other members stay as they are. */
int settings_resolve(const struct directories *directories, struct settings *settings, struct error **err);
/* The same of one path (to be freed). */
int settings_absolute(const char *path, char **out, struct error **err);
/* Does a running cluster differ from what is wanted? Adds "state is /a, not /b; node is none, not c" to *how.
 * What would be found and has not been told (NULL) may be anything. */
bool settings_differ(const struct settings *running, const struct settings *wanted, struct buf *how);

/* Makes the directories that are not there, and notes them in *made. */
enum { MADE_MOUNT = 1, MADE_STATE = 2, MADE_RUN = 4 };
int settings_make(const struct settings *settings, unsigned *made, struct error **err);
/* Takes away what was made for a cluster that then didn't start: the state only where nothing is in it. */
void settings_unmake(const struct settings *settings, unsigned made);
/* Finds the programs and kinds that belong to this very program: beside it, in a build tree as well as
 * installed, or else where they were to be installed. */
int settings_find_programs(struct settings *settings, struct error **err);

void settings_free(struct settings *settings);
#define autosettings cleanup(settings_free)

#endif
