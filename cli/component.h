/* The components: what programs a cluster consists of, how each is called, and when it is stopped. */
#ifndef PODTREE_COMPONENT_H
#define PODTREE_COMPONENT_H

#include "cli/settings.h"
#include "lib/identity.h"

/* What the supervisor holds for its children, so that any of them may die. */
enum held {
    HELD_FUSE,         /* /dev/fuse, mounted */
    HELD_MEMORY,       /* the memfd in which requests lie until they are answered */
    HELD_FSD_END,      /* the socket pair between fsd and the notifier */
    HELD_NOTIFIER_END, /* … */
    HELD_COUNT
};

/* In the order of stopping. What uses the tree goes before what makes it. */
enum stop_phase { STOP_USERS, STOP_NOTIFIER, STOP_FSD, STOP_PHASES };

#define COMPONENT_FDS 4

struct component {
    const char *name; /* the program is podtree-<name> */
    enum identity identity;
    const char *arguments; /* words; {mount} and the like stand for members of the settings. One that isn't
                              set is left out, with the option before it */
    size_t needs;          /* offset of the member of the settings without which it isn't started */
    enum stop_phase stop;
    enum held fds[COMPONENT_FDS]; /* they become descriptors 3, 4, 5 … */
    int fd_count;
};

extern const struct component components[];
#define COMPONENT_FSD 0 /* its row */
extern const size_t component_count;

/* Does a cluster with these settings have this component? */
bool component_wanted(const struct component *component, const struct settings *settings);

/* argv for its program with `more` words behind the row's own (NULL: none); free with component_free_argv().
 */
char **component_argv(const struct component *component, const struct settings *settings, const char *more);
void component_free_argv(char **argv);

#endif
