/* Leaves: the files of the tree, and how an open one of each sort is read and written. What open.c, read.c
 * and write.c share. */
#ifndef PODTREE_LEAF_H
#define PODTREE_LEAF_H

#include "fsd/call.h"
#include "fsd/special.h"

enum leaf_class {
    LEAF_TEXT,    /* known size, page cache: fields, manifests */
    LEAF_STREAM,  /* grows: direct */
    LEAF_LIST,    /* rendered as it is read: direct, size 0 */
    LEAF_LOG,     /* read elsewhere, whose size is asked for each time: direct */
    LEAF_SCRATCH, /* an editor's: the bytes as they are */
    LEAF_NONE     /* no file */
};

enum write_class {
    WRITE_NOT,     /* read-only */
    WRITE_SCALAR,  /* each write is a change */
    WRITE_COLLECT, /* takes effect at close, fsync or rename */
    WRITE_SCRATCH
};

/* An open file, or one about to be: what its place is, and how it behaves. */
struct leaf {
    uint32_t node;
    struct place place;
    enum leaf_class reads;
    enum write_class writes;
    bool content;        /* an empty one is a value too: lists and contents of fields, and any new one */
    bool server_managed; /* writes are refused with EPERM */
    size_t limit;        /* bytes that can be collected */
};

/* ENOENT when what the node meant is gone. */
int leaf_of_node(struct fsd *fsd, uint32_t node, struct leaf *leaf);

/* In which form the leaf shows (a part of) its object, and which: its path there is added. */
enum part_form leaf_part(struct fsd *fsd, const struct leaf *leaf, struct buf *path);

/* The whole content of a TEXT, STREAM or SCRATCH file. */
void leaf_text(struct fsd *fsd, const struct leaf *leaf, struct buf *out);
/* The same without a copy where it lies in memory, until main turns to something else; or it is put into
 * *made. `lasting`: it stays the same for as long as fsd runs. */
struct str leaf_whole(struct fsd *fsd, const struct leaf *leaf, struct buf *made, bool *lasting);

/* The handle of the call and its file. EBADF when the handle is not open. */
int leaf_of_call(struct call *call, struct leaf *leaf, struct handle_record **handle, uint32_t *index);

/* Carries out what has been collected: bytes are the new content (or, with `append`, its continuation). 0:
 * the change is in the filling batch; CALL_WAITING; or a refusal. */
int leaf_write(struct call *call, const struct leaf *leaf, struct str bytes, bool append, struct error **err);

/* The same of a field: its first `size` bytes are its new content. */
int leaf_cut(struct call *call, const struct leaf *leaf, size_t size, struct error **err);

/* Has the process of the call this file open for writing? */
bool leaf_is_writer(const struct call *call, uint32_t node);

/* A new handle on the node; 0: too many. A repeated request gets the one that its first try has opened. */
uint32_t leaf_open_handle(struct call *call, uint32_t node);
/* `result` is what the kernel said to the answer that names the call's handle: where it has not taken it, the
 * handle is closed. */
void leaf_handle_given(const struct call *call, int result);

#endif
