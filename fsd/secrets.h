/* The secrets of this store: its keys, and where documents are sealed and opened.
 *
 * Main and all who read have plain values. They are sealed by the committer's thread, as a batch goes to the
 * disk, and opened at start, as records come from it. The keys are a file beside the store, secrets.key
 * (0600, lines of 64 hexadecimal digits), made with one when there is none and nothing is sealed yet. What is
 * written is sealed with the first; what was, may have been with any of them. So a key is changed by putting
 * a line in front: each object comes to the new one when it is written the next time.
 *
 * Without the key that a value was sealed with its object is there with what it has on the disk: it can be
 * seen, and removed, and comes back when the key does and fsd is started again. Nothing is written over it
 * but by who gives all values anew. Root's errors and the log name such objects. */
#ifndef PODTREE_SECRETS_H
#define PODTREE_SECRETS_H

#include "fsd/memory.h"
#include "fsd/objects.h"

#define SECRETS_KEY_FILE "secrets.key"

struct secrets;

/* Reads the keys. What is wrong with them is said by and by. */
struct secrets *secrets_new(const char *state);
void secrets_free(struct secrets *secrets);

/* The document of a record as readers get it: in *scratch where it has secrets, else the record's own. */
struct str secrets_load(struct secrets *secrets, const struct kind *kind, const struct record *record,
                        struct buf *scratch);
/* All records have been loaded: makes the first key, and says what couldn't be opened. */
void secrets_loaded(struct secrets *secrets, struct memory *memory);

/* Has everything been opened? Where not, the same version will read differently once the key is there: what
 * the kernel keeps of it must not outlive this fsd. */
bool secrets_are_open(const struct secrets *secrets);

/* Can anything with secrets be stored? -EIO and why not. */
int secrets_check(const struct secrets *secrets, struct error **err);

/* What the disk gets of a version. Only for the committer's thread; the text lives with the version. */
struct str secrets_stored_text(const struct secrets *secrets, const struct kind *kind,
                               struct version *version);

#endif
