/* The record of what runs: RUN/record, a small text file that a supervisor keeps for its successor.
 *
 *     boot 5f0c…
 *     mount /k8s
 *     …
 *     process fsd 1234 567890
 *
 * It belongs to root, and the group podtree may read it. It is replaced by a rename whenever a process has
 * been started; after a reboot it says nothing any more. */
#ifndef PODTREE_RECORD_H
#define PODTREE_RECORD_H

#include "cli/child.h"
#include "cli/component.h"

struct record {
    struct settings settings;
    struct child_identity *processes; /* one for each of `components`; pid 0: not running */
};

/* With room for the processes. */
void record_init(struct record *record);
void record_free(struct record *record);
#define autorecord cleanup(record_free)

/* Replaces the record in the run directory of the settings. */
int record_write(const struct settings *settings, const struct child_identity *processes, struct error **err);
/* 1 when there is one, 0 when there is none, or none of this boot. */
int record_read(const char *run, struct record *record, struct error **err);
void record_remove(const char *run);

/* The text itself, without the file. What can't be understood is left out: it may come from another version.
 */
bool record_parse(struct str text, const char *boot, struct record *record);

#endif
