/* What the tests of probes and hooks share: a port to listen at, and a try from its beginning to its end. */
#ifndef PODTREE_TESTS_TRYING_H
#define PODTREE_TESTS_TRYING_H

#include "nodeagent/probe_run.h"
#include "tests/unit/lib/test.h"

#define TIMEOUT_MS 10000 /* of what shall not time out */

struct trying {
    struct loop *loop;
    int listener, port; /* on loopback; the container calls the port "web" */
    /* of the last try */
    int calls;
    enum probe_outcome outcome;
    struct buf output;
};

void trying_begin(struct trying *t);
void trying_end(struct trying *t);

struct
try {
    const char *probe;  /* JSON */
    int64_t timeout_ms; /* 0: TIMEOUT_MS */
    int namespace;      /* 0: the node's */
    bool hook;
    const struct probe_exec *exec;
};
/* Tries it to its end. */
void trying_run(struct trying *t, const struct try *try);

#define trying(t, ...) trying_run((t), &(struct try){__VA_ARGS__})

#define assert_outcome(t, expected, text)                                         \
    do {                                                                          \
        assert_string_equal((t)->output.length != 0 ? (t)->output.at : "", text); \
        assert_int_equal((t)->outcome, expected);                                 \
    } while (0)

#endif
