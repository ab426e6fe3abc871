/* podtree top: what nodes and pods use, as kubectl top prints it. */
#include "cli/command.h"
#include "cli/settings.h"
#include "cli/usage.h"
#include "lib/file.h"
#include <errno.h>
#include <stdio.h>

static struct doc *read_list(const char *mount, const char *directory, struct error **err)
{
    autofree char *path = path_format("%s/%s/.json", mount, directory);
    return doc_read(path, err);
}

int command_top(int argc, char **argv, struct error **err)
{
    struct directories directories = directories_default();
    const char *namespace = "default";
    bool all = false, containers = false;
    const struct option_row options[] = {
        OPTION_NAMESPACE(namespace, "of which (default)"),
        {.name = "all-namespaces", .letter = 'A', .help = "of all", .flag = &all},
        {.name = "containers", .help = "each container for itself", .flag = &containers},
        OPTION_MOUNT(directories),
        {0},
    };
    const struct usage usage = {
        .synopsis = "podtree top nodes|pods [-n NS] [-A] [--containers]",
        .about =
            "Prints what nodes or pods use: processor time of the last quarter of a minute, and memory.\n",
        .options = options,
        .least = 1,
        .most = 1,
    };
    char **words;
    int count, result = options_parse(&usage, argc, argv, &words, &count, err);
    if (result != 0)
        return result < 0 ? result : EXIT_SUCCESS;
    bool pods = strcmp(words[0], "pods") == 0 || strcmp(words[0], "pod") == 0;
    if (!pods && strcmp(words[0], "nodes") != 0 && strcmp(words[0], "node") != 0)
        return error_make(err, EINVAL, "%s is neither nodes nor pods", words[0]);
    autodoc struct doc *metrics = read_list(directories.mount, "nodes.metrics.k8s.io", err), *nodes = NULL;
    if (metrics == NULL || (!pods && (nodes = read_list(directories.mount, "nodes", err)) == NULL))
        return -EIO;
    autobuf struct buf table = {0};
    size_t rows = pods ? usage_pods(doc_root(metrics), all ? NULL : namespace, containers, &table)
                       : usage_nodes(doc_root(metrics), doc_root(nodes), &table);
    if (rows == 0)
        return error_make(err, ENOENT, "nothing is known yet: nodes say every 15 seconds what is used");
    fputs(table.at, stdout);
    return EXIT_SUCCESS;
}
