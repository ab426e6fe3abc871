/* Loads that change values: exactly once, and what was acknowledged is what is read. */
#include "tests/torture/torture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a writer: a value after the other, as with echo ---- */

#define WRITTEN "deployments/written/minReadySeconds"

void prepare_writer(void)
{
    static const char manifest[] =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: written}\nspec:\n  replicas: 0\n"
        "  minReadySeconds: 1\n  progressDeadlineSeconds: 2147483647\n  selector: {matchLabels: {app: "
        "written}}\n"
        "  template:\n    metadata: {labels: {app: written}}\n"
        "    spec: {containers: [{name: main, image: none}]}\n";
    put_file(in_tree("apply"), str_of(manifest));
}

/* Each value differs from the one before, so that each is one change: the generation counts them. It begins
 * with 1, because a field that is 0 is not there. */
void run_writer(int process)
{
    (void)process;
    int64_t first = read_number(in_tree("deployments/written/metadata/generation")), value = 1;
    while (going_on()) {
        autobuf struct buf text = {0};
        buf_addf(&text, "%lld\n", (long long)++value);
        write_value(in_tree(WRITTEN), buf_str(&text));
        int64_t read = read_number(in_tree(WRITTEN));
        demand(read == value, "wrote %lld, read %lld", (long long)value, (long long)read);
    }
    wait_for_quiet();
    int64_t generation = read_number(in_tree("deployments/written/metadata/generation"));
    demand(generation == first + value - 1, "%lld changes made generation %lld of %lld", (long long)value - 1,
           (long long)generation, (long long)first);
    demand(read_number(in_tree(WRITTEN)) == value, "the last value is not %lld", (long long)value);
}

/* ---- counters: compare and set through .bulk ---- */

void prepare_counter(void)
{
    put_file(in_tree("apply"),
             STR("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: counter}\ndata: {n: \"0\"}\n"));
}

/* True when it was this one that counted. */
static bool count_up(void)
{
    autobuf struct buf text = {0}, request = {0}, result = {0};
    read_whole(in_tree("configmaps/counter/.json"), 65536, &text);
    autodoc struct doc *now = doc_parse(buf_str(&text), NULL);
    int64_t number;
    struct str version = value_str(value_at(doc_root(now), "metadata", "resourceVersion"));
    demand(now != NULL && str_to_int64(value_str(value_at(doc_root(now), "data", "n")), &number),
           "the counter reads as %s", text.at);
    buf_addf(&request,
             "{\"op\":\"patch\",\"name\":\"counter\",\"rv\":\"" STR_FORMAT
             "\",\"merge\":{\"data\":{\"n\":\"%lld\"}}}\n",
             STR_ARGS(version), (long long)number + 1);
    bulk(in_tree("configmaps/.bulk"), buf_str(&request), &result);
    if (str_starts(buf_str(&result), STR("{\"uid\"")))
        return true;
    demand(str_starts(buf_str(&result), STR("{\"error\":\"EAGAIN\"")), "counting was answered with %s",
           result.at);
    return false;
}

void run_counter(int process)
{
    (void)process;
    while (going_on())
        if (count_up())
            atomic_fetch_add(&torture->granted, 1);
    wait_for_quiet();
    int64_t count = read_number(in_tree("configmaps/counter/data/n"));
    demand(count == (int64_t)atomic_load(&torture->granted), "counted to %lld, acknowledged were %llu",
           (long long)count, (unsigned long long)atomic_load(&torture->granted));
}

/* ---- a manifest, half of it before a kill and half of it behind ---- */

void prepare_manifest(void)
{
    make_directory(in_tree("configmaps/half"));
}

void run_manifest(int process)
{
    (void)process;
    autofree char *path = strdup(in_tree("configmaps/half/manifest.yaml"));
    for (unsigned n = 0; going_on(); n++) {
        autobuf struct buf text = {0}, value = {0};
        buf_addf(&text, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: half}\ndata:\n  first: \"%u\"\n",
                 n);
        size_t half = text.length;
        buf_addf(&text, "  second: \"%u\"\n", n);
        int fd = open(path, O_WRONLY | O_TRUNC);
        demand(fd >= 0, "open %s", path);
        demand(write(fd, text.at, half) == (ssize_t)half, "write the first half");
        wait_for_kill();
        size_t rest = text.length - half;
        demand(write(fd, text.at + half, rest) == (ssize_t)rest, "write the second half");
        demand(close(fd) == 0, "close %s", path);
        for (int i = 0; i < 2; i++) {
            const char *key = i == 0 ? "first" : "second";
            int64_t read = read_number(in_tree("configmaps/half/data/%s", key));
            demand(read == n, "%s of manifest %u is %lld", key, n, (long long)read);
        }
    }
}

/* ---- contents put in place by renaming, as editors and sed -i do ---- */

void prepare_renames(void)
{
    for (int i = 0; i < 2; i++) {
        make_directory(in_tree("configmaps/renamed-%d", i));
        put_file(in_tree("configmaps/renamed-%d/data/text", i), STR("value 0\n"));
    }
}

static void rename_over(int process, unsigned n)
{
    autobuf struct buf text = {0};
    buf_addf(&text, "value %u\n", n);
    const char *scratch = in_tree("configmaps/renamed-%d/data/sed%06u", process, n % 1000000);
    const char *target = in_tree("configmaps/renamed-%d/data/text", process);
    int fd = open(scratch, O_WRONLY | O_CREAT | O_EXCL, 0600);
    demand(fd >= 0, "create %s", scratch);
    demand(fchmod(fd, 0644) == 0, "fchmod %s", scratch);
    demand(write(fd, text.at, text.length) == (ssize_t)text.length, "write to %s", scratch);
    demand(close(fd) == 0, "close %s", scratch);
    demand(rename(scratch, target) == 0, "rename %s", scratch);
    demand(!exists(scratch), "%s is there after the rename", scratch);
}

void run_renames(int process)
{
    autobuf struct buf expected = {0}, text = {0};
    for (unsigned n = 1; going_on(); n++) {
        if (n % 4 == 0) {
            autobuf struct buf command = {0};
            buf_addf(&command, "s/.*/value %u/", n);
            run_program((const char *const[]){"sed", "-i", command.at,
                                              in_tree("configmaps/renamed-%d/data/text", process), NULL});
        } else {
            rename_over(process, n);
        }
        buf_clear(&expected);
        buf_addf(&expected, "value %u\n", n);
        read_whole(in_tree("configmaps/renamed-%d/data/text", process), 4096, &text);
        demand(str_equal(buf_str(&text), buf_str(&expected)), "renamed \"%s\" into place, read \"%s\"",
               expected.at, text.at);
    }
}
