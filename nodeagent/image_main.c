/* podtree-image, which people call as podtree image: looks after the images of a node's state directory. It
 * works on the files alone, so it needs no agent, and the agent notices what it does. */
#include "lib/clock.h"
#include "lib/options.h"
#include "nodeagent/image.h"
#include "nodeagent/image_collect.h"
#include "nodeagent/import.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>

static const char *state = "/var/lib/podtree";
static const char *command, *environment, *directory, *user, *authfile;
static int64_t report;
static int64_t high_percent = IMAGE_HIGH_PERCENT, low_percent = IMAGE_LOW_PERCENT,
               least_age_s = IMAGE_LEAST_AGE_SECONDS;
static bool digests;

static const struct option_row options[] = {
    {.name = "state", .argument = "DIR", .help = "the state directory (/var/lib/podtree)", .text = &state},
    {.name = "command",
     .argument = "WORDS",
     .help = "import: what a plain root filesystem runs",
     .text = &command},
    {.name = "env", .argument = "NAME=VALUE,…", .help = "import: its environment", .text = &environment},
    {.name = "workdir", .argument = "DIR", .help = "import: its working directory", .text = &directory},
    {.name = "user", .argument = "USER[:GROUP]", .help = "import: whom it runs as", .text = &user},
    {.name = "authfile",
     .argument = "FILE",
     .help = "pull: passwords for registries (those of skopeo login)",
     .text = &authfile},
    {.name = "report-fd", .argument = "N", .help = "pull: say there how far it is", .number = &report},
    {.name = "digests", .help = "list: also the images' digests", .flag = &digests},
    {.name = "high",
     .argument = "PERCENT",
     .help = "collect: how full the disk has to be (85)",
     .number = &high_percent},
    {.name = "low",
     .argument = "PERCENT",
     .help = "collect: how full it may stay (80)",
     .number = &low_percent},
    {.name = "age",
     .argument = "SECONDS",
     .help = "collect: what is younger stays (120)",
     .number = &least_age_s},
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

/* ---- the list ---- */

/* Rows of columns, of which each is as wide as its longest text. */
enum { COLUMNS = 6 };
struct table {
    char *(*rows)[COLUMNS];
    size_t count, capacity;
};

static void table_free(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        for (int column = 0; column < COLUMNS; column++)
            free(table->rows[i][column]);
    free(table->rows);
}

static char **table_add(struct table *table)
{
    array_grow(table->rows, table->count, table->capacity);
    memset(table->rows[table->count], 0, sizeof(table->rows[0]));
    return table->rows[table->count++];
}

static void table_print(const struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        autobuf struct buf line = {0};
        for (int column = 0; column < COLUMNS; column++) {
            size_t width = 0, end;
            const char *text = table->rows[i][column];
            for (size_t other = 0; other < table->count; other++)
                if (table->rows[other][column] != NULL && strlen(table->rows[other][column]) > width)
                    width = strlen(table->rows[other][column]);
            end = line.length + width;
            buf_add_text(&line, text != NULL ? text : "");
            while (width != 0 && line.length < end + 2)
                buf_add_char(&line, ' ');
        }
        struct str trimmed = str_trim(buf_str(&line));
        printf(STR_FORMAT "\n", STR_ARGS(trimmed));
    }
}

/* "sha256:0123456789abcdef…" to its first 13 digits, as crictl shows it. */
static char *short_digest(struct value digest)
{
    struct str text = value_str(digest), prefix = STR("sha256:");
    return text.length == 0 ? str_dup(STR("<none>")) : str_dup(str_cut(text, prefix.length, 13));
}

static void add_image(void *context, const char *name, struct value image)
{
    char **row = table_add(context), age[CLOCK_TEXT] = "?", size[IMAGE_SIZE_TEXT];
    struct str tag = image_tag(str_of(name));
    int64_t since;
    if (clock_parse(value_str(value_get(image, STR("imported"))), &since))
        clock_age(clock_wall_ms() - since, age);
    image_size_text(value_int_or(value_get(image, STR("size")), 0), size);
    row[0] = str_dup(image_repository(str_of(name)));
    row[1] = str_dup(str_starts(tag, STR("sha256:")) ? STR("<none>") : tag);
    row[2] = digests ? short_digest(value_get(image, STR("digest"))) : NULL;
    row[3] = short_digest(value_get(image, STR("id")));
    row[4] = str_dup(str_of(size));
    row[5] = str_dup(str_of(age));
}

static int run_list(char **words, struct error **err)
{
    static const char *const titles[COLUMNS] = {"IMAGE", "TAG", "DIGEST", "IMAGE ID", "SIZE", "AGE"};
    struct table cleanup(table_free) table = {0};
    (void)words;
    char **row = table_add(&table);
    for (int column = 0; column < COLUMNS; column++)
        row[column] = column != 2 || digests ? str_dup(str_of(titles[column])) : NULL;
    int result = image_each(state, add_image, &table, err);
    if (result == 0)
        table_print(&table);
    return result;
}

/* ---- the other commands ---- */

static void say_progress(void *context, const char *sentence)
{
    (void)context;
    if (dprintf(report != 0 ? (int)report : STDERR_FILENO, "%s\n", sentence) < 0)
        report = -1; /* whoever wanted to know has gone */
}

static int run_pull(char **words, struct error **err)
{
    bool heard = report != 0 || isatty(STDERR_FILENO);
    /* An agent that has died is no reason to stop. */
    signal(SIGPIPE, SIG_IGN);
    struct fetch_options how = {.authfile = authfile, .progress = heard ? say_progress : NULL};
    autofree char *name = import_pull(state, words[0], &how, err);
    if (name == NULL)
        return -EIO;
    printf("pulled %s\n", name);
    return 0;
}

static int run_rm(char **words, struct error **err)
{
    return image_remove(state, words[0], err);
}

static void print_removed(void *context, const char *name, int64_t size)
{
    (void)context;
    printf("Removed image %s to free %lld bytes\n", name, (long long)size);
}

static int run_collect(char **words, struct error **err)
{
    struct image_policy policy = {high_percent, low_percent, least_age_s * 1000};
    (void)words;
    if (high_percent > 100 || low_percent > high_percent)
        return error_make(err, EINVAL, "--low may be at most --high, and that 100");
    return image_collect(state, &policy, print_removed, NULL, err);
}

static const struct {
    const char *name;
    int words; /* behind it */
    int (*run)(char **words, struct error **err);
    bool begins; /* the state directory need not be there yet */
} commands[] = {
    {"import", 2, run_import, true}, {"list", 0, run_list, false},       {"rm", 1, run_rm, false},
    {"pull", 1, run_pull, true},     {"collect", 0, run_collect, false},
};

static const struct usage usage = {
    .synopsis = "podtree image [--state DIR] list | pull NAME | import SOURCE NAME[:TAG] | rm NAME | collect",
    .about =
        "Brings images into a node's image store: from registries, or from OCI layouts, OCI and docker\n"
        "archives and plain tars of a root filesystem; lists and removes what is there, and removes what no\n"
        "container needs when the disk gets full.\n",
    .options = options,
    .least = 1,
    .most = 3,
};

static int run(char **words, int count, struct error **err)
{
    for (size_t i = 0; i < COUNT(commands); i++)
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
