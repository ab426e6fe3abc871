#include "lib/options.h"

#include "lib/name.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

/* getopt_long does the reading; the rows are translated to its table, a row's index being its value. Short
 * options are few on purpose: a command of podtree reads the same in a script and in a terminal. */
#define VALUE_FIRST_ROW 256
#define VALUE_WORD      1 /* no option: getopt's own number for it */

static size_t count_rows(const struct option_row *rows)
{
    size_t count = 0;
    while (rows[count].name != NULL)
        count++;
    return count;
}

static void print_help(const struct usage *usage)
{
    printf("usage: %s\n\n%s", usage->synopsis, usage->about);
    for (const struct option_row *row = usage->options; row->name != NULL; row++) {
        autobuf struct buf left = {0};
        if (row->letter != '\0')
            buf_addf(&left, "-%c, ", row->letter);
        buf_addf(&left, "--%s%s%s", row->name, row->argument != NULL ? " " : "",
                 row->argument != NULL ? row->argument : "");
        printf("%s  %-22s %s\n", row == usage->options ? "\n" : "", left.at, row->help);
    }
}

/* The option whose name is nearest to what was given, if one is near at all. */
static struct str nearest(const struct option_row *rows, struct str given)
{
    struct name_search search = name_search(given);
    for (const struct option_row *row = rows; row->name != NULL; row++)
        name_search_try(&search, str_of(row->name));
    return search.name;
}

static int refuse_unknown(const struct usage *usage, const char *word, struct error **err)
{
    struct str rest = str_of(word), name;
    while (str_starts(rest, STR("-")))
        rest = (struct str){rest.at + 1, rest.length - 1};
    if (!str_split(&rest, '=', &name))
        name = STR_NONE;
    for (const struct option_row *row = usage->options; row->name != NULL; row++)
        if (str_is(name, row->name))
            return error_make(err, EINVAL, "--%s takes no value", row->name);
    struct str near = nearest(usage->options, name);
    if (near.length != 0)
        return error_make(err, EINVAL, "there is no option %s: did you mean --" STR_FORMAT "?", word,
                          STR_ARGS(near));
    return error_make(err, EINVAL, "there is no option %s", word);
}

/* The word of argv in which getopt has just found this option. */
static const char *word_of(const struct option_row *row, char **argv)
{
    bool separate = row->argument != NULL && optarg == argv[optind - 1];
    return argv[optind - (separate ? 2 : 1)];
}

/* getopt takes beginnings of names as well, which would make every new option a change of what scripts mean.
 */
static bool is_in_full(const struct option_row *row, char **argv)
{
    struct str rest = str_of(word_of(row, argv) + strlen("--")), name;
    return str_split(&rest, '=', &name) && str_is(name, row->name);
}

/* What getopt is told of one-letter names, behind its own signs: words in their order (-), and ':' for a
 * missing value. */
static void list_letters(const struct option_row *rows, struct buf *letters)
{
    buf_add_text(letters, "-:h");
    for (; rows->name != NULL; rows++)
        if (rows->letter != '\0')
            buf_addf(letters, "%c%s", rows->letter, rows->argument != NULL ? ":" : "");
}

/* The row of what getopt has found, NULL when it is no option of the table. A letter stands for itself, a
 * long name must stand there in full. */
static const struct option_row *find_row(const struct option_row *rows, int found, char **argv)
{
    if (found >= VALUE_FIRST_ROW)
        return is_in_full(&rows[found - VALUE_FIRST_ROW], argv) ? &rows[found - VALUE_FIRST_ROW] : NULL;
    for (; rows->name != NULL; rows++)
        if (rows->letter != '\0' && rows->letter == found)
            return rows;
    return NULL;
}

/* The word that refuse_unknown() is to name. */
static const char *unknown_word(const struct option_row *rows, int found, char **argv)
{
    return found < VALUE_FIRST_ROW ? argv[optind - 1] : word_of(&rows[found - VALUE_FIRST_ROW], argv);
}

static int take(const struct option_row *row, const char *value, struct error **err)
{
    if (row->argument == NULL) {
        *row->flag = true;
        return 0;
    }
    if (row->text != NULL) {
        if (*value == '\0')
            return error_make(err, EINVAL, "--%s: the value is empty", row->name);
        *row->text = value;
        return 0;
    }
    int64_t number;
    if (!str_to_int64(str_of(value), &number) || number < 0)
        return error_make(err, EINVAL, "--%s: must be a whole number, not %s", row->name, value);
    *row->number = number;
    return 0;
}

static int check_words(const struct usage *usage, char **words, int count, struct error **err)
{
    if (usage->most >= 0 && count > usage->most)
        return error_make(err, EINVAL, "%s is too much (usage: %s)", words[usage->most], usage->synopsis);
    if (count < usage->least)
        return error_make(err, EINVAL, "something is missing (usage: %s)", usage->synopsis);
    return 0;
}

int options_parse(const struct usage *usage, int argc, char **argv, char ***words, int *count,
                  struct error **err)
{
    size_t rows = count_rows(usage->options);
    autofree struct option *table = memory_zeroed(rows + 2, sizeof(*table));
    for (size_t i = 0; i < rows; i++)
        table[i] = (struct option){.name = usage->options[i].name,
                                   .has_arg = usage->options[i].argument != NULL,
                                   .val = VALUE_FIRST_ROW + (int)i};
    table[rows] = (struct option){.name = "help", .val = 'h'};
    autobuf struct buf letters = {0};
    list_letters(usage->options, &letters);
    optind = 0; /* zero starts getopt afresh: a process may parse more than once */
    opterr = 0;
    int found, before = 0;
    while ((found = getopt_long(argc, argv, letters.at, table, NULL)) != -1) {
        if (found == VALUE_WORD) { /* the words move together at the front, where getopt has been */
            argv[1 + before++] = optarg;
            if (usage->last != 0 && before == usage->last)
                break;
            continue;
        }
        if (found == 'h') {
            print_help(usage);
            return 1;
        }
        if (found == ':')
            return error_make(err, EINVAL, "%s wants a value", argv[optind - 1]);
        const struct option_row *row = find_row(usage->options, found, argv);
        if (row == NULL)
            return refuse_unknown(usage, unknown_word(usage->options, found, argv), err);
        int result = take(row, optarg, err);
        if (result < 0)
            return result;
    }
    int behind = argc - optind;
    memmove(argv + 1 + before, argv + optind, (size_t)behind * sizeof(*argv));
    *words = argv + 1;
    *count = before + behind;
    if (usage->behind != NULL)
        *usage->behind = behind;
    return check_words(usage, *words, usage->behind != NULL ? before : *count, err);
}
