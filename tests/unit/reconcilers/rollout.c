#include "reconcilers/rollout.h"
#include "tests/unit/lib/test.h"

/* A deployment's limits and the sizes of its sets: what should they be? */
struct case_of_rollout {
    const char *name;
    int64_t replicas, surge, unavailable; /* limits as numbers; a percentage is below 0: -25 is 25% */
    bool recreate, paused, old_pods_left;
    struct {
        int64_t replicas, available;
        int64_t desired; /* 0: what the deployment says now */
        int64_t wanted;
    } parts[4]; /* the new one first; a row of replicas -1 ends them */
    bool no_new;
};

#define END            \
    {                  \
        .replicas = -1 \
    }

static const struct case_of_rollout cases[] = {
    {"the first set gets all at once", 10, -25, -25, .parts = {{0, 0, 0, 10}, END}},
    {"growing one grows it", 10, -25, -25, .parts = {{4, 4, 4, 10}, END}},
    {"shrinking shrinks it", 2, -25, -25, .parts = {{4, 4, 4, 2}, END}},
    {"a new template begins with what may be above", 10, -25, -25,
     .parts = {{0, 0, 0, 3}, {10, 10, 0, 10}, END}},
    {"what may be missing goes from the old", 10, -25, -25, .parts = {{3, 0, 0, 3}, {10, 10, 0, 8}, END}},
    {"the new grows as the old shrink", 10, -25, -25, .parts = {{3, 0, 0, 5}, {8, 8, 0, 8}, END}},
    {"the old don't shrink below what must be available", 10, 3, 2,
     .parts = {{5, 0, 0, 5}, {8, 8, 0, 8}, END}},
    {"what is available of the new lets the old go", 10, 3, 2, .parts = {{5, 4, 0, 5}, {8, 8, 0, 4}, END}},
    {"old ones that don't work go first", 10, 3, 2, .parts = {{5, 5, 0, 5}, {4, 0, 0, 0}, {4, 4, 0, 3}, END}},
    {"nothing may be missing", 4, 1, 0, .parts = {{1, 0, 0, 1}, {4, 4, 0, 4}, END}},
    {"nothing may be above", 4, 0, 1, .parts = {{0, 0, 0, 0}, {4, 4, 0, 3}, END}},
    {"neither: then one may be missing", 4, 0, 0, .parts = {{0, 0, 0, 0}, {4, 4, 0, 3}, END}},
    {"done", 4, 1, 0, .parts = {{4, 4, 0, 4}, {0, 0, 0, 0}, END}},
    {"to nothing", 0, -25, -25, .parts = {{4, 4, 4, 0}, END}},
    {"scaling in the middle is shared", 20, 0, 5, .parts = {{5, 5, 10, 10}, {5, 5, 10, 10}, END}},
    {"the old go when the new is saturated", 4, 1, 0, .parts = {{4, 4, 0, 4}, {3, 3, 8, 0}, END}},
    {"recreate: first the old ones go", 4, 0, 0, .recreate = true,
     .parts = {{0, 0, 0, 0}, {4, 4, 0, 0}, END}},
    {"recreate: while their pods are there, nothing new", 4, 0, 0, .recreate = true, .old_pods_left = true,
     .parts = {{0, 0, 0, 0}, {0, 0, 0, 0}, END}},
    {"recreate: then the new", 4, 0, 0, .recreate = true, .parts = {{0, 0, 0, 4}, {0, 0, 0, 0}, END}},
    {"paused: no rollout", 4, 1, 0, .paused = true, .no_new = true, .parts = {{4, 4, 0, 4}, END}},
    {"paused: but scaling", 6, 1, 0, .paused = true, .no_new = true, .parts = {{4, 4, 4, 6}, END}},
};

static struct int_or_percent limit(int64_t number)
{
    return number < 0 ? (struct int_or_percent){-number, true} : (struct int_or_percent){number, false};
}

static void every_step_is_kubernetes_own(void **state)
{
    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        const struct case_of_rollout *one = &cases[c];
        struct deployment deployment = {.replicas = one->replicas,
                                        .recreate = one->recreate,
                                        .paused = one->paused,
                                        .max_surge = limit(one->surge),
                                        .max_unavailable = limit(one->unavailable)};
        struct replicaset sets[4] = {0};
        struct part parts[4];
        struct rollout rollout = {
            .deployment = &deployment, .parts = parts, .old_pods_left = one->old_pods_left};
        for (; one->parts[rollout.count].replicas >= 0; rollout.count++) {
            size_t i = rollout.count;
            int64_t desired = one->parts[i].desired != 0 ? one->parts[i].desired : one->replicas;
            parts[i] = (struct part){.set = &sets[i],
                                     .is_new = i == 0 && !one->no_new,
                                     .replicas = one->parts[i].replicas,
                                     .has = one->parts[i].replicas,
                                     .available = one->parts[i].available,
                                     .desired = desired,
                                     .most = desired + rollout_surge(&deployment)};
        }
        rollout_decide(&rollout);
        for (size_t i = 0; i < rollout.count; i++)
            if (parts[i].wanted != one->parts[i].wanted)
                fail_msg("%s: set %zu should get %ld, and gets %ld", one->name, i, (long)one->parts[i].wanted,
                         (long)parts[i].wanted);
    }
}

/* From any state, with pods that become available in any order, it arrives, and on the way there are never
 * fewer available than asked for, nor more than allowed. */
static void every_rollout_arrives_within_its_limits(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int run = 0; run < 500; run++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t replicas = 1 + (int64_t)(seed >> 33) % 20;
        struct deployment deployment = {.replicas = replicas,
                                        .max_surge = limit((int64_t)(seed >> 40) % 4),
                                        .max_unavailable = limit((int64_t)(seed >> 50) % 4)};
        struct replicaset sets[2] = {0};
        int64_t most = replicas + rollout_surge(&deployment);
        struct part parts[2] = {{.set = &sets[0], .is_new = true, .desired = replicas, .most = most},
                                {.set = &sets[1],
                                 .desired = replicas,
                                 .most = most,
                                 .replicas = replicas,
                                 .available = replicas}};
        struct rollout rollout = {.deployment = &deployment, .parts = parts, .count = 2};
        int64_t least = replicas - rollout_unavailable(&deployment);
        int steps = 0;
        for (; parts[0].available < replicas || parts[1].replicas > 0; steps++) {
            assert_true(steps < 1000);
            rollout_decide(&rollout);
            for (size_t i = 0; i < 2; i++) {
                parts[i].replicas = parts[i].wanted;
                if (parts[i].available > parts[i].replicas)
                    parts[i].available = parts[i].replicas;
            }
            assert_true(parts[0].replicas + parts[1].replicas <= most);
            assert_true(parts[0].available + parts[1].available >= least);
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            parts[0].available += parts[0].available < parts[0].replicas && seed >> 63 != 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_kubernetes_own),
        cmocka_unit_test(every_rollout_arrives_within_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
