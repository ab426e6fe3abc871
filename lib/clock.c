#include "lib/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
    return read_clock_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_ms(void)
{
    return read_clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_us(void)
{
    return read_clock_us(CLOCK_MONOTONIC);
}

void clock_format(int64_t wall_ms, char out[CLOCK_TEXT])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

void clock_format_micro(int64_t wall_us, char out[CLOCK_TEXT])
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t used = strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out + used, CLOCK_TEXT - used, ".%06dZ", (int)(wall_us % 1000000));
}

static bool digits(struct str *text, size_t count, int *number)
{
    if (text->length < count)
        return false;
    *number = 0;
    for (size_t i = 0; i < count; i++) {
        if (text->at[i] < '0' || text->at[i] > '9')
            return false;
        *number = *number * 10 + (text->at[i] - '0');
    }
    text->at += count;
    text->length -= count;
    return true;
}

static bool literal(struct str *text, const char *allowed, char *found)
{
    if (text->length == 0 || strchr(allowed, text->at[0]) == NULL)
        return false;
    if (found != NULL)
        *found = text->at[0];
    text->at++;
    text->length--;
    return true;
}

bool clock_parse(struct str text, int64_t *wall_ms)
{
    struct tm parts = {0};
    if (!digits(&text, 4, &parts.tm_year) || !literal(&text, "-", NULL) || !digits(&text, 2, &parts.tm_mon) ||
        !literal(&text, "-", NULL) || !digits(&text, 2, &parts.tm_mday) || !literal(&text, "Tt", NULL) ||
        !digits(&text, 2, &parts.tm_hour) || !literal(&text, ":", NULL) || !digits(&text, 2, &parts.tm_min) ||
        !literal(&text, ":", NULL) || !digits(&text, 2, &parts.tm_sec))
        return false;
    if (parts.tm_mon < 1 || parts.tm_mon > 12 || parts.tm_mday < 1 || parts.tm_mday > 31 ||
        parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60)
        return false;
    int milliseconds = 0;
    if (literal(&text, ".", NULL)) {
        int scale = 100, digit;
        size_t before = text.length;
        while (digits(&text, 1, &digit)) {
            milliseconds += digit * scale;
            scale /= 10;
        }
        if (text.length == before)
            return false;
    }
    int offset = 0;
    char sign;
    if (!literal(&text, "Zz", NULL)) {
        int hours, minutes;
        if (!literal(&text, "+-", &sign) || !digits(&text, 2, &hours) || !literal(&text, ":", NULL) ||
            !digits(&text, 2, &minutes))
            return false;
        offset = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
    }
    if (text.length != 0)
        return false;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    *wall_ms = ((int64_t)timegm(&parts) - offset) * 1000 + milliseconds;
    return true;
}

void clock_age(int64_t ms, char out[CLOCK_TEXT])
{
    /* The same thresholds as kubectl's: two units while the larger one is small. */
    int64_t seconds = ms < 0 ? 0 : ms / 1000;
    int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
    if (seconds < 120)
        snprintf(out, CLOCK_TEXT, "%ds", (int)seconds);
    else if (minutes < 10 && seconds % 60 != 0)
        snprintf(out, CLOCK_TEXT, "%dm%ds", (int)minutes, (int)(seconds % 60));
    else if (minutes < 180)
        snprintf(out, CLOCK_TEXT, "%dm", (int)minutes);
    else if (hours < 8 && minutes % 60 != 0)
        snprintf(out, CLOCK_TEXT, "%dh%dm", (int)hours, (int)(minutes % 60));
    else if (hours < 48)
        snprintf(out, CLOCK_TEXT, "%dh", (int)hours);
    else if (days < 8 && hours % 24 != 0)
        snprintf(out, CLOCK_TEXT, "%dd%dh", (int)days, (int)(hours % 24));
    else if (days < 730)
        snprintf(out, CLOCK_TEXT, "%dd", (int)days);
    else
        snprintf(out, CLOCK_TEXT, "%dy%dd", (int)(days / 365), (int)(days % 365));
}
