#include "reconcilers/gc.h"
#include "tests/unit/reconcilers/passes.h"

/* Owned by the replica set with the uid `owner`. */
#define REFERENCE(owner) \
    "{apiVersion: apps/v1, kind: ReplicaSet, name: " owner ", uid: uid-" owner ", controller: true}"
#define CHILD(name, owners) \
    "---\n{apiVersion: v1, kind: Pod, metadata: {name: " name ", ownerReferences: [" owners "]}}\n"
#define SET(name, more) "---\n{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: " name more "}}\n"
#define DELETE(name, rv)                                                                                 \
    "---\n{op: delete, resource: pods, name: " name ", namespace: default, uid: uid-" name ", rv: '" #rv \
    "'}\n"

static const struct controller *gc, *namespaces, *definitions;

static int64_t expect(const char *owner, const char *objects, const char *plan)
{
    return expect_plan(&(struct given){.controller = gc, .namespace = "", .name = owner, .objects = objects},
                       plan);
}

static void an_object_whose_owner_is_gone_is_deleted(void **state)
{
    (void)state;
    expect("uid-web", CHILD("a", REFERENCE("web")) CHILD("b", REFERENCE("other")), DELETE("a", 1));
}

static void an_object_whose_owner_lives_stays(void **state)
{
    (void)state;
    expect("uid-web", SET("web", "") CHILD("a", REFERENCE("web")), "");
}

static void an_object_with_another_owner_only_forgets_the_one_that_is_gone(void **state)
{
    (void)state;
    expect(
        "uid-web",
        SET("other", "") CHILD(
            "a", REFERENCE("web") ", {apiVersion: apps/v1, kind: ReplicaSet, name: other, uid: uid-other}"),
        "{op: patch, resource: pods, name: a, namespace: default, uid: uid-a, rv: '2', merge: {metadata: "
        "{ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: other, uid: uid-other}]}}}");
}

static void an_owner_that_may_only_not_have_been_read_is_read_first(void **state)
{
    (void)state;
    /* The caches have reached version 1000. */
    const char *newer =
        "{apiVersion: v1, kind: Pod, metadata: {name: a, resourceVersion: '2000', ownerReferences: "
        "[" REFERENCE("web") "]}}";
    assert_int_equal(expect("uid-web", newer, ""), 0);
}

static void an_owner_of_a_kind_that_nobody_knows_is_believed(void **state)
{
    (void)state;
    expect("uid-x", CHILD("a", "{apiVersion: v9, kind: Gadget, name: x, uid: uid-x}"), "");
}

static void an_owner_in_another_namespace_is_no_owner(void **state)
{
    (void)state;
    expect("uid-web",
           SET("other", "") SET("web", ", namespace: elsewhere") CHILD(
               "a", REFERENCE("web") ", {apiVersion: apps/v1, kind: ReplicaSet, name: gone, uid: uid-gone}"),
           "");
    expect("uid-gone",
           SET("web", ", namespace: elsewhere") CHILD(
               "a", REFERENCE("web") ", {apiVersion: apps/v1, kind: ReplicaSet, name: gone, uid: uid-gone}"),
           DELETE("a", 2));
}

static void foreground_deletes_dependents_and_then_lets_the_owner_go(void **state)
{
    (void)state;
    const char *owner =
        ", deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [foregroundDeletion, other]";
    autobuf struct buf objects = {0};
    buf_addf(&objects, "---\n{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web%s}}\n", owner);
    const char *release =
        "{op: patch, resource: replicasets.apps, name: web, namespace: default, uid: uid-web, rv: '1', "
        "merge: {metadata: {finalizers: [other]}}}";
    expect("uid-web", objects.at, release);
    buf_add_text(&objects, CHILD("a", "{apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: uid-web, "
                                      "blockOwnerDeletion: true}"));
    expect("uid-web", objects.at, DELETE("a", 2));
}

static void orphan_lets_dependents_go_and_then_the_owner(void **state)
{
    (void)state;
    autobuf struct buf objects = {0};
    buf_add_text(&objects, SET("web", ", deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [orphan]"));
    expect("uid-web", objects.at,
           "{op: patch, resource: replicasets.apps, name: web, namespace: default, uid: uid-web, rv: '1', "
           "merge: {metadata: {finalizers: []}}}");
    buf_add_text(&objects, CHILD("a", REFERENCE("web")));
    expect("uid-web", objects.at,
           "{op: patch, resource: pods, name: a, namespace: default, uid: uid-a, rv: '2', merge: {metadata: "
           "{ownerReferences: null}}}");
}

static void kinds_are_found_by_what_manifests_say(void **state)
{
    (void)state;
    struct owned_kinds *kinds =
        owned_kinds_new(STR("pods\ningresses.networking.k8s.io\nnetworkpolicies\nendpoints\n"));
    assert_string_equal(owned_kinds_find(kinds, STR("v1"), STR("Pod"))->view.resource, "pods");
    assert_string_equal(owned_kinds_find(kinds, STR("networking.k8s.io/v1"), STR("Ingress"))->view.resource,
                        "ingresses.networking.k8s.io");
    assert_string_equal(
        owned_kinds_find(kinds, STR("networking.k8s.io/v1"), STR("NetworkPolicy"))->view.resource,
        "networkpolicies");
    assert_string_equal(owned_kinds_find(kinds, STR("v1"), STR("Endpoints"))->view.resource, "endpoints");
    assert_null(owned_kinds_find(kinds, STR("v1"), STR("Gadget")));
    owned_kinds_free(kinds);
}

/* ---- namespaces ---- */

#define NAMESPACE                                                                                          \
    "{apiVersion: v1, kind: Namespace, metadata: {name: foo, deletionTimestamp: '2026-01-01T00:00:00Z'}, " \
    "spec: {finalizers: [kubernetes]}}\n"

static void expect_for_namespace(const char *objects, const char *plan)
{
    expect_plan(&(struct given){.controller = namespaces, .namespace = "", .name = "foo", .objects = objects},
                plan);
}

static void what_is_in_a_namespace_goes_first(void **state)
{
    (void)state;
    expect_for_namespace(NAMESPACE "---\n{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: foo}}\n"
                                   "---\n{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: bar}}\n",
                         "{op: delete, resource: pods, name: a, namespace: foo, uid: uid-a}");
}

static void a_namespace_waits_for_what_is_being_deleted(void **state)
{
    (void)state;
    expect_for_namespace(NAMESPACE "---\n{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: foo, "
                                   "deletionTimestamp: '2026-01-01T00:00:00Z'}}\n",
                         "");
}

static void an_empty_namespace_is_let_go(void **state)
{
    (void)state;
    expect_for_namespace(NAMESPACE, "{op: patch, resource: namespaces, name: foo, uid: uid-foo, rv: '1', "
                                    "merge: {spec: {finalizers: []}}}");
}

static void a_namespace_that_stays_is_left_alone(void **state)
{
    (void)state;
    expect_for_namespace(
        "{apiVersion: v1, kind: Namespace, metadata: {name: foo}, spec: {finalizers: [kubernetes]}}", "");
}

/* ---- definitions of kinds ---- */

#define ENDING "deletionTimestamp: '2026-01-01T00:00:00Z', "
#define DEFINITION(name, more)                                                                          \
    "---\n{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: " name \
    ", creationTimestamp: '2020-01-01T00:00:00Z', " more                                                \
    "finalizers: [customresourcecleanup.apiextensions.k8s.io, example.com/wait]}}\n"
#define TAB(name, more) "---\n{apiVersion: x.io/v1, kind: Tab, metadata: {name: " name more "}}\n"

static void expect_of_definition(const char *name, const char *objects, const char *plan)
{
    expect_plan(&(struct given){.controller = definitions, .namespace = "", .name = name, .objects = objects},
                plan);
}

static void a_definition_that_is_deleted_takes_the_objects_of_its_kind_along(void **state)
{
    (void)state;
    expect_of_definition("tabs.x.io",
                         DEFINITION("tabs.x.io", ENDING) TAB("a", "") TAB("b", ", " ENDING "labels: {}"),
                         "---\n{op: delete, resource: tabs.x.io, name: a, namespace: default, uid: uid-a}\n");
}

static void a_definition_is_held_until_the_last_object_has_gone(void **state)
{
    (void)state;
    expect_of_definition("tabs.x.io", DEFINITION("tabs.x.io", ENDING) TAB("b", ", " ENDING "labels: {}"), "");
    expect_of_definition("tabs.x.io", DEFINITION("tabs.x.io", ENDING),
                         "---\n{op: patch, resource: customresourcedefinitions.apiextensions.k8s.io, name: "
                         "tabs.x.io, uid: uid-tabs.x.io, rv: '1', merge: {metadata: {finalizers: "
                         "[example.com/wait]}}}\n");
}

static void a_definition_that_stays_is_left_alone(void **state)
{
    (void)state;
    expect_of_definition("tabs.x.io", DEFINITION("tabs.x.io", "") TAB("a", ""), "");
}

int main(void)
{
    struct owned_kinds *kinds = owned_kinds_new(
        STR("pods\nreplicasets.apps\ntabs.x.io\ncustomresourcedefinitions.apiextensions.k8s.io\n"));
    definitions = definition_controller(kinds);
    gc = gc_controller(kinds);
    namespaces = namespace_controller(kinds);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_definition_that_is_deleted_takes_the_objects_of_its_kind_along),
        cmocka_unit_test(a_definition_is_held_until_the_last_object_has_gone),
        cmocka_unit_test(a_definition_that_stays_is_left_alone),
        cmocka_unit_test(an_object_whose_owner_is_gone_is_deleted),
        cmocka_unit_test(an_object_whose_owner_lives_stays),
        cmocka_unit_test(an_object_with_another_owner_only_forgets_the_one_that_is_gone),
        cmocka_unit_test(an_owner_that_may_only_not_have_been_read_is_read_first),
        cmocka_unit_test(an_owner_of_a_kind_that_nobody_knows_is_believed),
        cmocka_unit_test(an_owner_in_another_namespace_is_no_owner),
        cmocka_unit_test(foreground_deletes_dependents_and_then_lets_the_owner_go),
        cmocka_unit_test(orphan_lets_dependents_go_and_then_the_owner),
        cmocka_unit_test(kinds_are_found_by_what_manifests_say),
        cmocka_unit_test(what_is_in_a_namespace_goes_first),
        cmocka_unit_test(a_namespace_waits_for_what_is_being_deleted),
        cmocka_unit_test(an_empty_namespace_is_let_go),
        cmocka_unit_test(a_namespace_that_stays_is_left_alone),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    owned_kinds_free(kinds);
    return failed;
}
