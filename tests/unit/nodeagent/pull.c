/* Images from a registry: one of our own on loopback, with TLS and a password, that Debian's docker-registry
 * serves. */
#include "lib/file.h"
#include "lib/process.h"
#include "nodeagent/image.h"
#include "nodeagent/import.h"
#include "nodeagent/puller.h"
#include "tests/unit/lib/test.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

static char directory[64]; /* of all tests: the registry, what was pushed, and its password */
static char registry[32];  /* 127.0.0.1:12345 */
static char state[128];    /* of one test */
static char *authfile;
static struct loop *registry_loop;
static struct process *registry_process;
static bool may_run, stopping;

/* Runs a script in the directory, with $registry. */
static bool shell_does(const char *script, struct buf *output)
{
    const char *const argv[] = {"sh", "-euc", script, NULL};
    struct process_plan plan = {.argv = argv, .directory = directory};
    autoerror struct error *error = NULL;
    if (process_run(&plan, output, &error) == 0)
        return true;
    print_error("%s: %s\n", script, error_message(error));
    return false;
}

static void shell(const char *script)
{
    assert_true(shell_does(script, NULL));
}

static char *shell_says(const char *script)
{
    autobuf struct buf output = {0};
    assert_true(shell_does(script, &output));
    return str_dup(str_trim(buf_str(&output)));
}

/* ---- the registry ---- */

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* One that nobody has just now. */
static int free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof(address);
    autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, length) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return -1;
    return ntohs(address.sin_port);
}

static bool answers(int port)
{
    struct sockaddr_in address = loopback(port);
    autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static void on_registry_ended(void *context, const struct process_result *result)
{
    bool expected = *(bool *)context;
    registry_process = NULL;
    if (!expected)
        print_error("the registry has ended: " STR_FORMAT "\n", STR_ARGS(result->complaints));
}

/* The password is "secret". */
#define MAKE_REGISTRY                                                                            \
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem " \
    "-out cert.pem -days 3 -subj /CN=registry -addext subjectAltName=IP:127.0.0.1 2>/dev/null\n" \
    "echo 'ann:$2y$05$podtreepodtreepodtreee7h1x96RYdnH6uwMdY76POAPjeKCMVjO' >passwords\n"       \
    "cat >config.yml <<TEXT\n"                                                                   \
    "version: 0.1\n"                                                                             \
    "log: {level: error, accesslog: {disabled: true}}\n"                                         \
    "storage: {filesystem: {rootdirectory: $PWD/registry}}\n"                                    \
    "http: {addr: $registry, secret: x, tls: {certificate: $PWD/cert.pem, key: $PWD/key.pem}}\n" \
    "auth: {htpasswd: {realm: here, path: $PWD/passwords}}\n"                                    \
    "TEXT\n"                                                                                     \
    "mkdir certificates; cp cert.pem certificates/ca.crt\n"                                      \
    "echo '{\"auths\":{\"'$registry'\":{\"auth\":\"'$(printf ann:secret | base64)'\"}}}' >auth.json\n"

/* Two images of which the second has a layer more, once in Docker's form; and a list of both, for this
 * machine and for one that there isn't. */
#define MAKE_IMAGES                                                                                     \
    "umoci init --layout oci; umoci new --image oci:base; umoci unpack --image oci:base bundle\n"       \
    "echo 1 >bundle/rootfs/kept; umoci repack --image oci:base bundle; rm -r bundle\n"                  \
    "umoci unpack --image oci:base bundle; echo 2 >bundle/rootfs/added\n"                               \
    "umoci repack --image oci:app bundle; umoci config --image oci:app --config.cmd /bin/serve\n"       \
    "umoci config --image oci:base --tag foreign --architecture s390x\n"                                \
    "push() { skopeo --insecure-policy copy -q --dest-cert-dir certificates --dest-authfile auth.json " \
    "\"$@\"; }\n"                                                                                       \
    "push oci:oci:foreign docker://$registry/team/foreign:1; umoci rm --image oci:foreign\n"            \
    "list=$(jq -c --arg this $(dpkg --print-architecture) '{schemaVersion: 2, mediaType: "              \
    "\"application/vnd.oci.image.index.v1+json\", manifests: (.manifests | map({mediaType, digest, "    \
    "size, platform: {os: \"linux\", architecture: (if .annotations[\"org.opencontainers.image.ref."    \
    "name\"] == \"base\" then $this else \"none\" end)}}))}' oci/index.json)\n"                         \
    "digest=$(printf %s \"$list\" | sha256sum | cut -c 1-64)\n"                                         \
    "printf %s \"$list\" >oci/blobs/sha256/$digest; echo sha256:$digest >list.digest\n"                 \
    "jq --arg digest sha256:$digest --arg size ${#list} '.manifests += [{mediaType: "                   \
    "\"application/vnd.oci.image.index.v1+json\", digest: $digest, size: ($size | tonumber), "          \
    "annotations: {\"org.opencontainers.image.ref.name\": \"list\"}}]' oci/index.json >new.json\n"      \
    "mv new.json oci/index.json\n"                                                                      \
    "push oci:oci:base docker://$registry/team/base:1\n"                                                \
    "push --format v2s2 oci:oci:app docker://$registry/team/app:1\n"                                    \
    "push --all oci:oci:list docker://$registry/team/list:1\n"

static bool all_is_there(void)
{
    if (geteuid() == 0 &&
        shell_does("for p in docker-registry skopeo umoci jq openssl; do command -v $p; done >/dev/null",
                   NULL))
        return true;
    print_message("skipped: needs root, docker-registry, skopeo, umoci, jq and openssl\n");
    return false;
}

static int start_registry(void **unused)
{
    (void)unused;
    strcpy(directory, "/tmp/podtree-test.XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    may_run = all_is_there();
    if (!may_run)
        return 0;
    int port = free_port();
    snprintf(registry, sizeof(registry), "127.0.0.1:%d", port);
    setenv("registry", registry, 1);
    authfile = path_format("%s/auth.json", directory);
    registry_loop = loop_new(NULL);
    if (!shell_does(MAKE_REGISTRY, NULL))
        return -1;
    const char *const argv[] = {"docker-registry", "serve", "config.yml", NULL};
    struct process_plan plan = {.argv = argv, .directory = directory};
    registry_process = process_start(registry_loop, &plan, on_registry_ended, &stopping, NULL);
    while (registry_process != NULL && !answers(port))
        loop_turn(registry_loop, 10, NULL);
    return registry_process != NULL && shell_does(MAKE_IMAGES, NULL) ? 0 : -1;
}

static int stop_registry(void **unused)
{
    (void)unused;
    stopping = true;
    if (registry_process != NULL)
        process_signal(registry_process, SIGKILL);
    while (registry_process != NULL)
        loop_turn(registry_loop, -1, NULL);
    loop_free(registry_loop);
    free(authfile);
    return directory_remove(directory, NULL);
}

/* ---- a store ---- */

static int setup(void **unused)
{
    static int number;
    (void)unused;
    snprintf(state, sizeof(state), "%s/state.%d", directory, ++number);
    setenv("state", state, 1);
    if (may_run)
        shell("mkdir -p $state/registries; ln -s $PWD/certificates $state/registries/$registry");
    return 0;
}

/* registry/NAME (to be freed) */
static char *full(const char *name)
{
    return path_format("%s/%s", registry, name);
}

static int pull(const char *name, const char *passwords, struct error **err)
{
    autofree char *there = full(name);
    struct fetch_options options = {.authfile = passwords};
    autofree char *normal = import_pull(state, there, &options, err);
    return normal != NULL ? 0 : -EIO;
}

static void must_pull(const char *name)
{
    autoerror struct error *error = NULL;
    if (pull(name, authfile, &error) < 0)
        fail_msg("%s: %s", name, error_message(error));
}

static struct doc *must_find(const char *name)
{
    autofree char *there = full(name);
    struct doc *image = image_find(state, there, NULL);
    assert_non_null(image);
    return image;
}

static void assert_reference(const char *name, const char *repository, const char *digest)
{
    autodoc struct doc *image = must_find(name);
    autofree char *reference = image_reference(doc_root(image));
    autofree char *expected = path_format("%s/%s@%s", registry, repository, digest);
    assert_string_equal(reference, expected);
}

/* How many layers the store has. */
static void assert_layers(int count)
{
    autofree char *found = shell_says("ls $state/images/layers | wc -l");
    assert_int_equal(atoi(found), count);
    shell("test -z \"$(ls $state/images/scratch)\"");
}

static void assert_complains(const char *name, const char *passwords, const char *part)
{
    autoerror struct error *error = NULL;
    assert_int_equal(pull(name, passwords, &error), -EIO);
    if (strstr(error_message(error), part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, error_message(error));
    shell("test -z \"$(ls $state/images/scratch $state/images/names | grep -v :)\"");
}

/* base:1, and nothing else. */
static void assert_base(void)
{
    assert_layers(1);
    shell("grep -qx 1 $state/images/layers/*/kept");
    autofree char *digest = shell_says("jq -r '.manifests[0].digest' oci/index.json");
    assert_reference("team/base:1", "team/base", digest);
    autodoc struct doc *image = must_find("team/base:1");
    autofree char *size =
        shell_says("m=$(jq -r '.manifests[0].digest' oci/index.json); jq '[.config.size, .layers[].size] | "
                   "add' oci/blobs/sha256/${m#sha256:}");
    assert_int_equal(value_int_or(value_at(doc_root(image), "size"), 0), atoi(size));
}

static void assert_list(const char *name)
{
    autofree char *digest = shell_says("cat list.digest");
    autofree char *pulled = path_format("%s%s", name, strchr(name, '@') != NULL ? digest : "");
    must_pull(pulled);
    assert_reference(pulled, "team/list", digest);
}

static void test_without_password_or_certificate_the_reason_is_said(void **unused)
{
    (void)unused;
    if (!may_run)
        return;
    shell("echo '{\"auths\":{}}' >none.json");
    autofree char *none = path_format("%s/none.json", directory);
    assert_complains("team/base:1", none, "unauthorized: authentication required");
    assert_complains("team/nosuch:1", authfile, "manifest unknown");
    assert_complains("team/foreign:1", authfile, "the image is for s390x processors");
    assert_complains("team/base@sha256:0000000000000000000000000000000000000000000000000000000000000000",
                     authfile, "manifest unknown");
    shell("rm $state/registries/*");
    assert_complains("team/base:1", authfile, "certificate signed by unknown authority");
}

static void test_what_is_here_is_not_sent_again(void **unused)
{
    (void)unused;
    if (!may_run)
        return;
    must_pull("team/base:1");
    assert_base();
    /* The registry no longer has the layer that both share: it can't come from there. */
    shell(
        "m=$(jq -r '.manifests[0].digest' oci/index.json); layer=$(jq -r '.layers[0].digest' "
        "oci/blobs/sha256/${m#sha256:}); layer=${layer#sha256:}; blobs=registry/docker/registry/v2/blobs; "
        "mv $blobs/sha256/${layer%${layer#??}}/$layer hidden; ln -sf $PWD/$blobs/sha256/${layer%${layer#??}}/"
        "$layer where");
    must_pull("team/app:1");
    assert_layers(2);
    must_pull("team/base:1");
    /* For this machine it is the same image as base, but the name stands for the list. */
    assert_list("team/list:1");
    shell("f=$(ls $state/images/names/*list:1.json); jq -c '.imported = \"2020-01-01T00:00:00Z\"' $f >j; mv "
          "j $f");
    assert_list("team/list:1"); /* nothing new: it has been here since then */
    autodoc struct doc *list = must_find("team/list:1");
    assert_true(value_is(value_at(doc_root(list), "imported"), "2020-01-01T00:00:00Z"));
    assert_list("team/list@");
    shell("! grep -q 2020-01-01 $state/images/names/*list@*.json");
    assert_list("team/list:whatever@");
    assert_layers(2);
    shell("mv hidden $(readlink where)");
    autodoc struct doc *image = must_find("team/app:1");
    assert_int_equal(value_count(value_at(doc_root(image), "layers")), 2);
    assert_json(value_at(doc_root(image), "config", "Cmd"), "[\"/bin/serve\"]");
}

/* ---- the agent's puller ---- */

struct listening {
    struct loop *loop;
    struct puller *puller;
    int done, failed, told;
    char complaint[256];
};

static void on_progress(void *context, const char *sentence)
{
    struct listening *listening = context;
    listening->told += *sentence != '\0';
}

static void on_done(void *context, const struct pull_result *result)
{
    struct listening *listening = context;
    listening->done++;
    listening->failed += result->complaint != NULL;
    assert_true(result->waited_ms >= result->took_ms);
    snprintf(listening->complaint, sizeof(listening->complaint), "%s",
             result->complaint != NULL ? result->complaint : "");
}

static char run[160];
static struct place place = {.state = state, .run = run};

static void open_puller(struct listening *listening, int parallel)
{
    snprintf(run, sizeof(run), "%s/run", state);
    free(place.image);
    place.image = realpath("libexec/podtree/podtree-image", NULL);
    assert_non_null(place.image);
    struct puller_options options = {.place = &place, .parallel = parallel, .progress_ms = 1};
    *listening = (struct listening){.loop = loop_new(NULL)};
    listening->puller = puller_new(listening->loop, &options, NULL);
    assert_non_null(listening->puller);
}

static void close_puller(struct listening *listening)
{
    puller_free(listening->puller);
    loop_free(listening->loop);
    shell("test -z \"$(ls $state/run/pulls)\"");
    free(take_pointer(place.image));
}

static struct pull *begin(struct listening *listening, const char *name, const char *secrets)
{
    autofree char *there = full(name);
    autodoc struct doc *doc = must_parse(secrets);
    struct pull_listener listener = {on_progress, on_done, listening};
    return puller_pull(listening->puller, there, doc_root(doc), &listener);
}

static void wait_for(struct listening *listening, int done)
{
    while (listening->done < done)
        assert_int_equal(loop_turn(listening->loop, -1, NULL), 0);
}

/* {"files":[…]} with these passwords, in base64. */
static char *secrets_of(const char *first, const char *second)
{
    return path_format(
        "{\"files\":[{\"auths\":{\"%s\":{\"auth\":\"%s\"}}},{\"auths\":{\"%s\":{\"auth\":\"%s\"}}}]}",
        registry, first, registry, second);
}

#define RIGHT "YW5uOnNlY3JldA==" /* ann:secret */
#define WRONG "YW5uOndyb25n"     /* ann:wrong */

static void test_who_needs_the_same_image_waits_for_one_pull(void **unused)
{
    (void)unused;
    if (!may_run)
        return;
    struct listening listening;
    open_puller(&listening, 1);
    autofree char *secrets = secrets_of(WRONG, RIGHT);
    begin(&listening, "team/app:1", secrets);
    begin(&listening, "team/app:1", secrets);
    begin(&listening, "team/app:1", "{\"files\":[]}"); /* who has no password gets nothing by another's */
    struct pull *unwanted = begin(&listening, "team/base:1", secrets);
    pull_forget(unwanted);
    assert_int_equal(listening.done, 0);
    wait_for(&listening, 2);
    assert_int_equal(listening.failed, 0);
    assert_true(listening.told > 0);
    wait_for(&listening, 3);
    assert_int_equal(listening.failed, 1);
    assert_non_null(strstr(listening.complaint, "unauthorized"));
    doc_free(must_find("team/app:1"));
    autofree char *base = full("team/base:1");
    assert_null(image_find(state, base, NULL));
    close_puller(&listening);
}

static void test_a_pull_that_is_cut_short_leaves_nothing_half(void **unused)
{
    (void)unused;
    if (!may_run)
        return;
    struct listening listening;
    autofree char *secrets = secrets_of(RIGHT, RIGHT);
    open_puller(&listening, 1);
    begin(&listening, "team/app:1", secrets);
    while (listening.told == 0)
        assert_int_equal(loop_turn(listening.loop, -1, NULL), 0);
    close_puller(&listening);
    /* Those that were killed have let go of their directories in a moment. */
    shell("for left in $state/images/scratch/*; do flock $left true; done");
    shell("test -z \"$(ls $state/images/names $state/images/layers 2>/dev/null | grep -v :)\"");
    must_pull("team/app:1");
    assert_layers(2);
    /* When the name comes to stand for something else, what nobody needs goes. */
    shell("mkdir $state/images/layers/nobodys; name=$(echo $state/images/names/*app*); "
          "sed 's/\"digest\":\"sha256:..../\"digest\":\"sha256:0000/' $name >there; mv there $name");
    must_pull("team/app:1");
    assert_layers(2);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup(test, setup)
    const struct CMUnitTest tests[] = {
        ROW(test_without_password_or_certificate_the_reason_is_said),
        ROW(test_what_is_here_is_not_sent_again),
        ROW(test_who_needs_the_same_image_waits_for_one_pull),
        ROW(test_a_pull_that_is_cut_short_leaves_nothing_half),
    };
    return cmocka_run_group_tests(tests, start_registry, stop_registry);
}
