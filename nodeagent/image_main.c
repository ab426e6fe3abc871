/* podtree-image, which people call as podtree image: looks after the images of a node's state directory. It
 * works on the files alone, so it needs no agent, and the agent notices what it does. */
#include "lib/clock.h"
#include "lib/options.h"
#include "nodeagent/image.h"
#include "nodeagent/import.h"
#include <errno.h>
#include <stdio.h>

static const char *state = "/var/lib/podtree";
static const char *command, *environment, *directory, *user;

static const struct option_row options[] = {
    {.name = "state", .argument = "DIR", .help = "the state directory (/var/lib/podtree)", .text = &state},
    {.name = "command",
     .argument = "WORDS",
     .help = "import: what a plain root filesystem runs",
     .text = &command},
    {.name = "env", .argument = "NAME=VALUE,…", .help = "import: its environment", .text = &environment},
    {.name = "workdir", .argument = "DIR", .help = "import: its working directory", .text = &directory},
    {.name = "user", .argument = "USER[:GROUP]", .help = "import: whom it runs as", .text = &user},
    {0},
};

static void add_words(struct value config, struct str key, const char *text, char separator)
{
    struct str rest = str_of(text), word;
    while (str_split(&rest, separator, &word))
        if (word.length != 0)
            value_append_str(value_ensure_array(config, key), word);
}

static int run_import(char **words, struct error **err)
{
    autodoc struct doc *config = doc_new();
    add_words(doc_root(config), STR("Cmd"), command, ' ');
    add_words(doc_root(config), STR("Env"), environment, ',');
    if (directory != NULL)
        value_set_str(doc_root(config), STR("WorkingDir"), str_of(directory));
    if (user != NULL)
        value_set_str(doc_root(config), STR("User"), str_of(user));
    autofree char *name = import_image(state, words[0], words[1], doc_root(config), err);
    if (name == NULL)
        return -EIO;
    printf("imported %s\n", name);
    return 0;
}

static void print_image(void *context, const char *name, struct value image)
{
    (void)context;
    struct str id = value_str(value_get(image, STR("id")));
    struct str imported = value_str(value_get(image, STR("imported")));
    int64_t since;
    char age[CLOCK_TEXT] = "?";
    if (clock_parse(imported, &since))
        clock_age(clock_wall_ms() - since, age);
    printf("%-48s %-19.*s %6zu  %s\n", name, id.length > 19 ? 19 : (int)id.length, id.at,
           value_count(value_get(image, STR("layers"))), age);
}

static int run_list(char **words, struct error **err)
{
    (void)words;
    printf("%-48s %-19s %6s  %s\n", "NAME", "ID", "LAYERS", "AGE");
    return image_each(state, print_image, NULL, err);
}

static int run_rm(char **words, struct error **err)
{
    return image_remove(state, words[0], err);
}

static const struct {
    const char *name;
    int words; /* behind it */
    int (*run)(char **words, struct error **err);
    bool begins; /* the state directory need not be there yet */
} commands[] = {{"import", 2, run_import, true}, {"list", 0, run_list, false}, {"rm", 1, run_rm, false}};

static const struct usage usage = {
    .synopsis = "podtree image [--state DIR] import FILE|DIR|- NAME[:TAG] | list | rm NAME",
    .about =
        "Imports OCI layouts, OCI and docker archives and plain tars of a root filesystem into a node's\n"
        "image store; lists and removes what is there.\n",
    .options = options,
    .least = 1,
    .most = 3,
};

static int run(char **words, int count, struct error **err)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(words[0], commands[i].name) == 0) {
            if (count - 1 != commands[i].words)
                return error_make(err, EINVAL, "%s takes %d words: %s", words[0], commands[i].words,
                                  usage.synopsis);
            if (!commands[i].begins && access(state, F_OK) < 0)
                return error_errno(err, errno, "cannot find the state directory %s", state);
            return commands[i].run(words + 1, err);
        }
    return error_make(err, EINVAL, "there is no command \"%s\": %s", words[0], usage.synopsis);
}

int main(int argc, char **argv)
{
    autoerror struct error *error = NULL;
    char **words;
    int count;
    int result = options_parse(&usage, argc, argv, &words, &count, &error);
    if (result > 0)
        return 0;
    if (result == 0)
        result = run(words, count, &error);
    if (result == 0 && fflush(stdout) != 0)
        result = error_errno(&error, errno, "cannot write");
    if (result < 0)
        fprintf(stderr, "podtree image: %s\n", error_message(error));
    return result == 0 ? 0 : 1;
}
