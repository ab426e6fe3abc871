#include "cli/deployment.h"

#include "test.h"

static void expect_refusal(struct deployment_wish wish, const char *piece)
{
    autoerror struct error *err = NULL;
    assert_int_equal(deployment_check(&wish, &err), -EINVAL);
    if (strstr(error_message(err), piece) == NULL)
        fail_msg("%s does not say %s", error_message(err), piece);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    expect_refusal((struct deployment_wish){.name = "Web", .image = "a"}, "Web is no name");
    expect_refusal((struct deployment_wish){.name = "", .image = "a"}, "is no name");
    expect_refusal((struct deployment_wish){.name = "-web", .image = "a"}, "-web is no name");
    expect_refusal((struct deployment_wish){.name = "web-", .image = "a"}, "web- is no name");
    expect_refusal((struct deployment_wish){.name = "a/b", .image = "a"}, "a/b is no name");
    expect_refusal((struct deployment_wish){.name = "web"}, "--image is missing");
    expect_refusal((struct deployment_wish){.name = "web", .image = "a b"}, "white space");
    expect_refusal((struct deployment_wish){.name = "web", .image = "a", .port = 65536}, "not 65536");
    expect_refusal((struct deployment_wish){.name = "web", .image = "a", .replicas = 1L << 31}, "too much");
}

static void good_arguments_are_taken(void **state)
{
    (void)state;
    const struct deployment_wish wish = {.name = "0-web-9", .image = "a", .replicas = 0, .port = 65535};
    assert_int_equal(deployment_check(&wish, NULL), 0);
}

static void the_manifest_is_a_deployment(void **state)
{
    (void)state;
    char sleep[] = "sleep", seconds[] = "10";
    char *command[] = {sleep, seconds};
    const struct deployment_wish wish = {
        .name = "web", .image = "demo:1", .replicas = 3, .port = 80, .command = command, .command_count = 2};
    autobuf struct buf text = {0};
    deployment_write(&wish, &text);
    assert_string_equal(
        text.at,
        "{\"apiVersion\":\"apps/"
        "v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\",\"labels\":{\"app\":"
        "\"web\"}},\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"app\":\"web\"}},\"template\":{"
        "\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":"
        "\"demo:1\",\"command\":[\"sleep\",\"10\"],\"ports\":[{\"containerPort\":80}]}]}}}}");
}

static void what_was_not_said_is_not_written(void **state)
{
    (void)state;
    const struct deployment_wish wish = {.name = "web", .image = "demo:1", .replicas = 1};
    autobuf struct buf text = {0};
    deployment_write(&wish, &text);
    assert_null(strstr(text.at, "command"));
    assert_null(strstr(text.at, "ports"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(good_arguments_are_taken),
        cmocka_unit_test(the_manifest_is_a_deployment),
        cmocka_unit_test(what_was_not_said_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
