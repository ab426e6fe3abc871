/* The commands of podtree: one thin file each, a row each in podtree.c.
 *
 * A command returns the exit status of the program, or a negative errno with a sentence, which is printed
 * for it. */
#ifndef PODTREE_COMMAND_H
#define PODTREE_COMMAND_H

#include "lib/error.h"

typedef int command_fn(int argc, char **argv, struct error **err);

command_fn command_up, command_down, command_status, command_run, command_delete, command_watch, command_logs,
    command_image, command_exec, command_cp, command_top, command_explain;

#endif
