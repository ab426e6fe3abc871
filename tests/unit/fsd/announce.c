#include "fsd/announce.h"
#include "fsd/txn_private.h"
#include "lib/notify.h"
#include "tests/unit/fsd/kinds.h"
#include "tests/unit/fsd/shared.h"

#include <sys/socket.h>

/* An announcer, the kernel's nodes around it, and the other end of its socket: the test is the notifier. */
struct scene {
    struct shared *shared;
    struct fsd fsd;
    struct txn txn;
    int notifier;
    int fsd_end;
    uint32_t directory; /* /configmaps, which the kernel holds, … */
    uint32_t all;       /* … as it does all/configmaps */
};

static void begin(struct scene *scene)
{
    struct fsd *fsd = &scene->fsd;
    fsd->memory = scene->shared->memory;
    fsd->nodes = nodes_new(fsd->memory);
    arena_ready(fsd->memory->arena);
    fsd->kinds = kinds;
    fsd->objects = objects_new(kinds);
    fsd->txn = &scene->txn;
    fsd->announcer = announcer_new(fsd, scene->fsd_end);
}

static void end(struct scene *scene)
{
    announcer_free(scene->fsd.announcer);
    objects_free(scene->fsd.objects);
    nodes_free(scene->fsd.nodes);
}

static int scene_make(void **state)
{
    struct scene *scene = memory_zeroed(1, sizeof(*scene));
    int ends[2];
    shared_make(state);
    scene->shared = *state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    scene->fsd_end = ends[0];
    scene->notifier = ends[1];
    begin(scene);
    struct nodes *nodes = scene->fsd.nodes;
    uint32_t namespaces = node_make(nodes, NODE_ROOT, STR("namespaces"));
    scene->directory = node_make(nodes, node_make(nodes, namespaces, STR("default")), STR("configmaps"));
    node_grant(nodes, namespaces);
    node_grant(nodes, node_find(nodes, namespaces, STR("default")));
    node_grant(nodes, scene->directory);
    uint32_t all = node_make(nodes, NODE_ROOT, STR("all"));
    scene->all = node_make(nodes, all, STR("configmaps"));
    node_grant(nodes, all);
    node_grant(nodes, scene->all);
    *state = scene;
    return 0;
}

static int scene_free(void **state)
{
    struct scene *scene = *state;
    void *shared = scene->shared;
    end(scene);
    close(scene->notifier);
    close(scene->fsd_end);
    free(scene);
    return shared_free(&shared);
}

/* A change of configmaps/<name> is published, in a batch of its own. */
static void change(struct scene *scene, const char *name, enum announce_what what)
{
    struct object object = {.kind = must_kind("configmaps"), .namespace = "default", .name = (char *)name};
    scene->txn.published++;
    announce_object(scene->fsd.announcer, &object, what);
}

/* The notifier answers; without a name, to what came first. */
static void say(const struct scene *scene, uint64_t number, enum notify_action action)
{
    struct notify_message message = {.number = number, .action = (uint8_t)action};
    size_t size = offsetof(struct notify_message, path) + 1;
    assert_int_equal(send(scene->notifier, &message, size, 0), size);
}

/* The next message to the notifier as "+web", "~web" or "-web", of links ">web" or "<web"; "" when there is
 * none.
 */
static char *next_message(const struct scene *scene, uint64_t *number)
{
    static const char signs[] = {[NOTIFY_MAKE_DIR] = '+',
                                 [NOTIFY_TOUCH] = '~',
                                 [NOTIFY_REMOVE_DIR] = '-',
                                 [NOTIFY_MAKE_LINK] = '>',
                                 [NOTIFY_REMOVE_LINK] = '<'};
    struct notify_message message;
    if (recv(scene->notifier, &message, sizeof(message), MSG_DONTWAIT) < 0)
        return strdup("");
    *number = message.number;
    struct buf text = {0};
    buf_addf(&text, "%c%s", signs[message.action], strrchr(message.path, '/') + 1);
    return buf_take(&text);
}

static uint64_t assert_said(const struct scene *scene, const char *wanted)
{
    uint64_t number = 0;
    announcer_turn(scene->fsd.announcer, true);
    autofree char *is = next_message(scene, &number);
    assert_string_equal(is, wanted);
    return number;
}

static enum announce_view view(const struct scene *scene, const char *name)
{
    return announcer_view(scene->fsd.announcer, scene->directory, str_of(name));
}

static int64_t announced(const struct scene *scene)
{
    return (int64_t)scene->fsd.memory->header->announced;
}

/* ---- what waits is coalesced ---- */

static void what_has_not_been_said_is_said_once(void **state)
{
    struct scene *scene = *state;
    enum { C = ANNOUNCE_CREATED, H = ANNOUNCE_CHANGED, G = ANNOUNCE_GONE };
    static const struct {
        int changes[4];
        size_t count;
        const char *said;
    } rows[] = {
        {{C}, 1, "+web"},    {{H}, 1, "~web"},       {{G}, 1, "-web"},       {{C, H, H}, 3, "+web"},
        {{H, H}, 2, "~web"}, {{H, G}, 2, "-web"},    {{C, G}, 2, ""},        {{C, H, G}, 3, ""},
        {{G, C}, 2, "~web"}, {{G, C, H}, 3, "~web"}, {{G, C, G}, 3, "-web"}, {{C, G, C}, 3, "+web"},
        {{H, C}, 2, "+web"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t c = 0; c < rows[i].count; c++)
            change(scene, "web", (enum announce_what)rows[i].changes[c]);
        uint64_t number = assert_said(scene, rows[i].said);
        assert_said(scene, "");
        if (rows[i].said[0] == '\0')
            continue;
        say(scene, number, NOTIFY_DONE);
        assert_said(scene, "");
    }
}

static void a_directory_that_the_kernel_does_not_know_hears_nothing(void **state)
{
    struct scene *scene = *state;
    node_forget(scene->fsd.nodes, scene->directory, 1);
    change(scene, "web", ANNOUNCE_CREATED);
    assert_said(scene, "");
}

static void only_a_window_of_them_is_on_its_way(void **state)
{
    struct scene *scene = *state;
    char name[16];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        change(scene, name, ANNOUNCE_CHANGED);
    }
    announcer_turn(scene->fsd.announcer, true);
    uint64_t number = 0, first = 0;
    size_t count = 0;
    for (;;) {
        autofree char *is = next_message(scene, &number);
        if (is[0] == '\0')
            break;
        first = first != 0 ? first : number;
        count++;
    }
    assert_in_range(count, 1, 64);
    say(scene, first, NOTIFY_DONE);
    snprintf(name, sizeof(name), "~n%zu", count);
    assert_said(scene, name);
    assert_said(scene, "");
}

/* ---- what is on its way ---- */

static void what_changes_meanwhile_is_said_afterwards(void **state)
{
    struct scene *scene = *state;
    change(scene, "web", ANNOUNCE_CREATED);
    uint64_t number = assert_said(scene, "+web");
    change(scene, "web", ANNOUNCE_CHANGED);
    change(scene, "web", ANNOUNCE_CHANGED);
    assert_said(scene, "");
    announcer_performed(scene->fsd.announcer, scene->directory, STR("web"), false);
    say(scene, number, NOTIFY_DONE);
    number = assert_said(scene, "~web");
    say(scene, number, NOTIFY_DONE);
    assert_said(scene, "");
    say(scene, number, NOTIFY_DONE); /* twice does no harm */
    assert_said(scene, "");
}

static void what_goes_while_it_is_announced_as_new_is_announced_as_gone(void **state)
{
    struct scene *scene = *state;
    change(scene, "web", ANNOUNCE_CREATED);
    uint64_t number = assert_said(scene, "+web");
    assert_int_equal(view(scene, "web"), VIEW_ABSENT);
    change(scene, "web", ANNOUNCE_GONE);
    assert_int_equal(view(scene, "web"), VIEW_DIRECTORY);
    announcer_performed(scene->fsd.announcer, scene->directory, STR("web"), false); /* its mkdir comes late */
    assert_int_equal(view(scene, "web"), VIEW_DIRECTORY);
    say(scene, number, NOTIFY_DONE);
    number = assert_said(scene, "-web");
    announcer_performed(scene->fsd.announcer, scene->directory, STR("web"), true);
    assert_int_equal(view(scene, "web"), VIEW_AS_IT_IS);
    say(scene, number, NOTIFY_DONE);
    assert_said(scene, "");
}

static void to_the_notifier_names_are_as_it_has_to_make_them(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(view(scene, "web"), VIEW_AS_IT_IS);
    change(scene, "web", ANNOUNCE_CHANGED);
    assert_int_equal(view(scene, "web"), VIEW_AS_IT_IS);
    change(scene, "new", ANNOUNCE_CREATED);
    assert_int_equal(view(scene, "new"), VIEW_ABSENT);
    announcer_performed(scene->fsd.announcer, scene->directory, STR("new"), false);
    assert_int_equal(view(scene, "new"), VIEW_AS_IT_IS);
    change(scene, "old", ANNOUNCE_GONE);
    assert_int_equal(view(scene, "old"), VIEW_DIRECTORY);
}

static void a_new_notifier_is_told_what_its_predecessor_did_not_finish(void **state)
{
    struct scene *scene = *state;
    change(scene, "a", ANNOUNCE_CHANGED);
    change(scene, "b", ANNOUNCE_CHANGED);
    uint64_t number = assert_said(scene, "~a");
    say(scene, number, NOTIFY_DONE);
    assert_said(scene, "~b");
    say(scene, 0, NOTIFY_HELLO);
    assert_said(scene, "~b");
    assert_said(scene, "");
}

/* ---- what raises its event by itself ---- */

static void what_somebody_does_himself_is_not_repeated(void **state)
{
    struct scene *scene = *state;
    struct announcer *announcer = scene->fsd.announcer;
    change(scene, "web", ANNOUNCE_CREATED);
    announcer_performed(announcer, scene->directory, STR("web"), false);
    assert_said(scene, "");
    change(scene, "web", ANNOUNCE_GONE);
    announcer_performed(announcer, scene->directory, STR("web"), true);
    assert_said(scene, "");
    assert_int_equal(announced(scene), scene->txn.published);
    /* A graceful end: it is there again. */
    change(scene, "web", ANNOUNCE_CHANGED);
    announcer_performed(announcer, scene->directory, STR("web"), true);
    change(scene, "web", ANNOUNCE_CREATED);
    assert_said(scene, "+web");
}

static void the_opposite_of_what_somebody_has_done_is_said(void **state)
{
    struct scene *scene = *state;
    change(scene, "web", ANNOUNCE_GONE); /* after his mkdir, and before it is answered */
    announcer_performed(scene->fsd.announcer, scene->directory, STR("web"), false);
    assert_said(scene, "-web");
}

static void what_is_done_while_it_is_announced_is_not_done_twice(void **state)
{
    struct scene *scene = *state;
    change(scene, "web", ANNOUNCE_GONE);
    uint64_t number = assert_said(scene, "-web");
    assert_int_equal(view(scene, "web"), VIEW_DIRECTORY);
    announcer_performed(scene->fsd.announcer, scene->directory, STR("web"), true);
    assert_int_equal(view(scene, "web"), VIEW_AS_IT_IS);
    say(scene, number, NOTIFY_DONE);
    assert_said(scene, "");
}

/* ---- links ---- */

static struct version *version_of(struct scene *scene, uint32_t flags)
{
    return version_new(must_kind("configmaps"), STR("{\"metadata\":{\"resourceVersion\":\""),
                       ++scene->txn.published, STR("\"}}"), VALUE_ABSENT, 1, flags, NULL);
}

/* Another version of it is published, and its links are announced. */
static void publish(struct scene *scene, struct object *object, uint32_t flags)
{
    struct version *before = version_hold(object->committed), *now = version_of(scene, flags);
    object_change(scene->fsd.objects, object, version_hold(now));
    object_publish(scene->fsd.objects, object, now);
    announce_links(scene->fsd.announcer, object, before, now);
    version_drop(before);
    version_drop(now);
}

static struct object *make(struct scene *scene, const char *name, uint32_t flags)
{
    return object_create(scene->fsd.objects, scene->txn.published + 1, must_kind("configmaps"),
                         STR("default"), str_of(name), STR("uid"), version_of(scene, flags));
}

static void assert_all_said(const struct scene *scene, const char *const *wanted)
{
    uint64_t number = 0;
    for (; *wanted != NULL; wanted++) {
        number = assert_said(scene, *wanted);
        say(scene, number, NOTIFY_DONE);
    }
    assert_said(scene, "");
}

static void links_in_all_come_change_and_go_with_their_object(void **state)
{
    struct scene *scene = *state;
    struct object *other = make(scene, "other", 0);
    publish(scene, other, 0);
    uint32_t directory = node_make(scene->fsd.nodes, scene->all, STR("default"));
    node_grant(scene->fsd.nodes, directory);
    assert_all_said(scene, (const char *[]){"+default", NULL});
    struct object *object = make(scene, "web", VERSION_DRAFT);
    publish(scene, object, VERSION_DRAFT);
    assert_all_said(scene, (const char *[]){NULL});
    publish(scene, object, 0);
    assert_all_said(scene, (const char *[]){">web", NULL});
    publish(scene, object, VERSION_TERMINATING);
    assert_all_said(scene, (const char *[]){"~web", NULL});
    publish(scene, object, VERSION_GONE);
    assert_all_said(scene, (const char *[]){"<web", NULL});
}

static void directories_in_all_come_with_the_first_link_and_go_with_the_last(void **state)
{
    struct scene *scene = *state;
    struct object *draft = make(scene, "draft", VERSION_DRAFT);
    publish(scene, draft, VERSION_DRAFT);
    assert_all_said(scene, (const char *[]){NULL});
    struct object *object = make(scene, "web", 0), *second = make(scene, "web-2", 0);
    publish(scene, object, 0);
    publish(scene, second, 0);
    assert_all_said(scene, (const char *[]){"+default", NULL});
    publish(scene, object, VERSION_GONE);
    assert_all_said(scene, (const char *[]){NULL});
    publish(scene, second, VERSION_GONE);
    assert_all_said(scene, (const char *[]){"-default", NULL});
}

static void where_nobody_has_looked_no_link_is_announced(void **state)
{
    struct scene *scene = *state;
    node_forget(scene->fsd.nodes, scene->all, 1);
    struct object *object = make(scene, "web", 0);
    publish(scene, object, 0);
    publish(scene, object, 0);
    publish(scene, object, VERSION_GONE);
    assert_said(scene, "");
}

/* ---- what a successor has to know ---- */

static void what_has_not_been_announced_is_known_after_a_kill(void **state)
{
    struct scene *scene = *state;
    scene->txn.published = 9;
    announcer_turn(scene->fsd.announcer, true);
    assert_int_equal(announced(scene), 9);
    /* A batch of versions 10 to 15, of which 12 is announced. */
    scene->txn.published = 14;
    change(scene, "web", ANNOUNCE_CHANGED);
    uint64_t number = assert_said(scene, "~web");
    assert_int_equal(announced(scene), 9);
    /* The next batch changes it again, and another one. */
    scene->txn.published = 19;
    change(scene, "web", ANNOUNCE_CHANGED);
    change(scene, "other", ANNOUNCE_CHANGED);
    uint64_t other = assert_said(scene, "~other");
    assert_int_equal(announced(scene), 9);
    say(scene, number, NOTIFY_DONE);
    number = assert_said(scene, "~web");
    assert_int_equal(announced(scene), 15); /* all of the first batch, nothing of the second */
    say(scene, other, NOTIFY_DONE);
    announcer_turn(scene->fsd.announcer, true);
    assert_int_equal(announced(scene), 15);
    say(scene, number, NOTIFY_DONE);
    announcer_turn(scene->fsd.announcer, true);
    assert_int_equal(announced(scene), 21);
}

static void a_successor_announces_what_is_later(void **state)
{
    struct scene *scene = *state;
    scene->txn.published = 5;
    announcer_turn(scene->fsd.announcer, true);
    uint32_t default_links = node_make(scene->fsd.nodes, scene->all, STR("default"));
    node_grant(scene->fsd.nodes, default_links);
    end(scene);
    shared_take_over(scene->shared);
    begin(scene);
    const struct kind *kind = must_kind("configmaps");
    const char *const names[] = {"said", "new", "dead"};
    for (int i = 0; i < 3; i++) {
        struct record record = {.version = 5 + i, .document = STR("{\"metadata\":{}}")};
        object_load(scene->fsd.objects, i + 1, kind, STR("default"), str_of(names[i]), STR("u"),
                    i < 2 ? version_from_record(kind, &record)
                          : version_tombstone(kind, record.document, record.version, 0));
    }
    scene->txn.published = 7;
    announcer_take_over(scene->fsd.announcer);
    static const char *const wanted[] = {"+new", "+default", ">new", "-dead", "<dead"};
    uint64_t numbers[COUNT(wanted)];
    for (size_t i = 0; i < COUNT(wanted); i++)
        numbers[i] = assert_said(scene, wanted[i]);
    assert_said(scene, "");
    assert_int_equal(announced(scene), 5);
    for (size_t i = 0; i < COUNT(wanted); i++)
        say(scene, numbers[i], NOTIFY_DONE);
    announcer_turn(scene->fsd.announcer, true);
    assert_int_equal(announced(scene), 7);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_make, scene_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(what_has_not_been_said_is_said_once),
        SCENE(a_directory_that_the_kernel_does_not_know_hears_nothing),
        SCENE(only_a_window_of_them_is_on_its_way),
        SCENE(what_changes_meanwhile_is_said_afterwards),
        SCENE(what_goes_while_it_is_announced_as_new_is_announced_as_gone),
        SCENE(to_the_notifier_names_are_as_it_has_to_make_them),
        SCENE(a_new_notifier_is_told_what_its_predecessor_did_not_finish),
        SCENE(what_somebody_does_himself_is_not_repeated),
        SCENE(the_opposite_of_what_somebody_has_done_is_said),
        SCENE(what_is_done_while_it_is_announced_is_not_done_twice),
        SCENE(links_in_all_come_change_and_go_with_their_object),
        SCENE(directories_in_all_come_with_the_first_link_and_go_with_the_last),
        SCENE(where_nobody_has_looked_no_link_is_announced),
        SCENE(what_has_not_been_announced_is_known_after_a_kill),
        SCENE(a_successor_announces_what_is_later),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
