/* What podtree up is told of how this machine's agent shall work, and passes on to it. */
#ifndef PODTREE_NODE_OPTIONS_H
#define PODTREE_NODE_OPTIONS_H

#include "cli/settings.h"

/* What isn't said (NULL, -1) is left to the agent. */
struct node_options {
    const char *runtime, *static_pods;
    int64_t runtime_timeout, image_high, image_low, image_age, pod_processes;
};
#define NODE_OPTIONS_NONE                                                                              \
    {                                                                                                  \
        .runtime_timeout = -1, .image_high = -1, .image_low = -1, .image_age = -1, .pod_processes = -1 \
    }

/* Rows of a table of options. */
#define NODE_OPTIONS(options)                                                                                \
    {.name = "runtime",                                                                                      \
     .argument = "PROGRAM",                                                                                  \
     .help = "the OCI runtime of this machine's containers: one with runc's command line (runc)",            \
     .text = &(options).runtime},                                                                            \
        {.name = "runtime-timeout",                                                                          \
         .argument = "SECONDS",                                                                              \
         .help = "a call of it that takes longer hangs, and is tried again (120)",                           \
         .number = &(options).runtime_timeout},                                                              \
        {.name = "pod-max-pids",                                                                             \
         .argument = "N",                                                                                    \
         .help = "how many processes and threads a pod may have (no limit)",                                 \
         .number = &(options).pod_processes},                                                                \
        {.name = "static-pod-path",                                                                          \
         .argument = "DIR",                                                                                  \
         .help = "manifests of pods that this machine runs by itself (manifests in the state directory)",    \
         .text = &(options).static_pods},                                                                    \
        {.name = "image-gc-high-threshold",                                                                  \
         .argument = "PERCENT",                                                                              \
         .help = "how full the disk has to be before images go (85)",                                        \
         .number = &(options).image_high},                                                                   \
        {.name = "image-gc-low-threshold",                                                                   \
         .argument = "PERCENT",                                                                              \
         .help = "until it is how full they go (80)",                                                        \
         .number = &(options).image_low},                                                                    \
    {                                                                                                        \
        .name = "image-minimum-gc-age", .argument = "SECONDS", .help = "images that are younger stay (120)", \
        .number = &(options).image_age                                                                       \
    }

/* Checks them, and puts them into the settings. */
int node_options_resolve(const struct node_options *options, struct settings *settings, struct error **err);

#endif
