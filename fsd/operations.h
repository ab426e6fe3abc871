/* The operations: what each request of the kernel does. A table a file. */
#ifndef PODTREE_OPERATIONS_H
#define PODTREE_OPERATIONS_H

#include "fsd/call.h"

/* look.c */
extern const struct operation op_lookup, op_getattr, op_readlink, op_access, op_statfs;
/* directory.c */
extern const struct operation op_opendir, op_readdir, op_readdirplus, op_releasedir;
/* open.c, read.c, write.c */
extern const struct operation op_open, op_create, op_read, op_write, op_flush, op_fsync, op_release,
    op_setattr;
/* names.c, rename.c */
extern const struct operation op_mkdir, op_symlink, op_rmdir, op_unlink, op_rename, op_forbidden;
/* vacancy_removal.c: our own, of nobody's request */
extern const struct operation op_vacate;

#endif
