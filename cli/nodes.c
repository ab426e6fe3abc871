#include "cli/nodes.h"

#define NAMED_AT_MOST 5

/* Cuts the next word of a line whose columns have spaces between them. */
static struct str next_word(struct str *line)
{
    struct str word = STR_NONE;
    while (str_split(line, ' ', &word) && word.length == 0)
        ;
    return word;
}

/* "Ready,SchedulingDisabled" is well, too: somebody wants it so. */
static bool is_ready(struct str status)
{
    struct str word = STR_NONE;
    str_split(&status, ',', &word);
    return str_is(word, "Ready");
}

bool nodes_are_well(struct str table, const char *own, struct buf *complaints)
{
    size_t unwell = 0;
    bool own_is_there = own == NULL;
    struct str line;
    str_split(&table, '\n', &line); /* what the columns are called */
    while (str_split(&table, '\n', &line)) {
        struct str name = next_word(&line), status = next_word(&line);
        if (name.length == 0)
            continue;
        own_is_there = own_is_there || str_is(name, own);
        if (!is_ready(status) && unwell++ < NAMED_AT_MOST)
            buf_addf(complaints, "node " STR_FORMAT " is " STR_FORMAT "\n", STR_ARGS(name), STR_ARGS(status));
    }
    if (unwell > NAMED_AT_MOST)
        buf_addf(complaints, "and %zu more nodes are not ready\n", unwell - NAMED_AT_MOST);
    if (!own_is_there)
        buf_addf(complaints, "node %s, which is this machine, is not there\n", own);
    return unwell == 0 && own_is_there;
}
