/* Who the components are to each other.
 *
 * Every component runs as uid 0 with a gid of its own; the kernel reports both with each request, and fsd
 * decides by them what a component may manage and whose name its changes carry. The gids lie above every
 * range that distributions or systemd hand out (systemd's own table calls 1879048192 and up unused).
 */
#ifndef PODTREE_IDENTITY_H
#define PODTREE_IDENTITY_H

#include <sys/types.h>

#define IDENTITY_BASE 1886348288u /* 0x706f6400: "pod" */

enum identity {
    IDENTITY_NONE,       /* a person */
    IDENTITY_FSD,        /* changes that fsd makes by itself */
    IDENTITY_NOTIFIER,   /* repeats changes on the mount so that inotify sees them */
    IDENTITY_SUPERVISOR, /* podtree up */
    IDENTITY_NODE,       /* a node agent, real or hollow */
    IDENTITY_SCHEDULER,
    IDENTITY_WORKLOADS,
    IDENTITY_GC,
    IDENTITY_COUNT
};

/* IDENTITY_NONE for a gid that is no component's, and for any uid but 0. */
enum identity identity_of(uid_t uid, gid_t gid);
gid_t identity_gid(enum identity identity);
/* "scheduler"; the name of the process without its "podtree-". */
const char *identity_name(enum identity identity);

/* The group podtree, whose members are people who may everything; (gid_t)-1 when there is none. From
 * /etc/group only: no name service that would have to be waited for. */
gid_t identity_people(void);

#endif
