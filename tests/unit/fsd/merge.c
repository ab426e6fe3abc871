#include "fsd/merge.h"
#include "tests/unit/fsd/kinds.h"

/* What was applied last, what is there now (others have changed it since), what is applied now; and what it
 * comes to. Of a Deployment's template, unless said otherwise. */
struct row {
    const char *last, *live, *wanted, *merged;
};

static void check_rows(const struct row *rows, size_t count)
{
    const struct schema *schema = kind_form(must_kind("pods"))->schema;
    for (size_t i = 0; i < count; i++) {
        autodoc struct doc *last = rows[i].last != NULL ? must_yaml(rows[i].last) : NULL;
        autodoc struct doc *live = must_yaml(rows[i].live), *wanted = must_yaml(rows[i].wanted),
                           *merged = must_yaml(rows[i].merged);
        merge_apply(schema, doc_root(last), doc_root(live), doc_root(wanted));
        autobuf struct buf is = {0}, should = {0};
        value_write(&is, doc_root(live));
        value_write(&should, doc_root(merged));
        if (!value_equal(doc_root(live), doc_root(merged)))
            fail_msg("row %zu is %s, should be %s", i, is.at, should.at);
    }
}
#define RUN(rows) check_rows(rows, COUNT(rows))

static void members_are_set_removed_and_left_alone(void **state)
{
    (void)state;
    static const struct row rows[] = {
        /* never applied before: nothing is removed */
        {NULL, "{metadata: {labels: {a: 1}}}", "{metadata: {labels: {b: 2}}}",
         "{metadata: {labels: {a: 1, b: 2}}}"},
        /* a is wanted no more; b is somebody else's; c changes */
        {"{metadata: {labels: {a: 1, c: 1}}}", "{metadata: {labels: {a: 1, b: 2, c: 1}}}",
         "{metadata: {labels: {c: 3}}}", "{metadata: {labels: {b: 2, c: 3}}}"},
        /* removed, although somebody else has changed it */
        {"{metadata: {labels: {a: 1}}}", "{metadata: {labels: {a: 9}}}", "{metadata: {labels: {}}}",
         "{metadata: {labels: {}}}"},
        /* set back, what somebody else has changed */
        {"{metadata: {labels: {a: 1}}}", "{metadata: {labels: {a: 9}}}", "{metadata: {labels: {a: 1}}}",
         "{metadata: {labels: {a: 1}}}"},
        /* gone already */
        {"{metadata: {labels: {a: 1}}}", "{metadata: {}}", "{metadata: {}}", "{metadata: {}}"},
        /* a whole branch is wanted no more: also what others have put there */
        {"{spec: {securityContext: {runAsUser: 1}}}",
         "{spec: {securityContext: {runAsUser: 1, runAsGroup: 2}}}", "{spec: {}}", "{spec: {}}"},
        /* null removes */
        {NULL, "{metadata: {labels: {a: 1, b: 2}}}", "{metadata: {labels: {a: null}}}",
         "{metadata: {labels: {b: 2}}}"},
        /* another type takes its place */
        {NULL, "{metadata: {labels: {a: 1}}}", "{metadata: {labels: text}}", "{metadata: {labels: text}}"},
        /* unknown members are treated alike; validation speaks of them later */
        {"{odd: {a: 1}}", "{odd: {a: 1, b: 2}}", "{odd: {c: 3}}", "{odd: {b: 2, c: 3}}"},
    };
    RUN(rows);
}

static void entries_of_keyed_lists_are_merged_by_their_keys(void **state)
{
    (void)state;
    static const struct row rows[] = {
        /* one changes, one is somebody else's, one is new */
        {"{spec: {containers: [{name: a, image: x}]}}",
         "{spec: {containers: [{name: a, image: x, imagePullPolicy: Always}, {name: sidecar, image: s}]}}",
         "{spec: {containers: [{name: a, image: y}, {name: b, image: z}]}}",
         "{spec: {containers: [{name: a, image: y, imagePullPolicy: Always}, {name: sidecar, image: s}, "
         "{name: b, image: z}]}}"},
        /* one is wanted no more */
        {"{spec: {containers: [{name: a, image: x}, {name: b, image: y}]}}",
         "{spec: {containers: [{name: a, image: x}, {name: b, image: y}]}}",
         "{spec: {containers: [{name: b, image: y}]}}", "{spec: {containers: [{name: b, image: y}]}}"},
        /* a key with two parts, of which one has been filled in on the live side */
        {"{spec: {containers: [{name: a, ports: [{containerPort: 53}]}]}}",
         "{spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: TCP}]}]}}",
         "{spec: {containers: [{name: a, ports: [{containerPort: 53, name: dns}]}]}}",
         "{spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: TCP, name: dns}]}]}}"},
        {NULL, "{spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: TCP}]}]}}",
         "{spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: UDP}]}]}}",
         "{spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: TCP}, "
         "{containerPort: 53, protocol: UDP}]}]}}"},
        /* both protocols of one port */
        {NULL,
         "{spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: UDP}, "
         "{containerPort: 53, protocol: TCP}]}]}}",
         "{spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: TCP, name: t}, "
         "{containerPort: 53, protocol: UDP, name: u}]}]}}",
         "{spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: UDP, name: u}, "
         "{containerPort: 53, protocol: TCP, name: t}]}]}}"},
        /* a key left out means its default, not whatever comes first */
        {NULL,
         "{spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: UDP}, "
         "{containerPort: 53, protocol: TCP}]}]}}",
         "{spec: {containers: [{name: a, ports: [{containerPort: 53, name: t}]}]}}",
         "{spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: UDP}, "
         "{containerPort: 53, protocol: TCP, name: t}]}]}}"},
    };
    RUN(rows);
}

static void sets_are_merged_item_by_item_and_other_lists_replaced(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{metadata: {finalizers: [a, b]}}", "{metadata: {finalizers: [a, b, c]}}",
         "{metadata: {finalizers: [b, d]}}", "{metadata: {finalizers: [b, c, d]}}"},
        {"{spec: {containers: [{name: a, args: [x, y]}]}}",
         "{spec: {containers: [{name: a, args: [x, y, z]}]}}", "{spec: {containers: [{name: a, args: [q]}]}}",
         "{spec: {containers: [{name: a, args: [q]}]}}"},
    };
    RUN(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_set_removed_and_left_alone),
        cmocka_unit_test(entries_of_keyed_lists_are_merged_by_their_keys),
        cmocka_unit_test(sets_are_merged_item_by_item_and_other_lists_replaced),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
