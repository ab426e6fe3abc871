/* What tests with real containers share: a state and a run directory of their own, the demo image, a runtime
 * whose calls are waited for, and a look at what is left over. */
#ifndef PODTREE_TEST_FIXTURE_H
#define PODTREE_TEST_FIXTURE_H

#include "nodeagent/runtime.h"

struct fixture {
    char directory[64];
    struct loop *loop;
    struct place place;
    struct runtime *runtime;
    struct doc *image;
    struct doc *pod; /* what the containers' pod asks for itself; NULL: nothing */
    /* what the runtime said last */
    bool sandbox_ended, container_ended, images_changed;
    int ended_attempt;
    struct runtime_end end;
};

/* True, and a sentence has been printed, where containers can't be run: not root, or no runc. */
bool fixture_must_skip(void);
void fixture_open(struct fixture *fixture);
/* Also checks that nothing is left: no process, no mount, no cgroup. */
void fixture_close(struct fixture *fixture);
/* Another runtime over the same directories, as after a restart. */
void fixture_restart(struct fixture *fixture);

/* These wait for the end, and return its sentence ("" when all went well; lives until the next call). */
const char *fixture_run_sandbox(struct fixture *fixture, const char *uid);
const char *fixture_create(struct fixture *fixture, const char *uid, const char *name, int attempt,
                           const char *spec);
const char *fixture_start(struct fixture *fixture, const char *uid, const char *name, int attempt);
const char *fixture_remove(struct fixture *fixture, const char *uid, const char *name, int attempt);
void fixture_end_sandbox(struct fixture *fixture, const char *uid);

/* Turns the loop until *flag is set; fails after 20 s. */
void fixture_wait(struct fixture *fixture, const bool *flag);
/* Turns the loop until the file has (has not) this text; fails after 20 s. */
void fixture_wait_for_text(struct fixture *fixture, const char *path, const char *text);

/* Does any line of the file have the text? */
bool file_has(const char *path, const char *text);

#endif
