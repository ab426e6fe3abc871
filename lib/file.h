/* Small files and directories: read whole, replace whole, make, remove. */
#ifndef PODTREE_FILE_H
#define PODTREE_FILE_H

#include "lib/error.h"
#include "lib/str.h"
#include <sys/types.h>

/* printf into a new string, most often a path (to be freed). */
char *path_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Adds the file's bytes to *out. -ENOENT when it isn't there. */
int file_read(const char *path, struct buf *out, struct error **err);

/* Puts a file in place by rename: whoever reads it sees the old bytes or the new ones. DURABLE: it is on the
 * disk when this returns, and so is its name. */
enum file_durability { FILE_CACHED, FILE_DURABLE };
int file_replace(const char *path, struct str bytes, mode_t mode, enum file_durability durability,
                 struct error **err);

/* Writes a file that nobody reads yet, in place. */
int file_write(const char *path, struct str bytes, mode_t mode, struct error **err);

/* mkdir -p; what is there already keeps its mode. */
int directory_make(const char *path, mode_t mode, struct error **err);

/* The names in a directory, but those that begin with a dot: each with a NUL behind it, in no order, at the
 * end of *names. -ENOENT when it isn't there. */
int directory_names(const char *path, struct buf *names, struct error **err);

/* Each of them, as a terminated string. */
#define names_each(name, names)                                                             \
    for (const char *name = (names).at; name != NULL && name < (names).at + (names).length; \
         name += strlen(name) + 1)

/* rm -rf, however deep, that does not cross into other mounts nor follow symlinks; fine when it isn't there.
 * A mount below gives -EBUSY. */
int directory_remove(const char *path, struct error **err);

/* Standard input, output and errors are /dev/null where nobody has given them: what is opened next must not
 * take their place. To be called before anything is opened. */
void descriptors_hold_standard(void);

/* From now on this process may have as many descriptors as it is allowed at most: for who opens many files,
 * and doesn't use select(2). */
void descriptors_allow_all(void);

#endif
