#include "lib/door.h"

#include "lib/socket.h"

static const char *const words[] = {
    [DOOR_TERMINAL] = "terminal", [DOOR_EXIT] = "exit", [DOOR_FAILED] = "failed", [DOOR_ERROR] = "error"};

void door_say(int leash, const struct door_answer *answer, int terminal)
{
    autobuf struct buf line = {0};
    buf_add_text(&line, words[answer->word]);
    if (answer->word == DOOR_EXIT || answer->word == DOOR_FAILED)
        buf_addf(&line, " %d", answer->exit_code);
    if (answer->word == DOOR_ERROR)
        buf_addf(&line, " " STR_FORMAT, STR_ARGS(answer->sentence));
    for (size_t i = 0; i < line.length; i++)
        if (line.at[i] == '\n')
            line.at[i] = ' ';
    buf_add_char(&line, '\n');
    (void)socket_send(leash, buf_str(&line), &terminal, terminal >= 0 ? 1 : 0);
}

void door_say_error(int leash, const struct error *error)
{
    struct door_answer answer = {.word = DOOR_ERROR, .sentence = str_of(error_message(error))};
    door_say(leash, &answer, -1);
}

bool door_next(struct str *rest, struct door_answer *answer)
{
    struct str line, word;
    if (rest->length == 0 || memchr(rest->at, '\n', rest->length) == NULL)
        return false;
    str_split(rest, '\n', &line);
    struct str more = line;
    str_split(&more, ' ', &word);
    int64_t number = 0;
    if (str_is(word, words[DOOR_TERMINAL]))
        *answer = (struct door_answer){.word = DOOR_TERMINAL};
    else if (str_is(word, words[DOOR_FAILED]) && str_to_int64(more, &number))
        *answer = (struct door_answer){.word = DOOR_FAILED, .exit_code = (int)number};
    else if (str_is(word, words[DOOR_EXIT]) && str_to_int64(more, &number))
        *answer = (struct door_answer){.word = DOOR_EXIT, .exit_code = (int)number};
    else
        *answer = (struct door_answer){.word = DOOR_ERROR,
                                       .sentence = str_is(word, words[DOOR_ERROR]) ? more : line};
    return true;
}
