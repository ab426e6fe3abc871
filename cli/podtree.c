/* podtree: the program. A row for each command; everything else is done with files. */
#include "cli/command.h"
#include "config.h"
#include "lib/file.h"
#include "lib/str.h"
#include <errno.h>
#include <stdio.h>

static const struct command {
    const char *name;
    command_fn *run;
    const char *summary;
} commands[] = {
    {"up", command_up, "start the cluster; returns when its tree answers"},
    {"down", command_down, "stop it, in order"},
    {"status", command_status, "each process, the mount, the nodes; exits with 1 if not well"},
    {"run", command_run, "run an image: makes a Deployment"},
    {"delete", command_delete, "delete objects, and what they own or not"},
    {"logs", command_logs, "print what containers write"},
    {"watch", command_watch, "print changes as lines"},
    {"exec", command_exec, "run a command in a container"},
    {"cp", command_cp, "copy files from and to containers"},
    {"explain", command_explain, "what a kind or a field is, and may be"},
    {"top", command_top, "what nodes and pods use"},
    {"image", command_image, "pull, import, list and remove images"},
};

static void print_help(FILE *out)
{
    fprintf(out, "podtree: a container cluster whose only API is a filesystem\n\n"
                 "usage: podtree COMMAND [OPTION…]\n\n");
    for (size_t i = 0; i < COUNT(commands); i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\npodtree COMMAND --help says more. The tree explains itself: cat /k8s/README\n");
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    descriptors_hold_standard();
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--version") == 0) {
        puts(PACKAGE_STRING);
        return EXIT_SUCCESS;
    }
    if (strcmp(name, "help") == 0 && argc > 2 && find(argv[2]) != NULL) {
        static char help[] = "--help";
        char *arguments[] = {argv[2], help, NULL};
        return find(argv[2])->run(2, arguments, NULL);
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0) {
        print_help(stdout);
        return EXIT_SUCCESS;
    }
    const struct command *command = find(name);
    if (command == NULL) {
        if (*name != '\0')
            fprintf(stderr, "podtree: there is no command %s\n", name);
        print_help(stderr);
        return EXIT_FAILURE;
    }
    autoerror struct error *err = NULL;
    int result = command->run(argc - 1, argv + 1, &err);
    /* What was printed may meet a full disk only now. */
    if (result >= 0 && (fflush(stdout) != 0 || ferror(stdout)))
        result = error_make(&err, EIO, "cannot write what was to be printed");
    if (result >= 0)
        return result;
    fprintf(stderr, "podtree %s: %s\n", name, error_message(err));
    return EXIT_FAILURE;
}
