/* A node's door: how people get at what runs in its containers (podtree exec, podtree cp).
 *
 * Files and directories can't be a terminal, so there is a socket beside the tree, RUN/door, on the machine
 * that the containers run on. Root and the group podtree may connect, who may everything in the tree too. A
 * request is one line of JSON, and with its first byte come three pipes, which are the standard input, output
 * and errors of what is to be done:
 *
 *     {"pod":"<uid>","container":"web","command":["ls","-l"],"terminal":false}
 *     {"pod":"<uid>","container":"web","copy":"in","path":"/etc","name":"x"}
 *
 * Only pipes are taken. Whoever is in a container could do more with a descriptor than read or write it (open
 * it again through /proc, change its owner), so it must be one that has no life outside of this talk.
 *
 * What was asked for is done by a process of its own. It has the connection, the **leash**: it lives as long
 * as the other end is held, whether or not the agent does. Answers are lines:
 *
 *     terminal         with the master of a new terminal, whose slave the command has instead of the pipes
 *     exit 7           it has ended so (128 + signal when one killed it)
 *     failed 127       it could not be begun; why has been said on the standard errors
 *     error SENTENCE
 *
 * (failed as a shell has it: 127 where there is no such program, 126 otherwise.)
 *
 * The last three end the talk. A connection that ends without one of them was cut. A byte that the caller
 * sends is the number of a signal for the command.
 */
#ifndef PODTREE_DOOR_H
#define PODTREE_DOOR_H

#include "lib/error.h"
#include "lib/str.h"

#define DOOR_SOCKET        "door"
#define DOOR_REQUEST_BYTES (1024 * 1024) /* at most */
enum { DOOR_LEASH = 3 };                 /* the number of its descriptor in the process that does it */

enum door_word { DOOR_TERMINAL, DOOR_EXIT, DOOR_FAILED, DOOR_ERROR };

struct door_answer {
    enum door_word word;
    int exit_code;       /* DOOR_EXIT, DOOR_FAILED */
    struct str sentence; /* DOOR_ERROR */
};

/* Nobody minds when there is nobody to hear it. `terminal`: the master; else -1. */
void door_say(int leash, const struct door_answer *answer, int terminal);
void door_say_error(int leash, const struct error *error);

/* Takes the next answer off *rest; false when no whole line is there. A line that is none of the above is an
 * error. */
bool door_next(struct str *rest, struct door_answer *answer);

#endif
