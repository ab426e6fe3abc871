#include "nodeagent/limits.h"

#include "lib/demand.h"
#include "nodeagent/quality.h"
#include <stdio.h>

enum { LEAST_SHARES = 2, MOST_SHARES = 262144, LEAST_QUOTA_US = 1000 };

int64_t limits_shares(int64_t milli)
{
    int64_t shares = milli * 1024 / 1000;
    return shares < LEAST_SHARES ? LEAST_SHARES : shares > MOST_SHARES ? MOST_SHARES : shares;
}

int64_t limits_quota_us(int64_t milli)
{
    int64_t quota = milli * LIMITS_PERIOD_US / 1000;
    return milli <= 0 ? 0 : quota < LEAST_QUOTA_US ? LEAST_QUOTA_US : quota;
}

/* A sum is a limit only where everyone in it is limited. */
static int64_t common_limit(struct value pod, enum resource resource)
{
    bool of_all;
    int64_t limit = demand_limit(pod, resource, &of_all);
    return of_all ? limit : 0;
}

struct limits limits_of_pod(struct value pod, int64_t most_processes)
{
    bool best_effort = quality_of(pod) == QUALITY_BEST_EFFORT;
    return (struct limits){
        .cpu_shares = limits_shares(best_effort ? 0 : demand_request(pod, RESOURCE_CPU)),
        .cpu_quota_us = limits_quota_us(common_limit(pod, RESOURCE_CPU)),
        .memory = common_limit(pod, RESOURCE_MEMORY),
        .processes = most_processes,
    };
}

/* ---- rows ---- */

/* Version 2 has weights from 1 to 10000 in the place of shares; runtimes make the one of the other so. */
static int64_t weight_of(int64_t shares)
{
    return 1 + (shares - LEAST_SHARES) * 9999 / (MOST_SHARES - LEAST_SHARES);
}

static void add(struct limit_row *rows, size_t *count, const char *controller, const char *file,
                int64_t number)
{
    struct limit_row *row = &rows[(*count)++];
    *row = (struct limit_row){.controller = controller, .file = file};
    snprintf(row->value, sizeof(row->value), "%lld", (long long)number);
}

static void add_quota(struct limit_row *rows, size_t *count, enum cgroup_version version, int64_t quota_us)
{
    if (version == CGROUP_V1) {
        add(rows, count, "cpu", "cpu.cfs_period_us", LIMITS_PERIOD_US);
        add(rows, count, "cpu", "cpu.cfs_quota_us", quota_us);
        return;
    }
    struct limit_row *row = &rows[(*count)++];
    *row = (struct limit_row){.controller = "cpu", .file = "cpu.max"};
    snprintf(row->value, sizeof(row->value), "%lld %d", (long long)quota_us, LIMITS_PERIOD_US);
}

size_t limits_rows(const struct limits *limits, enum cgroup_version version,
                   struct limit_row rows[LIMIT_ROWS])
{
    bool first = version == CGROUP_V1;
    size_t count = 0;
    if (limits->cpu_shares > 0)
        add(rows, &count, "cpu", first ? "cpu.shares" : "cpu.weight",
            first ? limits->cpu_shares : weight_of(limits->cpu_shares));
    if (limits->cpu_quota_us > 0)
        add_quota(rows, &count, version, limits->cpu_quota_us);
    if (limits->memory > 0)
        add(rows, &count, "memory", first ? "memory.limit_in_bytes" : "memory.max", limits->memory);
    if (limits->processes > 0)
        add(rows, &count, "pids", "pids.max", limits->processes);
    return count;
}
