/* Which container is meant, and which side of a copy is the pod's. */
#include "cli/target.h"

#include "cli/copy_places.h"
#include "lib/file.h"
#include "test.h"
#include <errno.h>

#define POD(more)                                                                                         \
    "{\"metadata\":{\"name\":\"web\",\"namespace\":\"team\",\"uid\":\"u1\"" more                          \
    "},\"spec\":{\"nodeName\":\"a\",\"initContainers\":[{\"name\":\"first\"}],\"containers\":[{\"name\":" \
    "\"app\"},"                                                                                           \
    "{\"name\":\"log\"}]}}"

static const char *choose(const char *pod, const char *container)
{
    static char said[256];
    autodoc struct doc *doc = doc_parse(str_of(pod), NULL);
    autotarget struct target target = {0};
    autofree char *others = NULL;
    autoerror struct error *error = NULL;
    assert_non_null(doc);
    if (target_choose(doc_root(doc), container, &target, &others, &error) < 0)
        snprintf(said, sizeof(said), "%s", error_message(error));
    else
        snprintf(said, sizeof(said), "%s %s %s %s|%s", target.uid, target.container, target.title,
                 target.node != NULL ? target.node : "-", others != NULL ? others : "");
    return said;
}

static void the_container_is_chosen_as_kubectl_does(void **state)
{
    (void)state;
    assert_string_equal(choose(POD(""), "log"), "u1 log team/web a|");
    assert_string_equal(choose(POD(""), "first"), "u1 first team/web a|");
    assert_string_equal(choose(POD(""), NULL),
                        "u1 app team/web a|Defaulted container \"app\" out of: app, log");
    assert_string_equal(
        choose(POD(",\"annotations\":{\"kubectl.kubernetes.io/default-container\":\"log\"}"), NULL),
        "u1 log team/web a|");
    assert_string_equal(choose(POD(""), "nosuch"), "the pod has no container nosuch: it has app, log");
    assert_string_equal(
        choose("{\"metadata\":{\"name\":\"web\",\"namespace\":\"team\",\"uid\":\"u1\"},\"spec\":"
               "{\"containers\":[{\"name\":\"only\"}]}}",
               NULL),
        "u1 only team/web -|");
}

static void the_pod_is_found_in_the_tree(void **state)
{
    (void)state;
    char mount[] = "/tmp/podtree-test.XXXXXX";
    assert_non_null(mkdtemp(mount));
    autofree char *pod = path_format("%s/namespaces/team/pods/web", mount);
    autofree char *file = path_format("%s/.json", pod), *below = path_format("%s/", pod);
    assert_int_equal(directory_make(pod, 0755, NULL), 0);
    assert_int_equal(file_write(file, STR(POD("")), 0644, NULL), 0);
    const char *const rows[][2] = {{"web", "team"},
                                   {"pods/web", "team"},
                                   {"pod/web", "team"},
                                   {"namespaces/team/pods/web", "default"},
                                   {below, "default"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        autotarget struct target target = {0};
        const struct target_wish wish = {rows[i][1], "app"};
        assert_int_equal(target_find(mount, rows[i][0], &wish, &target, NULL), 0);
        assert_string_equal(target.uid, "u1");
    }
    struct target target;
    const struct target_wish here = {"default", NULL}, there = {"team", NULL};
    assert_int_equal(target_find(mount, "web", &here, &target, NULL), -ENOENT);
    assert_int_equal(target_find(mount, "deployments/web", &there, &target, NULL), -EINVAL);
    assert_int_equal(target_find(mount, "pods/", &there, &target, NULL), -EINVAL);
    directory_remove(mount, NULL);
}

static const char *places(const char *from, const char *to)
{
    static char said[256];
    autoplaces struct copy_places found = {0};
    if (copy_places_parse(from, to, &found, NULL) < 0)
        return "refused";
    snprintf(said, sizeof(said), "%s %s %s %s", found.inwards ? "in" : "out", found.pod, found.there,
             found.here);
    return said;
}

static void one_side_of_a_copy_is_in_a_pod(void **state)
{
    (void)state;
    assert_string_equal(places("web:/etc/x", "."), "out web /etc/x .");
    assert_string_equal(places("x", "web:/etc/"), "in web /etc/ x");
    assert_string_equal(places("x", "team/web:y"), "in namespaces/team/pods/web y x");
    assert_string_equal(places("x", "pods/web:y"), "in pods/web y x");
    assert_string_equal(places("namespaces/team/pods/web:/a:b", "x"), "out namespaces/team/pods/web /a:b x");
    assert_string_equal(places("./a:b", "web:c"), "in web c ./a:b");
    assert_string_equal(places("/a:b", "web:c"), "in web c /a:b");
    assert_string_equal(places("a", "b"), "refused");
    assert_string_equal(places("a:b", "c:d"), "refused");
    assert_string_equal(places("a:", "c"), "refused");
    assert_string_equal(places(":b", "c"), "refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_container_is_chosen_as_kubectl_does),
        cmocka_unit_test(the_pod_is_found_in_the_tree),
        cmocka_unit_test(one_side_of_a_copy_is_in_a_pod),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
