/* Heavy work: what is quick for a small document and slow for a large one is done at once or by the worker:
 * parsing, computing a change, rendering a manifest.
 *
 * Where the worker has to do it the function says -EINPROGRESS; the call's start() passes that on, having
 * taken back what it had changed, and is run again when the result is there: then the same question is
 * answered at once. A computed result is for one version of an object: if that has changed meanwhile, it is
 * computed anew. So nothing is locked while the worker works. */
#ifndef PODTREE_HEAVY_H
#define PODTREE_HEAVY_H

#include "fsd/call.h"
#include "fsd/edit.h"
#include "fsd/worker.h"

/* Larger texts go to the worker: below this, parsing or computing takes some hundred microseconds. */
#define HEAVY_BYTES (16u << 10)

/* Work of other modules: the call is run again when `run` has worked on the job, which stays where it is.
 * While it is at work other calls may join it: they are run again with the first. All say -EINPROGRESS. */
int heavy_begin(struct call *call, struct job *job, void (*run)(struct job *job));
int heavy_join(struct call *call, struct job *job);
bool heavy_is_at_work(const struct job *job);

/* The documents of a YAML or JSON text. They and their lines belong to the call. How many, or a negative
 * errno. */
int heavy_parse(struct call *call, struct str text, struct doc ***docs, int **lines, struct error **err);

/* The document of a line of JSON, which belongs to the call. 0, or a negative errno. */
int heavy_parse_line(struct call *call, struct str line, struct doc **doc, struct error **err);
/* Everything that has been done for the call so far is over: what is asked next is another line's. */
void heavy_forget(struct call *call);

/* edit_compute(). `call` may be NULL: then it is done at once, whatever its size. The uid of an object that
 * is made is base->new_uid afterwards. */
int heavy_compute(struct call *call, struct edit_base *base, const struct edit *edit, int64_t now_ms,
                  struct edit_result *result, struct error **err);

/* The document of a version, and if asked for the text of its manifest, for documents.h to have at hand: 0,
 * or -EINPROGRESS. */
int heavy_document(struct call *call, struct version *version, bool manifest);
/* The same for what a call is going to look at: the object that its node belongs to, or lies in. */
int heavy_prepare(struct call *call);

/* Main, once a turn: runs the calls whose work is done. */
void heavy_turn(struct fsd *fsd);

/* With the call. */
void heavy_free(struct heavy *heavy);

#endif
