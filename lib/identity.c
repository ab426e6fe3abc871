#include "lib/identity.h"

#include <grp.h>
#include <stdio.h>
#include <string.h>

static const char *const names[IDENTITY_COUNT] = {
    [IDENTITY_NONE] = "",
    [IDENTITY_FSD] = "fsd",
    [IDENTITY_NOTIFIER] = "notifier",
    [IDENTITY_SUPERVISOR] = "supervisor",
    [IDENTITY_NODE] = "nodeagent",
    [IDENTITY_SCHEDULER] = "scheduler",
    [IDENTITY_WORKLOADS] = "workloads",
    [IDENTITY_GC] = "gc",
};

enum identity identity_of(uid_t uid, gid_t gid)
{
    if (uid != 0 || gid <= IDENTITY_BASE || gid >= IDENTITY_BASE + IDENTITY_COUNT)
        return IDENTITY_NONE;
    return (enum identity)(gid - IDENTITY_BASE);
}

gid_t identity_gid(enum identity identity)
{
    return IDENTITY_BASE + (gid_t)identity;
}

const char *identity_name(enum identity identity)
{
    return identity < IDENTITY_COUNT ? names[identity] : "";
}

gid_t identity_people(void)
{
    gid_t gid = (gid_t)-1;
    FILE *file = fopen("/etc/group", "re");
    for (struct group *entry; file != NULL && (entry = fgetgrent(file)) != NULL;)
        if (strcmp(entry->gr_name, "podtree") == 0)
            gid = entry->gr_gid;
    if (file != NULL)
        fclose(file);
    return gid;
}
