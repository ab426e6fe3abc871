/* The devices of the machine, for privileged containers: their /dev is a directory of their own, in which the
 * OCI runtime makes the nodes that it is told. */
#ifndef PODTREE_DEVICE_H
#define PODTREE_DEVICE_H

#include "lib/doc.h"

/* An array, as the OCI configuration's "linux.devices": every character and block device below `directory`
 * ("/dev"), called by its path there. What each container has itself (terminals, /dev/shm …) is left out.
 * What can't be read is left out too: devices come and go. */
struct doc *device_list(const char *directory);

#endif
