#include "reconcilers/rollout.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- limits ---- */

static int64_t resolve(struct int_or_percent limit, int64_t total, bool round_up)
{
    if (!limit.percent)
        return limit.number;
    return (limit.number * total + (round_up ? 99 : 0)) / 100;
}

int64_t rollout_surge(const struct deployment *deployment)
{
    return deployment->recreate ? 0 : resolve(deployment->max_surge, deployment->replicas, true);
}

/* At least one of the two must be above 0, or nothing could ever move. */
int64_t rollout_unavailable(const struct deployment *deployment)
{
    if (deployment->recreate || deployment->replicas == 0)
        return 0;
    int64_t unavailable = resolve(deployment->max_unavailable, deployment->replicas, false);
    if (unavailable == 0 && rollout_surge(deployment) == 0)
        unavailable = 1;
    return least(unavailable, deployment->replicas);
}

/* ---- sums ---- */

static int64_t sum_replicas(const struct rollout *rollout)
{
    int64_t sum = 0;
    for (size_t i = 0; i < rollout->count; i++)
        sum += rollout->parts[i].wanted;
    return sum;
}

static struct part *new_part(const struct rollout *rollout)
{
    return rollout->count != 0 && rollout->parts[0].is_new ? &rollout->parts[0] : NULL;
}

static size_t first_old(const struct rollout *rollout)
{
    return new_part(rollout) != NULL ? 1 : 0;
}

/* ---- scaling: the deployment's replicas have changed since the sets were told ---- */

static bool was_scaled(const struct rollout *rollout)
{
    for (size_t i = 0; i < rollout->count; i++) {
        const struct part *part = &rollout->parts[i];
        if (part->set != NULL && part->replicas > 0 && part->desired >= 0 &&
            part->desired != rollout->deployment->replicas)
            return true;
    }
    return false;
}

/* The only set that has replicas; the new one if none has; NULL if several have. */
static struct part *only_active(const struct rollout *rollout)
{
    struct part *active = NULL;
    for (size_t i = 0; i < rollout->count; i++) {
        if (rollout->parts[i].replicas <= 0)
            continue;
        if (active != NULL)
            return NULL;
        active = &rollout->parts[i];
    }
    return active != NULL || rollout->count == 0 ? active : &rollout->parts[0];
}

/* Its share of the change, by the size that it had in the deployment's former size; rounded, and no more than
 * is left to give or take. */
static int64_t share(const struct rollout *rollout, const struct part *part, int64_t left)
{
    const struct deployment *deployment = rollout->deployment;
    int64_t before = part->most > 0 ? part->most : deployment->replicas;
    if (part->replicas == 0 || left == 0 || before == 0)
        return 0;
    int64_t after = deployment->replicas + rollout_surge(deployment);
    int64_t fraction = (part->replicas * after * 2 + before) / (before * 2) - part->replicas;
    return left > 0 ? least(most(fraction, 0), left) : most(least(fraction, 0), left);
}

/* When there is more than one active set, all grow or shrink together, so that the risk stays where it was.
 * What rounding leaves goes to the largest. */
static void scale_in_proportion(struct rollout *rollout)
{
    const struct deployment *deployment = rollout->deployment;
    int64_t allowed = deployment->replicas > 0 ? deployment->replicas + rollout_surge(deployment) : 0;
    int64_t left = allowed - sum_replicas(rollout);
    struct part *largest = NULL;
    for (size_t i = 0; i < rollout->count; i++) {
        struct part *part = &rollout->parts[i];
        int64_t change = share(rollout, part, left);
        part->wanted = part->replicas + change;
        left -= change;
        if (largest == NULL || part->replicas > largest->replicas)
            largest = part;
    }
    if (largest != NULL)
        largest->wanted = most(largest->wanted + left, 0);
}

static bool is_saturated(const struct rollout *rollout, const struct part *part)
{
    int64_t replicas = rollout->deployment->replicas;
    return part != NULL && part->replicas == replicas && part->desired == replicas &&
           part->available == replicas;
}

static void scale(struct rollout *rollout)
{
    struct part *only = only_active(rollout);
    if (only != NULL)
        only->wanted = rollout->deployment->replicas;
    else if (is_saturated(rollout, new_part(rollout)))
        for (size_t i = first_old(rollout); i < rollout->count; i++)
            rollout->parts[i].wanted = 0;
    else
        scale_in_proportion(rollout);
}

/* ---- rolling: from the old sets to the new one ---- */

static bool scale_new(struct rollout *rollout)
{
    struct part *part = new_part(rollout);
    const struct deployment *deployment = rollout->deployment;
    if (part == NULL || part->replicas == deployment->replicas)
        return false;
    if (part->replicas > deployment->replicas) {
        part->wanted = deployment->replicas;
        return true;
    }
    int64_t room = deployment->replicas + rollout_surge(deployment) - sum_replicas(rollout);
    part->wanted += least(most(room, 0), deployment->replicas - part->replicas);
    return part->wanted != part->replicas;
}

/* Old pods that aren't available are no loss: they go first. */
static int64_t drop_unhealthy(struct rollout *rollout, int64_t budget)
{
    for (size_t i = first_old(rollout); i < rollout->count && budget > 0; i++) {
        struct part *part = &rollout->parts[i];
        int64_t unhealthy = least(most(part->wanted - part->available, 0), budget);
        part->wanted -= unhealthy;
        budget -= unhealthy;
    }
    return budget;
}

static void drop_healthy(struct rollout *rollout, int64_t least_available)
{
    int64_t available = 0;
    for (size_t i = 0; i < rollout->count; i++)
        available += least(rollout->parts[i].available, rollout->parts[i].wanted);
    int64_t budget = available - least_available;
    for (size_t i = first_old(rollout); i < rollout->count && budget > 0; i++) {
        struct part *part = &rollout->parts[i];
        int64_t dropped = least(part->wanted, budget);
        part->wanted -= dropped;
        budget -= dropped;
    }
}

static void scale_old(struct rollout *rollout)
{
    const struct part *part = new_part(rollout);
    const struct deployment *deployment = rollout->deployment;
    int64_t least_available = deployment->replicas - rollout_unavailable(deployment);
    int64_t unavailable_new = part != NULL ? most(part->replicas - part->available, 0) : 0;
    int64_t budget = sum_replicas(rollout) - least_available - unavailable_new;
    if (budget <= 0)
        return;
    drop_unhealthy(rollout, budget);
    drop_healthy(rollout, least_available);
}

/* ---- Recreate: first all old ones away ---- */

static void recreate(struct rollout *rollout)
{
    bool shrinking = false;
    for (size_t i = first_old(rollout); i < rollout->count; i++) {
        shrinking |= rollout->parts[i].replicas > 0;
        rollout->parts[i].wanted = 0;
    }
    struct part *part = new_part(rollout);
    if (part != NULL && !shrinking && !rollout->old_pods_left)
        part->wanted = rollout->deployment->replicas;
}

void rollout_decide(struct rollout *rollout)
{
    for (size_t i = 0; i < rollout->count; i++)
        rollout->parts[i].wanted = rollout->parts[i].replicas;
    if (rollout->deployment->paused || was_scaled(rollout))
        scale(rollout);
    else if (rollout->deployment->recreate)
        recreate(rollout);
    else if (!scale_new(rollout))
        scale_old(rollout);
}
