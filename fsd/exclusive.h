/* One call that changes things alone: an atomic bulk, which is carried out in slices and may be taken back.
 *
 * While there is one, every other request that may change something waits in a queue, and so does what fsd
 * changes by itself when its time has come (vacancy.h). So all changes behind the mark of such a call are its
 * own, and none of anybody else's is computed upon what may be taken back. Who reads is served as always.
 *
 * The same where nobody may change anything: while what the disk has refused is taken back. */
#ifndef PODTREE_EXCLUSIVE_H
#define PODTREE_EXCLUSIVE_H

#include "fsd/call.h"

struct exclusive *exclusive_new(void);
void exclusive_free(struct exclusive *exclusive);

/* From now on the call, whose start() this is, changes things alone; it has to end that, however it ends. */
void exclusive_begin(struct call *call);
void exclusive_end(struct call *call);
/* From now on nobody changes anything, until it is opened again. A bulk that changed things alone is lost,
 * and ends by itself. */
void exclusive_close(struct fsd *fsd);
void exclusive_open(struct fsd *fsd);
/* Does a call change things alone, or may nobody? */
bool exclusive_is_held(const struct fsd *fsd);

/* Has the call to wait for somebody who changes things alone? Then the queue has it. */
bool exclusive_delays(struct call *call);
/* Main, once a turn: runs those that have waited, in the order in which they came, half a millisecond's
 * worth. True when there are more that could be run. */
bool exclusive_turn(struct fsd *fsd);

#endif
