/* The system calls that a container may make.
 *
 * This is the profile that container engines use by default: what ordinary programs need is allowed, what
 * only makes sense with a capability is allowed with that, and everything else fails with EPERM. It is a
 * table; from it comes the "seccomp" part of an OCI configuration.
 */
#ifndef PODTREE_SECCOMP_H
#define PODTREE_SECCOMP_H

#include "lib/doc.h"

/* Puts the profile for a container with these capabilities (an array of names, "CAP_CHOWN" …) into the member
 * "linux" of an OCI configuration. */
void seccomp_add_profile(struct value linux_part, struct value capabilities);

#endif
