/* podtree exec: runs a command in a container of this machine, as kubectl exec does. */
#include "cli/command.h"
#include "cli/relay.h"
#include "cli/settings.h"
#include <stdio.h>

/* As kubectl has it: a terminal needs an input, and one that is a terminal. */
static bool can_have_terminal(bool input)
{
    if (input && !isatty(STDIN_FILENO))
        fprintf(stderr, "Unable to use a TTY - input is not a terminal or the right kind of file\n");
    return input && isatty(STDIN_FILENO);
}

static int run(const struct directories *directories, const struct target *target, char **words, int count,
               bool input, bool terminal, struct error **err)
{
    autocall struct call call = CALL_NONE;
    autodoc struct doc *request = doc_new();
    struct value command = value_set_array(doc_root(request), STR("command"));
    for (int i = 0; i < count; i++)
        value_append_str(command, str_of(words[i]));
    value_set_bool(doc_root(request), STR("terminal"), terminal);
    int result = call_open(&call, directories->run, target, doc_root(request), err);
    return result < 0 ? result : relay(&call, input, terminal, err);
}

int command_exec(int argc, char **argv, struct error **err)
{
    struct directories directories = directories_default();
    struct target_wish wish = {.namespace = "default"};
    bool input = false, terminal = false;
    const struct option_row options[] = {
        {.name = "stdin", .letter = 'i', .help = "the command reads our input", .flag = &input},
        {.name = "tty",
         .letter = 't',
         .help = "the command has a terminal, which is ours",
         .flag = &terminal},
        OPTION_CONTAINER(wish),
        OPTION_NAMESPACE(wish.namespace, "where the pod is (default)"),
        OPTION_MOUNT(directories),
        OPTION_RUN(directories),
        {0},
    };
    const struct usage usage = {
        .synopsis = "podtree exec [-i] [-t] [-c CONTAINER] [-n NS] POD [--] COMMAND…",
        .about = "Runs a command in a running container of this machine, with the container's user and\n"
                 "environment; its exit code is ours. The command ends when podtree exec does.\n",
        .options = options,
        .least = 2,
        .most = -1,
        .last = 2,
    };
    char **words;
    int count, result = options_parse(&usage, argc, argv, &words, &count, err);
    if (result != 0)
        return result < 0 ? result : EXIT_SUCCESS;
    autotarget struct target target = {0};
    result = target_find(directories.mount, words[0], &wish, &target, err);
    if (result < 0)
        return result;
    return run(&directories, &target, words + 1, count - 1, input, terminal && can_have_terminal(input), err);
}
