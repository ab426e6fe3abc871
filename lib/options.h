/* Command line options, by a table: --name=VALUE, --name VALUE, --flag, --help; and -n VALUE where a row has
 * a letter. */
#ifndef PODTREE_OPTIONS_H
#define PODTREE_OPTIONS_H

#include "lib/error.h"
#include <stdbool.h>
#include <stdint.h>

struct option_row {
    const char *name;     /* without its dashes; NULL ends the table */
    char letter;          /* a short name that people know from elsewhere; 0: none */
    const char *argument; /* what the value is called, "DIR"; NULL: a flag */
    const char *help;     /* one line */
    const char **text;    /* where it goes: exactly one of the three */
    bool *flag;
    int64_t *number; /* 0 or more */
};

struct usage {
    const char *synopsis; /* "podtree run NAME --image=IMAGE [-- COMMAND…]" */
    const char *about;    /* a paragraph, lines ended by newlines */
    const struct option_row *options;
    int least, most; /* how many words may stand beside the options; most -1: any number */
    int last;    /* after so many words nothing is an option any more: what follows is a command; 0: never */
    int *behind; /* how many words stand behind "--", which then don't count as those above; NULL: no
                  * difference is made */
};

/* Fills what the table points to, and leaves in *words and *count what is no option; words point into argv,
 * which is put into another order. Returns 0, 1 when --help was asked for and has been printed, or -EINVAL.
 */
int options_parse(const struct usage *usage, int argc, char **argv, char ***words, int *count,
                  struct error **err);

#endif
