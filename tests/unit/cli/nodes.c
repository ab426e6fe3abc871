#include "cli/nodes.h"

#include "test.h"

#define HEAD "NAME     STATUS                     ROLES    AGE\n"

static void what_is_not_well_is_said(void **state)
{
    (void)state;
    static const struct {
        struct str table;
        const char *own, *says; /* NULL: all is well */
    } rows[] = {
        {STR(""), NULL, NULL},
        {STR(HEAD "a        Ready                      <none>   3s\n"), NULL, NULL},
        {STR(HEAD "a        Ready                      <none>   3s\n"), "a", NULL},
        {STR(HEAD "a        Ready,SchedulingDisabled   <none>   3s\n"), "a", NULL},
        {STR(HEAD "a        NotReady                   <none>   3s\n"), NULL, "node a is NotReady\n"},
        {STR(HEAD "a        Unknown                    <none>   3s\nb        Ready\n"), "b",
         "node a is Unknown\n"},
        {STR(HEAD "b        Ready                      <none>   3s\n"), "a",
         "node a, which is this machine, is not there\n"},
        {STR(""), "a", "node a, which is this machine, is not there\n"},
        {STR(HEAD "NotReady Ready                      <none>   3s\n"), NULL, NULL},
        {STR(HEAD "a Unknown\nb Unknown\nc Unknown\nd Unknown\ne Unknown\nf Unknown\ng Unknown\n"), NULL,
         "node a is Unknown\nnode b is Unknown\nnode c is Unknown\nnode d is Unknown\nnode e is Unknown\n"
         "and 2 more nodes are not ready\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf says = {0};
        assert_int_equal(nodes_are_well(rows[i].table, rows[i].own, &says), rows[i].says == NULL);
        assert_string_equal(says.length > 0 ? says.at : "", rows[i].says != NULL ? rows[i].says : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_not_well_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
