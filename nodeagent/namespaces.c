#include "nodeagent/namespaces.h"

#include <sched.h>

/* With the member of the pod's spec that gives it to the machine, and the one that gives it to the sandbox
 * ("": it always has it). The name of a host belongs to its network, as in Kubernetes' runtimes. */
static const struct row {
    struct namespace namespace;
    const char *of_machine, *of_sandbox;
} rows[] = {
    {{"pid", "pid", CLONE_NEWPID}, "hostPID", "shareProcessNamespace"},
    {{"network", "net", CLONE_NEWNET}, "hostNetwork", ""},
    {{"ipc", "ipc", CLONE_NEWIPC}, "hostIPC", ""},
    {{"uts", "uts", CLONE_NEWUTS}, "hostNetwork", ""},
    {{"mount", "mnt", CLONE_NEWNS}, NULL, NULL},
    {{"cgroup", "cgroup", CLONE_NEWCGROUP}, NULL, NULL},
};

const struct namespace *namespace_at(size_t n)
{
    return n < COUNT(rows) ? &rows[n].namespace : NULL;
}

static bool asks_for(struct value pod, const char *member)
{
    return member != NULL && (*member == '\0' || value_true(value_at(pod, "spec", member)));
}

enum namespace_holder namespace_holder(const struct namespace *namespace, struct value pod)
{
    const struct row *row = (const struct row *)namespace; /* its first member */
    return asks_for(pod, row->of_machine)   ? HELD_BY_MACHINE
           : asks_for(pod, row->of_sandbox) ? HELD_BY_SANDBOX
                                            : HELD_BY_CONTAINER;
}

uint64_t namespaces_of_sandbox(struct value pod)
{
    uint64_t flags = 0;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (namespace_holder(&rows[i].namespace, pod) == HELD_BY_SANDBOX)
            flags |= rows[i].namespace.flag;
    return flags;
}
