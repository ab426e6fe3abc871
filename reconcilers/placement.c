#include "reconcilers/placement.h"

#include "lib/selector.h"
#include "lib/taint.h"
#include <stdio.h>

/* ---- filters: what speaks against a node ---- */

/* Returns whether the node is out of the question. `detail` (DETAIL bytes) may be filled with what is named
 * in the reason. */
typedef bool filter_fn(const struct place *place, const struct pod *pod, char *detail);
enum { DETAIL = 384 };

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

static bool is_unschedulable(const struct place *place, const struct pod *pod, char *detail)
{
    (void)detail;
    return place->node->unschedulable && !is_tolerated(pod, "node.kubernetes.io/unschedulable");
}

static bool is_not_ready(const struct place *place, const struct pod *pod, char *detail)
{
    snprintf(detail, DETAIL, "{node.kubernetes.io/not-ready: }");
    return !place->node->ready && !is_tolerated(pod, "node.kubernetes.io/not-ready");
}

static bool is_tainted(const struct place *place, const struct pod *pod, char *detail)
{
    value_each (taint, place->node->taints) {
        if (value_is(value_get(taint, STR("effect")), "PreferNoSchedule") ||
            taint_is_tolerated(taint, pod->tolerations))
            continue;
        snprintf(detail, DETAIL, "{" STR_FORMAT ": " STR_FORMAT "}",
                 STR_ARGS(value_str(value_get(taint, STR("key")))),
                 STR_ARGS(value_str(value_get(taint, STR("value")))));
        return true;
    }
    return false;
}

static bool is_not_selected(const struct place *place, const struct pod *pod, char *detail)
{
    (void)detail;
    return !selector_has_pairs(pod->node_selector, place->node->meta.labels);
}

static bool lacks_pods(const struct place *place, const struct pod *pod, char *detail)
{
    (void)pod;
    (void)detail;
    return place->pods + 1 > place->node->pods;
}

static bool lacks_cpu(const struct place *place, const struct pod *pod, char *detail)
{
    (void)detail;
    int64_t wanted = pod->requests.cpu_milli;
    return wanted > 0 && wanted > place->node->cpu_milli - place->cpu_milli;
}

static bool lacks_memory(const struct place *place, const struct pod *pod, char *detail)
{
    (void)detail;
    int64_t wanted = pod->requests.memory;
    return wanted > 0 && wanted > place->node->memory - place->memory;
}

struct filter {
    filter_fn *rejects;
    const char *reason;
    bool detailed;
};

/* In the order in which they are asked: the first that rejects a node gives the reason. */
static const struct filter filters[] = {
    {is_unschedulable, "node(s) were unschedulable", false},
    {is_not_ready, "node(s) had untolerated taint", true},
    {is_tainted, "node(s) had untolerated taint", true},
    {is_not_selected, "node(s) didn't match Pod's node affinity/selector", false},
    {lacks_pods, "Too many pods", false},
    {lacks_cpu, "Insufficient cpu", false},
    {lacks_memory, "Insufficient memory", false},
};

/* ---- scores: from 0 to 100, with fractions: a small pod on a large node is less than one of a hundred, and
 * many of them are to be spread all the same ---- */

typedef double score_fn(const struct place *place, const struct pod *pod);

static double percent_left(int64_t used, int64_t all)
{
    return all > 0 && used < all ? (double)(all - used) * 100 / (double)all : 0;
}

/* Much is left. */
static double least_allocated(const struct place *place, const struct pod *pod)
{
    int64_t cpu = place->likely_cpu_milli + pod->requests.likely_cpu_milli;
    int64_t memory = place->likely_memory + pod->requests.likely_memory;
    return (percent_left(cpu, place->node->cpu_milli) + percent_left(memory, place->node->memory)) / 2;
}

/* Processor and memory are used alike: none is left over when the other is gone. */
static double balanced(const struct place *place, const struct pod *pod)
{
    double cpu = percent_left(place->cpu_milli + pod->requests.cpu_milli, place->node->cpu_milli);
    double memory = percent_left(place->memory + pod->requests.memory, place->node->memory);
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

/* ---- reasons ---- */

struct reason {
    char text[DETAIL + 64];
    size_t count;
};

struct reasons {
    struct reason *rows;
    size_t count, capacity;
};

static void count_reason(struct reasons *reasons, const struct filter *filter, const char *detail)
{
    struct reason reason = {.count = 1};
    if (filter->detailed)
        snprintf(reason.text, sizeof(reason.text), "%s %s", filter->reason, detail);
    else
        snprintf(reason.text, sizeof(reason.text), "%s", filter->reason);
    for (size_t i = 0; i < reasons->count; i++)
        if (strcmp(reasons->rows[i].text, reason.text) == 0) {
            reasons->rows[i].count++;
            return;
        }
    array_grow(reasons->rows, reasons->count, reasons->capacity);
    reasons->rows[reasons->count++] = reason;
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

static void explain(struct place *places, size_t count, const struct pod *pod, struct buf *why)
{
    struct reasons reasons = {0};
    for (size_t i = 0; i < count; i++) {
        char detail[DETAIL] = "";
        size_t f = 0;
        while (f < COUNT(filters) && !filters[f].rejects(&places[i], pod, detail))
            f++;
        if (f < COUNT(filters))
            count_reason(&reasons, &filters[f], detail);
    }
    write_reasons(why, &reasons, count);
    free(reasons.rows);
}

/* ---- choosing ---- */

static bool fits(const struct place *place, const struct pod *pod)
{
    char detail[DETAIL];
    for (size_t f = 0; f < COUNT(filters); f++)
        if (filters[f].rejects(place, pod, detail))
            return false;
    return true;
}

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
        if (!fits(place, pod))
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
    place->pods++;
    place->cpu_milli += pod->requests.cpu_milli;
    place->memory += pod->requests.memory;
    place->likely_cpu_milli += pod->requests.likely_cpu_milli;
    place->likely_memory += pod->requests.likely_memory;
}

bool placement_same(const struct pod *a, const struct pod *b)
{
    return memcmp(&a->requests, &b->requests, sizeof(a->requests)) == 0 &&
           a->node_selector.doc == b->node_selector.doc && a->tolerations.doc == b->tolerations.doc;
}
