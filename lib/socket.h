/* Unix sockets at a path of any length, and descriptors that travel over them. */
#ifndef PODTREE_SOCKET_H
#define PODTREE_SOCKET_H

#include "lib/error.h"
#include "lib/str.h"
#include <sys/types.h>

/* Listens at DIRECTORY/NAME, where root and the group podtree may connect; what stood there is replaced.
 * `type` is SOCK_STREAM or SOCK_SEQPACKET. Accepting doesn't block. */
int socket_listen(const char *directory, const char *name, int type, struct error **err);

/* -ENOENT or -ECONNREFUSED when nobody listens there, -EACCES when the caller is neither root nor in the
 * group. */
int socket_connect(const char *directory, const char *name, int type, struct error **err);

/* Sends the bytes, and copies of the descriptors with them; 0, or a negative errno: also where not all of it
 * could be sent. No signal is raised when the other side has gone. */
int socket_send(int fd, struct str bytes, const int *descriptors, size_t count);

enum { SOCKET_DESCRIPTORS = 3 }; /* that one call can receive */

/* Adds what has come, at most 64 KiB, to *bytes, and the descriptors that came with it (they are
 * close-on-exec, and the caller's) to `descriptors`, of which *count are taken already; what has no room
 * there is closed. Returns how many bytes came, 0 at the end, or a negative errno. */
ssize_t socket_receive(int fd, struct buf *bytes, int descriptors[SOCKET_DESCRIPTORS], size_t *count);

#endif
