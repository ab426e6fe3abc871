/* A parcel is a file, or a directory with all that is in it, as a stream: packed on one side of a pipe and
 * unpacked on the other, where what is packed is not to be trusted.
 *
 * It holds regular files with their permissions (0777), directories and symlinks; what is neither (sockets,
 * fifos, devices) is left out and named. Owners and times are those of the unpacking. Names in it are single
 * names, and both sides go from directory to directory by descriptors that follow no symlink: nothing in a
 * parcel, and nothing that an earlier one has left behind, leads out of where it is unpacked. Only the two
 * paths that are given are followed as everywhere.
 *
 * An item is a line that ends with a NUL, TYPE MODE NAME:
 *
 *     d 755 etc      a directory; the items behind it are in it, until
 *     u 0 .          (up)
 *     f 644 passwd   a file: blocks, each a length (4 bytes, big-endian)
 *                    and so many bytes; an empty one ends it
 *     l 0 name       a symlink: its target likewise
 *     s 0 name       something that was left out
 *     e 0 .          the end
 */
#ifndef PODTREE_PARCEL_H
#define PODTREE_PARCEL_H

#include "lib/error.h"

/* Is told of what is left out, with its path; may be NULL. */
typedef void parcel_left_out_fn(const char *path);

/* Packs what is at `path`. SIGPIPE must be ignored. */
int parcel_pack(const char *path, int stream, parcel_left_out_fn *left_out, struct error **err);

/* Unpacks, as cp -r copies: into the directory at `path` under `name`, or if there is none there, as `path`
 * itself. The name "." means what is in the packed directory. What is there already is overwritten, and
 * directories are merged. */
int parcel_unpack(int stream, const char *path, const char *name, parcel_left_out_fn *left_out,
                  struct error **err);

/* The name that what is at `path` has in a directory that it is copied to: "." where the path has none of its
 * own (/, ., x/..). To be freed. */
char *parcel_name(const char *path);

#endif
