#include "reconcilers/ranking.h"

/* Each rule says which of two pods goes first (below 0: the first), or 0 when it doesn't care: then the next
 * rule is asked. */
typedef int rule(const struct candidate *a, const struct candidate *b);

static int lower_first(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int unassigned_first(const struct candidate *a, const struct candidate *b)
{
    return lower_first(a->pod->node.length != 0, b->pod->node.length != 0);
}

static int pending_first(const struct candidate *a, const struct candidate *b)
{
    static const int order[] = {
        [POD_PENDING] = 0, [POD_UNKNOWN] = 1, [POD_RUNNING] = 2, [POD_SUCCEEDED] = 2, [POD_FAILED] = 2};
    return lower_first(order[a->pod->phase], order[b->pod->phase]);
}

static int unready_first(const struct candidate *a, const struct candidate *b)
{
    return lower_first(a->pod->ready, b->pod->ready);
}

static int cheapest_first(const struct candidate *a, const struct candidate *b)
{
    return lower_first(a->pod->deletion_cost, b->pod->deletion_cost);
}

static int doubled_up_first(const struct candidate *a, const struct candidate *b)
{
    return lower_first((int64_t)b->neighbours, (int64_t)a->neighbours);
}

static int latest_ready_first(const struct candidate *a, const struct candidate *b)
{
    return lower_first(b->pod->ready_since_ms, a->pod->ready_since_ms);
}

static int most_restarts_first(const struct candidate *a, const struct candidate *b)
{
    return lower_first(b->pod->restarts, a->pod->restarts);
}

static int youngest_first(const struct candidate *a, const struct candidate *b)
{
    return lower_first(b->pod->meta.created_ms, a->pod->meta.created_ms);
}

/* So that the order is always the same. */
static int by_name(const struct candidate *a, const struct candidate *b)
{
    return str_compare(a->pod->meta.name, b->pod->meta.name);
}

static rule *const rules[] = {unassigned_first,    pending_first,    unready_first,
                              cheapest_first,      doubled_up_first, latest_ready_first,
                              most_restarts_first, youngest_first,   by_name};

static int compare(const void *a, const void *b)
{
    int order = 0;
    for (size_t i = 0; order == 0 && i < COUNT(rules); i++)
        order = rules[i](a, b);
    return order;
}

static int compare_nodes(const void *a, const void *b)
{
    return str_compare((*(const struct pod *const *)a)->node, (*(const struct pod *const *)b)->node);
}

/* How many of the pods, sorted by node, are on this one. */
static size_t count_on(struct str node, const struct pod **sorted, size_t count)
{
    size_t first = sorted_place(count, i, str_compare(sorted[i]->node, node) >= 0), end = first;
    while (end < count && str_equal(sorted[end]->node, node))
        end++;
    return end - first;
}

void rank_candidates(struct candidate *candidates, size_t count, const struct pod **related,
                     size_t related_count)
{
    qsort(related, related_count, sizeof(*related), compare_nodes);
    for (size_t i = 0; i < count; i++) {
        struct str node = candidates[i].pod->node;
        candidates[i].neighbours = node.length != 0 ? count_on(node, related, related_count) : 0;
    }
    qsort(candidates, count, sizeof(*candidates), compare);
}
