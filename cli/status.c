/* podtree status: is the cluster well? */
#include "cli/command.h"
#include "cli/control.h"
#include "cli/nodes.h"
#include "cli/probe.h"
#include "cli/record.h"
#include "cli/settings.h"
#include "lib/clock.h"
#include "lib/file.h"
#include <inttypes.h>
#include <stdio.h>

#define PATIENCE_MS 5000

struct picture {
    struct buf processes;  /* the table for people */
    struct buf complaints; /* and what is not well with them beyond it */
    bool all_running;
};

/* A line of the supervisor's answer: "fsd 1234 5230 2 killed by signal 9 (Killed)". */
static void add_process(void *context, const char *text)
{
    struct picture *picture = context;
    struct str rest = str_of(text), name, word;
    int64_t numbers[3]; /* pid, uptime, restarts */
    if (!str_split(&rest, ' ', &name))
        return;
    for (int i = 0; i < 3; i++)
        if (!str_split(&rest, ' ', &word) || !str_to_int64(word, &numbers[i]))
            return; /* the mount, which is in the record */
    char up[CLOCK_TEXT] = "-";
    if (numbers[0] != 0)
        clock_age(numbers[1], up);
    else
        picture->all_running = false;
    if (numbers[0] != 0 && child_is_stopped((pid_t)numbers[0])) {
        picture->all_running = false;
        buf_addf(&picture->complaints,
                 STR_FORMAT " is stopped, by a signal or a debugger: kill -CONT %" PRId64 "\n",
                 STR_ARGS(name), numbers[0]);
    }
    buf_addf(&picture->processes, "%-12.*s %8" PRId64 " %8s %8" PRId64 "  " STR_FORMAT "\n", STR_ARGS(name),
             numbers[0], up, numbers[2], STR_ARGS(rest));
}

/* The nodes' table, and what is not well with them. `own`: this machine's node, or NULL. */
static bool show_nodes(const char *mount, const char *own)
{
    autobuf struct buf table = {0};
    autofree char *path = path_format("%s/nodes/.table", mount);
    int result = probe_read(path, PATIENCE_MS, &table);
    if (result < 0) {
        printf("\ncannot read %s: %s\n", path, strerror(-result));
        return false;
    }
    autobuf struct buf complaints = {0};
    bool well = nodes_are_well(buf_str(&table), own, &complaints);
    printf("\n" STR_FORMAT "%s" STR_FORMAT, STR_ARGS(buf_str(&table)), well ? "" : "\n",
           STR_ARGS(buf_str(&complaints)));
    return well;
}

static bool show_mount(const char *mount)
{
    int64_t began = clock_us();
    int result = probe_tree(mount, PATIENCE_MS);
    if (result < 0)
        printf("%s does not answer: %s\n\n", mount, strerror(-result));
    else
        printf("%s answers in %.1f ms\n\n", mount, (double)(clock_us() - began) / 1000);
    return result == 0;
}

/* What runs says itself where it is mounted, and whether this machine is a node of it. */
static int find_cluster(const struct directories *directories, struct settings *settings, struct error **err)
{
    autorecord struct record record;
    record_init(&record);
    int result = settings_resolve(directories, settings, err);
    if (result == 0)
        result = record_read(settings->run, &record, err);
    if (result <= 0)
        return result;
    settings_free(settings);
    *settings = record.settings;
    record.settings = (struct settings){0};
    return 0;
}

int command_status(int argc, char **argv, struct error **err)
{
    struct directories directories = directories_default();
    autosettings struct settings settings = {0};
    const struct option_row options[] = {
        OPTION_MOUNT(directories), OPTION_STATE(directories), OPTION_RUN(directories), {0}};
    const struct usage usage = {
        .synopsis = "podtree status [OPTION…]",
        .about =
            "Shows whether the tree answers, each process with its pid, how long it has been up, how often "
            "it was\n"
            "started again and how it ended last, and the nodes. Exits with 1 if something is not well.\n",
        .options = options,
    };
    char **words;
    int count, result = options_parse(&usage, argc, argv, &words, &count, err);
    if (result != 0)
        return result < 0 ? result : EXIT_SUCCESS;
    result = find_cluster(&directories, &settings, err);
    if (result < 0)
        return result;
    struct picture picture = {.all_running = true};
    result = control_ask(settings.run, "status", PATIENCE_MS, add_process, &picture, err);
    bool answers = result == 0 && show_mount(settings.mount);
    if (result == 0)
        printf("%-12s %8s %8s %8s  %s\n" STR_FORMAT "%s" STR_FORMAT, "PROCESS", "PID", "UP", "RESTARTS",
               "LAST END", STR_ARGS(buf_str(&picture.processes)), picture.complaints.length > 0 ? "\n" : "",
               STR_ARGS(buf_str(&picture.complaints)));
    buf_free(&picture.processes);
    buf_free(&picture.complaints);
    if (result < 0)
        return result;
    bool nodes_well = answers && show_nodes(settings.mount, settings.node);
    return answers && picture.all_running && nodes_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
