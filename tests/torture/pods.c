/* A load for the control loops: a deployment that is scaled up and down. */
#include "tests/torture/torture.h"

#include "lib/clock.h"
#include <dirent.h>

#define SETTLE_MS 30000

void prepare_scaler(void)
{
    static const char manifest[] =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: scaled}\nspec:\n  replicas: 1\n"
        "  selector: {matchLabels: {app: scaled}}\n  template:\n    metadata: {labels: {app: scaled}}\n"
        "    spec: {containers: [{name: main, image: none}]}\n";
    put_file(in_tree("apply"), str_of(manifest));
}

static unsigned count_pods(void)
{
    unsigned count = 0;
    DIR *directory = opendir(in_tree("pods/"));
    demand(directory != NULL, "opendir of pods");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    demand(closedir(directory) == 0, "closedir");
    return count;
}

static int64_t ready(void)
{
    const char *path = in_tree("deployments/scaled/observed/readyReplicas");
    return exists(path) ? read_number(path) : 0;
}

void run_scaler(int process)
{
    (void)process;
    unsigned wanted = 1;
    while (going_on()) {
        wanted = 1 + random_below(20);
        autobuf struct buf text = {0};
        buf_addf(&text, "%u\n", wanted);
        write_value(in_tree("deployments/scaled/replicas"), buf_str(&text));
        nap(50000 + random_below(200000));
    }
    wait_for_quiet();
    int64_t until = clock_ms() + SETTLE_MS;
    while ((count_pods() != wanted || ready() != wanted) && clock_ms() < until)
        nap(20000);
    demand(count_pods() == wanted && ready() == wanted, "wanted %u pods, there are %u, ready are %lld",
           wanted, count_pods(), (long long)ready());
}
