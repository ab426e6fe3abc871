/* Answers to the kernel. Each frees the call. */
#ifndef PODTREE_REPLY_H
#define PODTREE_REPLY_H

#include "fsd/call.h"

/* An errno, 0 for success without content. */
void reply_error(struct call *call, int number);
/* The child of that name: a node for it is made if the kernel knows none, and it gets a reference. An errno
 * if it isn't there. */
void reply_entry(struct call *call, uint32_t parent, struct str name);
/* The same of a node that there is; with an open handle where `file` is not NULL. */
void reply_node(struct call *call, uint32_t node, struct fuse_file_info *file);
/* Before that may be answered: 0, or -EINPROGRESS where it is about what a reader has open, whose size is not
 * known yet; -ENOSPC. */
int reply_prepare(struct call *call, uint32_t node);
/* What stat says of the node; ENOENT where it is gone and nobody reads it. */
void reply_attributes(struct call *call, uint32_t node);
/* Content, in one piece or in two that follow upon each other. */
void reply_bytes(struct call *call, struct str bytes);
void reply_pieces(struct call *call, const struct str pieces[2]);

/* What stat says of a node. ENOENT when what it meant is gone. */
int attributes_of(struct fsd *fsd, uint32_t node, const struct place *place, struct stat *attributes);
/* The name under which the asking user's own child of that name is kept, where each user has one (errors);
 * else the name. */
#define OWN_NAME_BYTES 32
struct str own_name(const struct call *call, uint32_t parent, struct str name, char own[OWN_NAME_BYTES]);
/* The child's node, made if need be, without a reference: 0 and *err an errno when there is no such name. */
uint32_t node_of_child(struct fsd *fsd, uint32_t parent, struct str name, int *number);
/* What the kernel is told of a node with its name: number, attributes, and how long both may be kept. Number
 * 0 where there is nothing. */
void entry_of_node(struct fsd *fsd, uint32_t node, struct fuse_entry_param *entry);

#endif
