/* The history: a bare git repository of YAML files, by libgit2. Used by the historian's thread only.
 *
 * Each commit carries the trailer "Seq: N": the resourceVersion up to which it goes. */
#ifndef PODTREE_HISTORY_H
#define PODTREE_HISTORY_H

#include "lib/error.h"
#include "lib/str.h"

struct history;

/* One file's new content (a YAML text), or its removal (text STR_NONE). */
struct history_change {
    struct str path; /* "namespaces/default/deployments/web.yaml" */
    struct str text;
};

/* Opens or makes the bare repository (0700, branch main, fsync on). */
int history_open(const char *path, struct history **history, struct error **err);
void history_close(struct history *history);

/* The Seq of the newest commit, 0 when there is none. */
int64_t history_sequence(const struct history *history);

/* One durable commit. Directories that become empty go. `message` is the subject and, behind an empty line,
 * whatever body; the trailer is added here. */
int history_commit(struct history *history, const struct history_change *changes, size_t count,
                   struct str author_name, struct str author_email, struct str message, int64_t time_ms,
                   int64_t sequence, struct error **err);

/* Repacks when enough loose objects have gathered, by the git program in the background. */
void history_maintain(struct history *history);

#endif
