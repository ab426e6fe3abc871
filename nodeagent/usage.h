/* What the machine and its containers use, as metrics.k8s.io has it: processor time over a window, memory
 * now.
 *
 * All of a node is one object, NodeMetrics, which the tree keeps in memory only, and which has the node's
 * pods in it too: so there is one small change for all of them, and nothing on any disk.
 */
#ifndef PODTREE_USAGE_H
#define PODTREE_USAGE_H

#include "lib/doc.h"

enum { USAGE_WINDOW_MS = 15000 }; /* as metrics-server asks */

struct usage_sample {
    int64_t cpu_us; /* all that was ever used */
    int64_t memory; /* bytes that are in use now, but for pages of files that could go */
};

/* Remembers what was used before, by a name each. */
struct usage;
struct usage *usage_new(void);
void usage_free(struct usage *usage);

/* Begins a look at everything at this moment (of a clock that is never set back). */
void usage_begin(struct usage *usage, int64_t clock_ms);
/* Sets cpu and memory in `list`, a Kubernetes ResourceList; false when there is nothing from before to
 * compare with. */
bool usage_note(struct usage *usage, struct str name, const struct usage_sample *sample, struct value list);
/* The milliseconds that the figures are about; 0 at the first look. What was not seen in this look is
 * forgotten. */
int64_t usage_end(struct usage *usage);

/* The machine's, from the text of /proc/stat and /proc/meminfo; false where they can't be understood. */
bool usage_of_machine(struct str stat, struct str meminfo, struct usage_sample *sample);

#endif
