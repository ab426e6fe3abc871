#include "lib/container_log.h"

/* Cheap, because every byte of a log comes by here: a year of four digits and a T, and the rest of the line
 * will be a time too. */
static bool looks_like_time(struct str word)
{
    if (word.length < 20 || word.at[10] != 'T')
        return false;
    for (size_t i = 0; i < 4; i++)
        if (word.at[i] < '0' || word.at[i] > '9')
            return false;
    return word.at[4] == '-' && word.at[7] == '-';
}

struct log_line log_line_parse(struct str text)
{
    struct log_line line = {.content = text};
    struct str rest = text, time, stream, tags, tag;
    if (!str_split(&rest, ' ', &time) || !looks_like_time(time) || !str_split(&rest, ' ', &stream) ||
        (!str_is(stream, "stdout") && !str_is(stream, "stderr")) || !str_split(&rest, ' ', &tags))
        return line;
    str_split(&tags, ':', &tag);
    bool partial = str_is(tag, "P");
    if (!partial && !str_is(tag, "F"))
        return line;
    /* An empty line has no space behind its tag in some runtimes. */
    struct str content = rest.at != NULL ? rest : (struct str){text.at + text.length, 0};
    return (struct log_line){.time = time, .stream = stream, .content = content, .partial = partial};
}

bool log_file_name_parse(struct str text, struct log_file_name *name)
{
    struct str attempt, word;
    *name = (struct log_file_name){0};
    if (!str_split(&text, '.', &attempt) || !str_to_int64(attempt, &name->attempt) || name->attempt < 0 ||
        !str_split(&text, '.', &word) || !str_is(word, "log"))
        return false;
    return text.at == NULL || (str_to_int64(text, &name->sequence) && name->sequence > 0);
}
