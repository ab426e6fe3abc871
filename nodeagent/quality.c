#include "nodeagent/quality.h"

#include "lib/demand.h"
#include "lib/mirror.h"
#include "nodeagent/document.h"

static const char *const names[] = {
    [QUALITY_GUARANTEED] = "Guaranteed",
    [QUALITY_BURSTABLE] = "Burstable",
    [QUALITY_BEST_EFFORT] = "BestEffort",
};

const char *quality_name(enum quality quality)
{
    return names[quality];
}

bool quality_is_critical(struct value pod)
{
    struct value annotations = value_at(pod, "metadata", "annotations");
    struct value source = value_get(annotations, STR(MIRROR_SOURCE));
    return (value_exists(source) && !value_is(source, "api")) ||
           value_exists(value_get(annotations, STR(MIRROR_OF))) ||
           value_int_or(value_at(pod, "spec", "priority"), 0) >= QUALITY_SYSTEM_CRITICAL;
}

/* Takes back what the container isn't. A zero is nothing. */
static void judge(struct value container, bool *guaranteed, bool *nothing)
{
    static const enum resource resources[] = {RESOURCE_CPU, RESOURCE_MEMORY};
    struct value limits = value_at(container, "resources", "limits");
    for (size_t i = 0; i < COUNT(resources); i++) {
        int64_t limit = demand_amount(limits, resources[i]);
        int64_t request = demand_container_request(container, resources[i]);
        *nothing &= limit == 0 && request == 0;
        *guaranteed &= limit != 0 && request == limit;
    }
}

enum quality quality_of(struct value pod)
{
    bool guaranteed = true, nothing = true;
    value_each (container, value_at(pod, "spec", "containers"))
        judge(container, &guaranteed, &nothing);
    value_each (container, value_at(pod, "spec", "initContainers"))
        judge(container, &guaranteed, &nothing);
    return nothing ? QUALITY_BEST_EFFORT : guaranteed ? QUALITY_GUARANTEED : QUALITY_BURSTABLE;
}

/* ---- who is killed first ---- */

enum { SCORE_PROTECTED = -997, SCORE_FIRST = 1000 };

/* A sidecar is no worse off than any container that it is there for. */
static int64_t memory_of_sidecar(struct value pod, int64_t own)
{
    int64_t least = INT64_MAX;
    value_each (container, value_at(pod, "spec", "containers")) {
        int64_t amount = demand_container_request(container, RESOURCE_MEMORY);
        least = amount < least ? amount : least;
    }
    return least != INT64_MAX && least > own ? least : own;
}

int quality_oom_score(struct value pod, struct value container, int64_t machine_memory)
{
    enum quality quality = quality_of(pod);
    if (quality == QUALITY_GUARANTEED ||
        value_int_or(value_at(pod, "spec", "priority"), 0) >= QUALITY_SYSTEM_CRITICAL)
        return SCORE_PROTECTED;
    if (quality == QUALITY_BEST_EFFORT || machine_memory <= 0)
        return SCORE_FIRST;
    int64_t memory = demand_container_request(container, RESOURCE_MEMORY);
    if (document_is_sidecar(container))
        memory = memory_of_sidecar(pod, memory);
    /* Neither as good as one kind of pod nor as bad as the other. */
    double score = SCORE_FIRST - (double)memory * SCORE_FIRST / (double)machine_memory;
    return score < SCORE_FIRST + SCORE_PROTECTED ? SCORE_FIRST + SCORE_PROTECTED
           : score > SCORE_FIRST - 1             ? SCORE_FIRST - 1
                                                 : (int)score;
}
