#include "reconcilers/placement.h"

#include "lib/selector.h"
#include "lib/taint.h"
#include <stdio.h>

/* ---- reasons: what speaks against nodes, and against how many ---- */

enum { REASON = 448 };

struct reason {
    char text[REASON];
    size_t count;
};

struct reasons {
    struct reason *rows;
    size_t count, capacity;
};

/* Returns true, so that a filter can end with it; `reasons` may be NULL: nobody wants to know. */
__attribute__((format(printf, 2, 3))) static bool reject(struct reasons *reasons, const char *format, ...)
{
    if (reasons == NULL)
        return true;
    struct reason reason = {.count = 1};
    va_list args;
    va_start(args, format);
    vsnprintf(reason.text, sizeof(reason.text), format, args);
    va_end(args);
    for (size_t i = 0; i < reasons->count; i++)
        if (strcmp(reasons->rows[i].text, reason.text) == 0) {
            reasons->rows[i].count++;
            return true;
        }
    array_grow(reasons->rows, reasons->count, reasons->capacity);
    reasons->rows[reasons->count++] = reason;
    return true;
}

static int compare_reasons(const void *a, const void *b)
{
    return strcmp(((const struct reason *)a)->text, ((const struct reason *)b)->text);
}

static void write_reasons(struct buf *why, struct reasons *reasons, size_t places)
{
    if (places == 0) {
        buf_add_text(why, "no nodes available to schedule pods");
        return;
    }
    if (reasons->count != 0)
        qsort(reasons->rows, reasons->count, sizeof(*reasons->rows), compare_reasons);
    buf_addf(why, "0/%zu nodes are available", places);
    for (size_t i = 0; i < reasons->count; i++)
        buf_addf(why, "%s %zu %s", i == 0 ? ":" : ",", reasons->rows[i].count, reasons->rows[i].text);
    buf_add_char(why, '.');
}

/* ---- filters: what speaks against a node ---- */

/* Returns whether the node is out of the question. */
typedef bool filter_fn(const struct place *place, const struct pod *pod, struct reasons *reasons);

/* A node that says it isn't ready counts as tainted so, whether or not somebody has written the taint yet. */
static bool is_tolerated(const struct pod *pod, const char *key)
{
    value_each (toleration, pod->tolerations) {
        struct str wanted = value_str(value_get(toleration, STR("key")));
        struct str effect = value_str(value_get(toleration, STR("effect")));
        bool exists = value_is(value_get(toleration, STR("operator")), "Exists");
        if ((wanted.length == 0 || str_is(wanted, key)) && exists &&
            (effect.length == 0 || str_is(effect, "NoSchedule")))
            return true;
    }
    return false;
}

static bool is_unschedulable(const struct place *place, const struct pod *pod, struct reasons *reasons)
{
    return place->node->unschedulable && !is_tolerated(pod, "node.kubernetes.io/unschedulable") &&
           reject(reasons, "node(s) were unschedulable");
}

static bool is_not_ready(const struct place *place, const struct pod *pod, struct reasons *reasons)
{
    return !place->node->ready && !is_tolerated(pod, "node.kubernetes.io/not-ready") &&
           reject(reasons, "node(s) had untolerated taint {node.kubernetes.io/not-ready: }");
}

static bool is_tainted(const struct place *place, const struct pod *pod, struct reasons *reasons)
{
    value_each (taint, place->node->taints)
        if (!value_is(value_get(taint, STR("effect")), "PreferNoSchedule") &&
            !taint_is_tolerated(taint, pod->tolerations))
            return reject(reasons, "node(s) had untolerated taint {" STR_FORMAT ": " STR_FORMAT "}",
                          STR_ARGS(value_str(value_get(taint, STR("key")))),
                          STR_ARGS(value_str(value_get(taint, STR("value")))));
    return false;
}

static bool is_not_selected(const struct place *place, const struct pod *pod, struct reasons *reasons)
{
    const struct meta *node = &place->node->meta;
    bool selected = selector_has_pairs(pod->node_selector, node->labels) &&
                    selector_matches_node(pod->node_affinity, node->labels, node->name);
    return !selected && reject(reasons, "node(s) didn't match Pod's node affinity/selector");
}

static bool lacks(int resource, int64_t wanted, int64_t there, int64_t promised, struct reasons *reasons)
{
    if (wanted <= 0 || wanted <= there - promised)
        return false;
    struct str name = resource_name(resource);
    return resource == RESOURCE_PODS ? reject(reasons, "Too many pods")
                                     : reject(reasons, "Insufficient " STR_FORMAT, STR_ARGS(name));
}

/* All that is lacking is said, of each node. What has no name is only likely. */
static bool lacks_room(const struct place *place, const struct pod *pod, struct reasons *reasons)
{
    const struct amounts *wanted = pod->requests, *there = place->node->allocatable;
    const struct amounts *promised = &place->promised;
    bool any = false;
    for (int i = 0; i < RESOURCE_LIKELY_CPU; i++)
        any |= lacks(i, wanted->native[i], there->native[i], promised->native[i], reasons);
    for (size_t i = 0; i < wanted->count; i++) {
        int resource = (int)wanted->others[i].resource;
        any |= lacks(resource, wanted->others[i].amount, amounts_get(there, resource),
                     amounts_get(promised, resource), reasons);
    }
    return any;
}

/* In the order in which they are asked: the first that rejects a node says why. */
static filter_fn *const filters[] = {is_unschedulable, is_not_ready, is_tainted, is_not_selected, lacks_room};

static bool fits(const struct place *place, const struct pod *pod, struct reasons *reasons)
{
    for (size_t i = 0; i < COUNT(filters); i++)
        if (filters[i](place, pod, reasons))
            return false;
    return true;
}

static void explain(struct place *places, size_t count, const struct pod *pod, struct buf *why)
{
    struct reasons reasons = {0};
    for (size_t i = 0; i < count; i++)
        fits(&places[i], pod, &reasons);
    write_reasons(why, &reasons, count);
    free(reasons.rows);
}

/* ---- scores: from 0 to 100, with fractions: a small pod on a large node is less than one of a hundred, and
 * many of them are to be spread all the same ---- */

typedef double score_fn(const struct place *place, const struct pod *pod);

static double percent_left(int64_t used, int64_t all)
{
    return all > 0 && used < all ? (double)(all - used) * 100 / (double)all : 0;
}

/* Of what the node has of `there`, when the pod has come too and `used` counts. */
static double left(const struct place *place, const struct pod *pod, enum resource used, enum resource there)
{
    return percent_left(place->promised.native[used] + pod->requests->native[used],
                        place->node->allocatable->native[there]);
}

/* Much is left. */
static double least_allocated(const struct place *place, const struct pod *pod)
{
    return (left(place, pod, RESOURCE_LIKELY_CPU, RESOURCE_CPU) +
            left(place, pod, RESOURCE_LIKELY_MEMORY, RESOURCE_MEMORY)) /
           2;
}

/* Processor and memory are used alike: none is left over when the other is gone. */
static double balanced(const struct place *place, const struct pod *pod)
{
    double cpu = left(place, pod, RESOURCE_CPU, RESOURCE_CPU);
    double memory = left(place, pod, RESOURCE_MEMORY, RESOURCE_MEMORY);
    return 100 - (cpu > memory ? cpu - memory : memory - cpu) / 2;
}

static const struct score {
    score_fn *score;
    double weight;
} scores[] = {{least_allocated, 1}, {balanced, 1}};

static double total_score(const struct place *place, const struct pod *pod)
{
    double total = 0;
    for (size_t i = 0; i < COUNT(scores); i++)
        total += scores[i].weight * scores[i].score(place, pod);
    return total;
}

/* ---- choosing ---- */

/* In a large cluster a part of the nodes that fit is enough to find a good one: as in Kubernetes, at least
 * 100, and a share that falls from half to a twentieth. */
static size_t enough(size_t count)
{
    if (count <= 100)
        return count;
    size_t percent = count < 5625 ? 50 - count / 125 : 5;
    size_t share = count * percent / 100;
    return share > 100 ? share : 100;
}

/* The search begins somewhere else for each pod, so that where all are alike they are all used. */
struct place *placement_choose(struct place *places, size_t count, const struct pod *pod, struct buf *why)
{
    struct place *best = NULL;
    double best_score = -1;
    size_t start = count != 0 ? str_hash(pod->meta.uid) % count : 0, wanted = enough(count), found = 0;
    for (size_t i = 0; i < count && found < wanted; i++) {
        struct place *place = &places[start + i < count ? start + i : start + i - count];
        if (!fits(place, pod, NULL))
            continue;
        found++;
        double score = total_score(place, pod);
        if (score > best_score) {
            best_score = score;
            best = place;
        }
    }
    if (best == NULL)
        explain(places, count, pod, why);
    return best;
}

void placement_assume(struct place *place, const struct pod *pod)
{
    amounts_add(&place->promised, pod->requests, 1);
}

bool placement_same(const struct pod *a, const struct pod *b)
{
    return a->requests == b->requests && a->node_selector.doc == b->node_selector.doc &&
           a->tolerations.doc == b->tolerations.doc;
}
