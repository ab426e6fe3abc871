/* The history: a bare git repository of YAML files, by libgit2. Used by the historian's thread only.
 *
 * Each commit carries the trailer "Seq: N": the resourceVersion up to which it goes. */
#ifndef PODTREE_HISTORY_H
#define PODTREE_HISTORY_H

#include "lib/error.h"
#include "lib/loop.h"
#include "lib/str.h"

struct history;

/* One file's new content (a YAML text), or its removal (text STR_NONE). */
struct history_change {
    struct str path; /* "namespaces/default/deployments/web.yaml" */
    struct str text;
};

struct history_author {
    struct str name, email;
};

/* Behind the @ of whoever has an address only because git wants one. */
#define HISTORY_DOMAIN "podtree"

/* The cluster itself: it commits, and is the author where several components are. */
extern const struct history_author history_podtree;

/* libgit2 reads all certificates of the machine when it begins: a thread begins it from now on, while the
 * caller does something else. The next history_open() waits for it. May be left out. */
void history_prepare(void);
/* Opens or makes the bare repository (0700, branch main, fsync on). What a killed process has left is cleared
 * away now or, where that takes long, before the first commit. EBUSY while another process has it open. */
int history_open(const char *path, struct history **history, struct error **err);
/* NULL is fine. Ends a repacking that is under way: its loop must still be there. */
void history_close(struct history *history);

/* Everything up to this version is there. At first the Seq of the newest commit that has one, 0 when there is
 * none. */
int64_t history_sequence(const struct history *history);

/* One commit upon the last; each path at most once. Directories that become empty go. `message` is the
 * subject and, behind an empty line, whatever body; the trailer is added here. When nothing differs from the
 * newest commit none is made. It is nobody's to see, and may be lost, until history_publish(). After a
 * failure everything since the last history_publish() is forgotten, and may be tried again. */
int history_commit(struct history *history, const struct history_change *changes, size_t count,
                   struct history_author author, struct str message, int64_t time_ms, int64_t sequence,
                   struct error **err);

/* Makes the commits since the last time durable, all with one wait for the disk, and moves main to them.
 * After a failure they are forgotten. */
int history_publish(struct history *history, struct error **err);

/* Repacks by the git program, in the background and at low priority, once enough loose objects have gathered.
 * To be called now and then, from the loop's thread. */
void history_maintain(struct history *history, struct loop *loop);

#endif
