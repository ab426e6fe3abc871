/* Files: how an open file of each sort is read and written. What open.c, read.c and write.c share. */
#ifndef PODTREE_FILE_H
#define PODTREE_FILE_H

#include "fsd/call.h"
#include "fsd/special.h"

enum file_class {
    FILE_TEXT,    /* known size, page cache: fields, manifests */
    FILE_STREAM,  /* grows: direct */
    FILE_LIST,    /* rendered as it is read: direct, size 0 */
    FILE_SCRATCH, /* an editor's: the bytes as they are */
    FILE_NONE     /* no file */
};

enum write_class {
    WRITE_NOT,     /* read-only */
    WRITE_SCALAR,  /* each write is a change */
    WRITE_COLLECT, /* takes effect at close, fsync or rename */
    WRITE_SCRATCH
};

/* An open file, or one about to be: what its place is, and how it behaves. */
struct file {
    uint32_t node;
    struct place place;
    enum file_class reads;
    enum write_class writes;
    bool content;        /* an empty one is a value too: lists and contents of fields */
    bool server_managed; /* writes are refused with EPERM */
    size_t limit;        /* bytes that can be collected */
};

/* ENOENT when what the node meant is gone. */
int file_of_node(struct fsd *fsd, uint32_t node, struct file *file);

/* The whole content of a TEXT, STREAM or SCRATCH file. */
void file_text(struct fsd *fsd, const struct file *file, struct buf *out);

/* The handle of the call and its file. EBADF when the handle is not open. */
int file_of_call(struct call *call, struct file *file, struct handle_record **handle, uint32_t *index);

/* Carries out what has been collected: bytes are the new content (or, with `append`, its continuation). 0:
 * the change is in the filling batch; CALL_WAITING; or a refusal. */
int file_write(struct call *call, const struct file *file, struct str bytes, bool append, struct error **err);

/* A new handle on the node, with the asking process as its opener; 0: too many. */
uint32_t file_open_handle(struct call *call, uint32_t node);

#endif
