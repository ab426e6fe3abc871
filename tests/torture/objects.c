/* Loads that make and remove objects: what is made for the first time is not there already, what is removed
 * was there. */
#include "tests/torture/torture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static void demand_gone(const char *path)
{
    demand(!exists(path), "%s is there after its rmdir", path);
    demand(rmdir(path) < 0 && errno == ENOENT, "rmdir %s went through twice", path);
}

/* mkdir, a field, a read, rmdir; every second time under the same name as before. */
void run_makers(int process)
{
    for (unsigned n = 0; going_on(); n++) {
        autobuf struct buf path = {0}, key = {0}, text = {0}, value = {0};
        buf_addf(&path, "%s/configmaps/made-%d-%u", tree, process, n / 2 % 1000);
        buf_addf(&key, "%s/data/key", path.at);
        buf_addf(&value, "%u", n);
        make_directory(path.at);
        demand(mkdir(path.at, 0755) < 0 && errno == EEXIST, "mkdir %s went through twice", path.at);
        put_file(key.at, buf_str(&value));
        read_whole(key.at, 4096, &text);
        demand(str_equal(buf_str(&text), buf_str(&value)), "wrote %s, read %s", value.at, text.at);
        demand(rmdir(path.at) == 0, "rmdir %s", path.at);
        demand_gone(path.at);
    }
}

/* As people do it: a manifest, and rm -r. */
void run_removers(int process)
{
    for (unsigned n = 0; going_on(); n++) {
        autobuf struct buf path = {0}, manifest = {0}, text = {0};
        buf_addf(&path, "%s/configmaps/removed-%d", tree, process);
        buf_addf(&text,
                 "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: removed-%d, labels: {a: b, c: d}}\n"
                 "data: {one: \"%u\", two: \"2\", three: \"3\"}\n",
                 process, n);
        buf_addf(&manifest, "%s/manifest.yaml", path.at);
        if (n % 2 == 0) {
            make_directory(path.at);
            put_file(manifest.at, buf_str(&text));
        } else {
            put_file(in_tree("apply"), buf_str(&text));
        }
        demand(exists(manifest.at), "%s is not there", manifest.at);
        run_program((const char *const[]){"rm", "-r", path.at, NULL});
        demand_gone(path.at);
    }
}
