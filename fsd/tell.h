/* Telling the kernel and the watchers what a published change means to them: which cached attributes, pages
 * and names are out of date, and what is to be announced. Exactly what changed, and only where the kernel
 * knows it. */
#ifndef PODTREE_TELL_H
#define PODTREE_TELL_H

#include "fsd/fsd.h"

/* Something new of its kind is about to be published. To be called for all objects of a batch before the next
 * one is for any: control loops wait for this, and shall not wait for the rest. */
void tell_version(struct fsd *fsd, const struct object *object);
/* The object has been published: `before` is what readers saw until now, NULL if there was nothing. */
void tell_object(struct fsd *fsd, struct object *object, struct version *before, struct version *now);
/* Goes on with what of large objects has not been compared yet. False: `end_us` (clock_us()) has come, and
 * there is more. Nobody may be answered before all has been told. */
bool tell_turn(struct fsd *fsd, int64_t end_us);
/* At the end of fsd. */
void tell_end(struct fsd *fsd);
/* Its status or its events have grown; NULL: the events of all. */
void tell_lines(struct fsd *fsd, const struct object *object, enum stream_kind stream);
/* Has somebody this stream open? */
bool tell_is_followed(struct fsd *fsd, const struct object *object, enum stream_kind stream);
/* A name has come into a directory, or has gone from there, that is not an object's. `link`: of a link. */
void tell_name(struct fsd *fsd, uint32_t directory, struct str name, bool link, bool gone);
/* A file that is no object's says something else now. */
void tell_text(struct fsd *fsd, uint32_t directory, struct str name);
/* A user's errors have grown. */
void tell_errors(struct fsd *fsd, uid_t uid);
/* After a takeover: what a predecessor has made durable and perhaps not told. */
void tell_take_over(struct fsd *fsd);
/* The object was removed by rmdir and is there still, terminating: announced again as new. */
void tell_reborn(struct fsd *fsd, struct object *object);

#endif
