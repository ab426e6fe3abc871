/* Papers: the texts that say what a kind looks like, schema.json, explain and template.yaml of its directory
 * in api/.
 *
 * Making them takes some milliseconds: the worker does it for all three at once when somebody first looks
 * into the directory, and those of the last few kinds are kept. */
#ifndef PODTREE_PAPERS_H
#define PODTREE_PAPERS_H

#include "fsd/call.h"
#include "fsd/place.h"

struct papers;

enum paper { PAPER_SCHEMA, PAPER_EXPLAIN, PAPER_TEMPLATE, PAPERS };

/* `directory`: of the kinds, where their sentences are (describe.h). */
struct papers *papers_new(const char *directory);
void papers_free(struct papers *papers);

/* What a call is going to look at is at hand: 0, or -EINPROGRESS, and the call is run again. */
int papers_prepare(struct call *call);
/* One of the texts: valid until the next one is asked for, or prepared. */
struct str papers_text(struct fsd *fsd, const struct place *place, enum paper paper);

#endif
