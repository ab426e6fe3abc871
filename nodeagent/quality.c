#include "nodeagent/quality.h"

#include "lib/quantity.h"

static const char *const names[] = {
    [QUALITY_GUARANTEED] = "Guaranteed",
    [QUALITY_BURSTABLE] = "Burstable",
    [QUALITY_BEST_EFFORT] = "BestEffort",
};

const char *quality_name(enum quality quality)
{
    return names[quality];
}

static bool same_quantity(struct value a, struct value b, bool (*read)(struct str, int64_t *))
{
    int64_t x, y;
    return value_exists(a) && value_exists(b) && read(value_str(a), &x) && read(value_str(b), &y) && x == y;
}

/* Takes back what the container isn't. */
static void judge(struct value container, bool *guaranteed, bool *nothing)
{
    static const struct {
        const char *name;
        bool (*read)(struct str, int64_t *);
    } resources[] = {{"cpu", quantity_milli}, {"memory", quantity_units}};
    for (size_t i = 0; i < COUNT(resources); i++) {
        struct value limit = value_at(container, "resources", "limits", resources[i].name);
        struct value request = value_at(container, "resources", "requests", resources[i].name);
        *nothing &= !value_exists(limit) && !value_exists(request);
        *guaranteed &= value_exists(limit) &&
                       (!value_exists(request) || same_quantity(limit, request, resources[i].read));
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
#define SYSTEM_CRITICAL 2000000000 /* the priority of what the node itself can't be without */

static int64_t memory_asked_for(struct value container)
{
    int64_t amount = 0;
    struct value request = value_at(container, "resources", "requests", "memory");
    if (!value_exists(request))
        request = value_at(container, "resources", "limits", "memory");
    return quantity_units(value_str(request), &amount) ? amount : 0;
}

/* A sidecar is no worse off than any container that it is there for. */
static int64_t memory_of_sidecar(struct value pod, int64_t own)
{
    int64_t least = INT64_MAX;
    value_each (container, value_at(pod, "spec", "containers")) {
        int64_t amount = memory_asked_for(container);
        least = amount < least ? amount : least;
    }
    return least != INT64_MAX && least > own ? least : own;
}

int quality_oom_score(struct value pod, struct value container, int64_t machine_memory)
{
    enum quality quality = quality_of(pod);
    if (quality == QUALITY_GUARANTEED ||
        value_int_or(value_at(pod, "spec", "priority"), 0) >= SYSTEM_CRITICAL)
        return SCORE_PROTECTED;
    if (quality == QUALITY_BEST_EFFORT || machine_memory <= 0)
        return SCORE_FIRST;
    int64_t memory = memory_asked_for(container);
    if (value_is(value_get(container, STR("restartPolicy")), "Always"))
        memory = memory_of_sidecar(pod, memory);
    /* Neither as good as one kind of pod nor as bad as the other. */
    double score = SCORE_FIRST - (double)memory * SCORE_FIRST / (double)machine_memory;
    return score < SCORE_FIRST + SCORE_PROTECTED ? SCORE_FIRST + SCORE_PROTECTED
           : score > SCORE_FIRST - 1             ? SCORE_FIRST - 1
                                                 : (int)score;
}
