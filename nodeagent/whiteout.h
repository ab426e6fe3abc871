/* What a layer deletes from those below it, as image layers write it (files called .wh.<name>, and
 * .wh..wh..opq for everything in a directory) and as overlayfs reads it (character devices 0:0, and an
 * extended attribute). */
#ifndef PODTREE_WHITEOUT_H
#define PODTREE_WHITEOUT_H

#include "lib/error.h"

/* Turns the first into the second in a whole tree. */
int whiteouts_convert(const char *directory, struct error **err);

#endif
