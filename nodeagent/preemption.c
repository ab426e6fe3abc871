#include "nodeagent/preemption.h"

#include "lib/file.h"
#include "nodeagent/quality.h"

struct candidate {
    struct amounts demand;
    enum quality quality;
    bool may_go;
};

struct choice {
    const struct amounts *lacking;
    struct candidate *candidates;
    size_t count;
    bool *goes;
};

/* ---- what is lacking ---- */

/* Calls for each amount that is more than 0; what has no name can't be lacking. */
typedef void amount_fn(void *context, int resource, int64_t amount);

static void each_lacking(const struct amounts *lacking, amount_fn *call, void *context)
{
    for (int i = 0; i < RESOURCE_LIKELY_CPU; i++)
        if (lacking->native[i] > 0)
            call(context, i, lacking->native[i]);
    for (size_t i = 0; i < lacking->count; i++)
        if (lacking->others[i].amount > 0)
            call(context, (int)lacking->others[i].resource, lacking->others[i].amount);
}

static void note_any(void *context, int resource, int64_t amount)
{
    (void)resource;
    (void)amount;
    *(bool *)context = true;
}

static bool is_enough(const struct amounts *lacking)
{
    bool any = false;
    each_lacking(lacking, note_any, &any);
    return !any;
}

static void write_amount(void *text, int resource, int64_t amount)
{
    buf_addf(text, "(res: " STR_FORMAT ", q: %lld), ", STR_ARGS(resource_name(resource)), (long long)amount);
}

/* ---- who fits best ---- */

struct distance {
    const struct amounts *demand;
    double sum;
};

/* The part of it that would still be lacking. */
static void add_distance(void *context, int resource, int64_t amount)
{
    struct distance *distance = context;
    double left = (double)(amount - amounts_get(distance->demand, resource)) / (double)amount;
    distance->sum += left > 0 ? left * left : 0;
}

static double distance_of(const struct amounts *lacking, const struct candidate *candidate)
{
    struct distance distance = {&candidate->demand, 0};
    each_lacking(lacking, add_distance, &distance);
    return distance.sum;
}

static bool is_no_larger(const struct candidate *a, const struct candidate *b)
{
    static const enum resource order[] = {RESOURCE_MEMORY, RESOURCE_CPU};
    for (size_t i = 0; i < COUNT(order); i++)
        if (a->demand.native[order[i]] != b->demand.native[order[i]])
            return a->demand.native[order[i]] < b->demand.native[order[i]];
    return true;
}

static struct candidate *nearest(const struct choice *choice, enum quality quality,
                                 const struct amounts *lacking)
{
    struct candidate *best = NULL;
    double best_distance = 0;
    for (size_t i = 0; i < choice->count; i++) {
        struct candidate *one = &choice->candidates[i];
        if (!one->may_go || one->quality != quality || choice->goes[i])
            continue;
        double distance = distance_of(lacking, one);
        if (best == NULL || distance < best_distance ||
            (distance <= best_distance && is_no_larger(one, best))) {
            best = one;
            best_distance = distance;
        }
    }
    return best;
}

/* ---- who goes ---- */

/* What is lacking still when those that are marked have gone, and with them all of lower classes than that
 * (-1: of all). */
static void take_lacking(const struct choice *choice, int quality, struct amounts *lacking)
{
    amounts_add(lacking, choice->lacking, 1);
    for (size_t i = 0; i < choice->count; i++) {
        const struct candidate *one = &choice->candidates[i];
        if (choice->goes[i] || (one->may_go && (int)one->quality > quality))
            amounts_add(lacking, &one->demand, -1);
    }
}

static void choose_of(const struct choice *choice, enum quality quality)
{
    autoamounts struct amounts lacking = {0};
    take_lacking(choice, (int)quality, &lacking);
    while (!is_enough(&lacking)) {
        struct candidate *best = nearest(choice, quality, &lacking);
        if (best == NULL)
            return; /* it is for the classes before it */
        choice->goes[best - choice->candidates] = true;
        amounts_add(&lacking, &best->demand, -1);
    }
}

static bool may_go(struct value pod, struct value other)
{
    struct value of_pod = value_at(pod, "spec", "priority"), of_other = value_at(other, "spec", "priority");
    return (quality_is_critical(pod) && !quality_is_critical(other)) ||
           (value_exists(of_pod) && value_exists(of_other) &&
            value_int_or(of_pod, 0) > value_int_or(of_other, 0));
}

static struct candidate *candidates_of(struct value pod, const struct value *others, size_t count)
{
    struct candidate *candidates = memory_zeroed(count + 1, sizeof(*candidates));
    for (size_t i = 0; i < count; i++) {
        demand_of_pod(&candidates[i].demand, value_get(others[i], STR("spec")));
        candidates[i].quality = quality_of(others[i]);
        candidates[i].may_go = may_go(pod, others[i]);
    }
    return candidates;
}

static bool choose(const struct choice *choice, char **why)
{
    autoamounts struct amounts lacking = {0};
    take_lacking(choice, -1, &lacking);
    if (!is_enough(&lacking)) {
        autobuf struct buf text = {0};
        each_lacking(&lacking, write_amount, &text);
        *why = path_format("no set of running pods found to reclaim resources: [%s]", text.at);
        return false;
    }
    choose_of(choice, QUALITY_GUARANTEED);
    choose_of(choice, QUALITY_BURSTABLE);
    choose_of(choice, QUALITY_BEST_EFFORT);
    return true;
}

bool preemption_choose(struct value pod, const struct amounts *lacking, const struct value *others,
                       size_t count, bool *goes, char **why)
{
    struct choice choice = {lacking, candidates_of(pod, others, count), count, goes};
    bool found = choose(&choice, why);
    for (size_t i = 0; i < count; i++)
        amounts_clear(&choice.candidates[i].demand);
    free(choice.candidates);
    return found;
}
