/* What pods are tortured: rows of a table, each with what has to become of it. */
#include "tests/torture/node.h"

#include "lib/clock.h"
#include "lib/file.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* For a pod to come to what it is for: pauses between attempts are of up to 40 s when it is hit again and
 * again. */
#define PATIENCE_MS 120000
/* For what is left of it to go. */
#define LEFT_MS    60000
#define NAME_MS    5000
#define LEFT_LATER 32

enum becomes {
    RUNS,
    SUCCEEDS,
    FAILS,
    CRASHES, /* nothing is expected of it */
};

/* A container says that it has begun in a line of /said/<uid>.<container>; what should not be goes into
 * /said/screams. */
#define BEGIN        "echo begun >>/said/$POD_UID.$CONTAINER; "
#define SERVE        "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"
#define EXPECT(what) what " || echo $POD_UID.$CONTAINER: " what " >>/said/screams; "
#define HOOK(name)   name ": {exec: {command: [sh, -c, 'echo >>/said/$POD_UID." name "']}}"

struct part {
    const char *name, *command;
    const char *more; /* of the container */
    bool first;       /* an init container */
};

static const struct scenario {
    const char *name;
    enum becomes becomes;
    bool once;    /* its container must not be run twice, whatever happens */
    bool volumes; /* of all sorts, at /disk, /memory and /config */
    const char *policy;
    struct part parts[4];
} scenarios[] = {
    {"plain", RUNS, .policy = "Always", .parts = {{"main", SERVE}}},
    {"deaf", RUNS, .policy = "Always", .parts = {{"main", "exec sleep 1000"}}},
    {"once", SUCCEEDS, .once = true, .policy = "Never", .parts = {{"main", "exit 0"}}},
    {"once-long", SUCCEEDS, .once = true, .policy = "Never", .parts = {{"main", "sleep 1"}}},
    {"once-failing", FAILS, .once = true, .policy = "Never", .parts = {{"main", "exit 3"}}},
    {"again", SUCCEEDS, .policy = "OnFailure",
     .parts = {{"main", "[ $(wc -l </said/$POD_UID.main) -ge 2 ]"}}},
    {"crashing", CRASHES, .policy = "Always", .parts = {{"main", "exit 1"}}},
    {"volumes", RUNS, .volumes = true, .policy = "Always",
     .parts = {{"first", "touch /disk/first /memory/first", .first = true},
               {"main", EXPECT("[ -e /disk/first ]") EXPECT("[ -e /memory/first ]")
                            EXPECT("grep -q text /config/key") SERVE}}},
    {"sidecar", RUNS, .policy = "Always",
     .parts = {{"first", "exit 0", .first = true},
               {"beside", SERVE, .more = ", restartPolicy: Always", .first = true},
               {"main", SERVE},
               {"other", SERVE}}},
    {"hooks", RUNS, .policy = "Always",
     .parts = {{"main", SERVE, .more = ", lifecycle: {" HOOK("postStart") ", " HOOK("preStop") "}"}}},
};

struct subject {
    const struct scenario *scenario;
    char name[32];
    char uid[64];
};

static char later[LEFT_LATER][64];
static unsigned later_count;

void prepare_pods(void)
{
    put_file(in_tree("apply"), STR("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tortured}\n"
                                   "data: {key: text}\n"));
}

/* ---- what the tree says ---- */

/* A file that may not be there, because it is not yet, or not any more. */
static bool says(const struct subject *subject, const char *path, const char *wanted)
{
    autobuf struct buf text = {0};
    return file_read(in_tree("pods/%s/%s", subject->name, path), &text, NULL) == 0 &&
           str_is(str_trim(buf_str(&text)), wanted);
}

static bool is_ready(const struct subject *subject)
{
    autofree char *others = path_format("%s/pods/%s/observed/containerStatuses/1", tree, subject->name);
    return says(subject, "observed/containerStatuses/0/ready", "true") &&
           (access(others, F_OK) < 0 || says(subject, "observed/containerStatuses/1/ready", "true"));
}

static bool is_over(const struct subject *subject)
{
    return says(subject, "observed/phase", "Succeeded") || says(subject, "observed/phase", "Failed");
}

static bool is_there(const struct subject *subject)
{
    return says(subject, "metadata/uid", subject->uid);
}

static bool is_what_it_is_for(const struct subject *subject)
{
    return subject->scenario->becomes == RUNS ? is_ready(subject) : is_over(subject);
}

static unsigned lines_said(const struct subject *subject, const char *container)
{
    autofree char *path = path_format("%s/%s.%s", node.said, subject->uid, container);
    autobuf struct buf text = {0};
    unsigned lines = 0;
    file_read(path, &text, NULL);
    for (size_t i = 0; i < text.length; i++)
        lines += text.at[i] == '\n';
    return lines;
}

/* Why it is not what it should be. */
__attribute__((noreturn)) static void fail_with(const struct subject *subject, const char *what)
{
    autobuf struct buf text = {0};
    (void)file_read(in_tree("pods/%s/manifest.yaml", subject->name), &text, NULL);
    fprintf(stderr, "torture: %s pod %s (%s): %s\n%s\n", subject->scenario->name, subject->name, subject->uid,
            what, text.length > 0 ? text.at : "(it is not in the tree)");
    errno = 0;
    fail("torture: that was pod %s", subject->name);
}

/* ---- from beginning to end ---- */

static void add_parts(struct buf *yaml, const struct scenario *scenario, bool first)
{
    buf_addf(yaml, "  %s:\n", first ? "initContainers" : "containers");
    for (const struct part *part = scenario->parts; part < scenario->parts + 4 && part->name != NULL; part++)
        if (part->first == first)
            buf_addf(
                yaml,
                "  - {name: %s, image: \"podtree/demo:1\", command: [sh, -c, \"" BEGIN "%s\"], env: [{name: "
                "CONTAINER, value: %s}, {name: TORTURE, value: %s}, {name: POD_UID, valueFrom: {fieldRef: "
                "{fieldPath: metadata.uid}}}], "
                "volumeMounts: [{name: said, mountPath: /said}%s]%s}\n",
                part->name, part->command, part->name, node.token,
                scenario->volumes ? ", {name: disk, mountPath: /disk}, {name: memory, mountPath: /memory}, "
                                    "{name: config, mountPath: /config}"
                                  : "",
                part->more != NULL ? part->more : "");
}

/* The name may lead to the one who had it before for a moment still, who is gone. */
static void learn_uid(struct subject *subject)
{
    int64_t until = clock_ms() + NAME_MS;
    autobuf struct buf uid = {0};
    while (file_read(in_tree("pods/%s/metadata/uid", subject->name), &uid, NULL) < 0 ||
           str_is(str_trim(buf_str(&uid)), subject->uid)) {
        demand(clock_ms() < until, "the uid of pod %s can't be read", subject->name);
        buf_clear(&uid);
        nap(1000);
    }
    snprintf(subject->uid, sizeof(subject->uid), STR_FORMAT, STR_ARGS(str_trim(buf_str(&uid))));
}

static void make(struct subject *subject)
{
    const struct scenario *scenario = subject->scenario;
    autobuf struct buf yaml = {0};
    buf_addf(&yaml,
             "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec:\n  nodeName: " NODE_NAME "\n"
             "  restartPolicy: %s\n  terminationGracePeriodSeconds: %u\n"
             "  volumes:\n  - {name: said, hostPath: {path: %s}}\n",
             subject->name, scenario->policy, random_below(3), node.said);
    if (scenario->volumes)
        buf_addf(&yaml, "  - {name: disk, emptyDir: {}}\n  - {name: memory, emptyDir: {medium: Memory}}\n"
                        "  - {name: config, configMap: {name: tortured}}\n");
    if (scenario->parts[0].first)
        add_parts(&yaml, scenario, true);
    add_parts(&yaml, scenario, false);
    put_file(in_tree("apply"), buf_str(&yaml));
    learn_uid(subject);
}

/* What is hit again and again needs longer pauses than anybody can wait for; what is left in peace doesn't.
 */
static bool may_give_up(const struct subject *subject)
{
    return !node.strict && (going_on() || says(subject, "observed/containerStatuses/0/state/waiting/reason",
                                               "CrashLoopBackOff"));
}

static void wait_for_what_it_is_for(const struct subject *subject)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    for (bool peaceful = false; !is_what_it_is_for(subject); nap(20000)) {
        if (!peaceful && !going_on()) {
            peaceful = true;
            until = clock_ms() + PATIENCE_MS;
        }
        if (clock_ms() > until && may_give_up(subject))
            return;
        if (clock_ms() > until)
            fail_with(subject, "does not become what it should");
    }
    if (subject->scenario->becomes == RUNS || !node.strict)
        return;
    if (says(subject, "observed/phase", "Failed") != (subject->scenario->becomes == FAILS))
        fail_with(subject, "has ended otherwise than its container");
}

static void wait_for_nothing_left(const char *uid)
{
    autobuf struct buf what = {0};
    int64_t until = clock_ms() + LEFT_MS;
    while (look_for_remains(uid, &what)) {
        demand(clock_ms() < until, "torture: of pod %s there is left: %s", uid, what.at);
        nap(50000);
    }
}

static void wait_for_going(const struct subject *subject)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    for (int looks = 0; looks < 2; looks = is_there(subject) ? 0 : looks + 1) {
        if (clock_ms() > until)
            fail_with(subject, "does not go");
        nap(5000);
    }
}

static void remove_gently(const struct subject *subject)
{
    (void)rmdir(in_tree("pods/%s", subject->name));
    wait_for_going(subject);
}

/* Its name is free at once, whatever there still is of it. */
static void remove_by_force(const struct subject *subject)
{
    write_value(in_tree("pods/%s/ctl", subject->name), STR("force\n"));
    wait_for_going(subject);
    if (later_count < LEFT_LATER)
        snprintf(later[later_count++], sizeof(later[0]), "%s", subject->uid);
}

static void wait_for_those_left(void)
{
    for (unsigned i = 0; i < later_count; i++)
        wait_for_nothing_left(later[i]);
    later_count = 0;
}

static void live(struct subject *subject)
{
    bool hasty = random_below(3) == 0 || subject->scenario->becomes == CRASHES;
    make(subject);
    atomic_fetch_add(&torture->done[0], 1);
    if (hasty)
        nap(random_below(700000));
    else
        wait_for_what_it_is_for(subject);
    if (subject->scenario->becomes == RUNS && !hasty && random_below(2) == 0) {
        nap(random_below(999999));
        wait_for_what_it_is_for(subject); /* still, or again */
    }
    if (subject->scenario->once && lines_said(subject, "main") > 1)
        fail_with(subject, "was run twice");
    if (subject->scenario->once && node.strict && !hasty && lines_said(subject, "main") == 0)
        fail_with(subject, "has ended without having been run");
    if (random_below(3) == 0) {
        remove_by_force(subject);
    } else {
        remove_gently(subject);
        wait_for_nothing_left(subject->uid);
    }
    if (later_count == LEFT_LATER)
        wait_for_those_left();
    if (subject->scenario->once && lines_said(subject, "main") > 1)
        fail_with(subject, "was run twice");
}

void run_pods(int slot)
{
    struct subject subject = {0};
    while (going_on()) {
        subject.scenario = &scenarios[random_below(COUNT(scenarios))];
        /* Often the same name again at once. */
        if (subject.name[0] == '\0' || random_below(4) == 0)
            snprintf(subject.name, sizeof(subject.name), "%s-%d-%u", node.token, slot, random_below(1000));
        live(&subject);
    }
    wait_for_those_left();
}
