#include "fsd/pace.h"

#include "lib/file.h"
#include "lib/str.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Members of /proc/<pid>/stat behind the name of the program, which may have blanks and parentheses in it. */
enum { STATE = 0, USER_TICKS = 11, SYSTEM_TICKS = 12, MEMBERS };

static bool read_stat(pid_t process, char *text, size_t size)
{
    snprintf(text, size, "/proc/%d/stat", (int)process);
    autoclose int fd = open(text, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
    if (length <= 0)
        return false;
    text[length] = '\0';
    return true;
}

bool pace_of(pid_t process, struct pace *pace)
{
    char text[1024];
    const char *behind_name = read_stat(process, text, sizeof(text)) ? strrchr(text, ')') : NULL;
    if (behind_name == NULL || behind_name[1] != ' ')
        return false;
    struct str rest = str_of(behind_name + 2), member[MEMBERS] = {{0}};
    for (int i = 0; i < MEMBERS; i++)
        if (!str_split(&rest, ' ', &member[i]))
            return false;
    int64_t user, system;
    if (!str_to_int64(member[USER_TICKS], &user) || !str_to_int64(member[SYSTEM_TICKS], &system))
        return false;
    pace->held_up = str_is(member[STATE], "R") || str_is(member[STATE], "D");
    pace->cpu_ms = (user + system) * 1000 / sysconf(_SC_CLK_TCK);
    return true;
}
