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

int64_t clock_thread_us(void)
{
    return read_clock_us(CLOCK_THREAD_CPUTIME_ID);
}

/* The whole seconds in `amount`, rounded down also before 1970. */
static time_t whole_seconds(int64_t amount, int64_t units_per_second)
{
    return (time_t)(amount / units_per_second - (amount % units_per_second < 0));
}

void clock_format(int64_t wall_ms, char out[CLOCK_TEXT])
{
    time_t seconds = whole_seconds(wall_ms, 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

void clock_format_micro(int64_t wall_us, char out[CLOCK_TEXT])
{
    time_t seconds = whole_seconds(wall_us, 1000000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t used = strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out + used, CLOCK_TEXT - used, ".%06dZ", (int)(wall_us - seconds * 1000000));
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
    if (text->length == 0 || memchr(allowed, text->at[0], strlen(allowed)) == NULL)
        return false;
    if (found != NULL)
        *found = text->at[0];
    text->at++;
    text->length--;
    return true;
}

/* yyyy-mm-ddThh:mm:ss to seconds since 1970. */
static bool take_moment(struct str *text, int64_t *seconds)
{
    struct tm parts = {0};
    int second;
    if (!digits(text, 4, &parts.tm_year) || !literal(text, "-", NULL) || !digits(text, 2, &parts.tm_mon) ||
        !literal(text, "-", NULL) || !digits(text, 2, &parts.tm_mday) || !literal(text, "Tt", NULL) ||
        !digits(text, 2, &parts.tm_hour) || !literal(text, ":", NULL) || !digits(text, 2, &parts.tm_min) ||
        !literal(text, ":", NULL) || !digits(text, 2, &second))
        return false;
    if (parts.tm_hour > 23 || parts.tm_min > 59 || second > 60) /* 60 is a leap second */
        return false;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    struct tm real = parts;
    *seconds = (int64_t)timegm(&real) + second;
    return real.tm_mon == parts.tm_mon &&
           real.tm_mday == parts.tm_mday; /* else the calendar has no such day */
}

/* Nothing, or a point and digits; what is below a millisecond is dropped. */
static bool take_fraction(struct str *text, int *milliseconds)
{
    *milliseconds = 0;
    if (!literal(text, ".", NULL))
        return true;
    int scale = 100, digit;
    size_t before = text->length;
    for (; digits(text, 1, &digit); scale /= 10)
        *milliseconds += digit * scale;
    return text->length != before;
}

/* Z, or how far the clock is ahead of UTC. */
static bool take_zone(struct str *text, int *ahead_seconds)
{
    int hours, minutes;
    char sign;
    *ahead_seconds = 0;
    if (literal(text, "Zz", NULL))
        return true;
    if (!literal(text, "+-", &sign) || !digits(text, 2, &hours) || !literal(text, ":", NULL) ||
        !digits(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ahead_seconds = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
    return true;
}

bool clock_parse(struct str text, int64_t *wall_ms)
{
    int64_t seconds;
    int milliseconds, ahead;
    if (!take_moment(&text, &seconds) || !take_fraction(&text, &milliseconds) || !take_zone(&text, &ahead) ||
        text.length != 0)
        return false;
    *wall_ms = (seconds - ahead) * 1000 + milliseconds;
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
    else if (days < 8 * 365 && days % 365 != 0)
        snprintf(out, CLOCK_TEXT, "%dy%dd", (int)(days / 365), (int)(days % 365));
    else
        snprintf(out, CLOCK_TEXT, "%lldy", (long long)(days / 365));
}

void clock_duration(int64_t ms, char out[CLOCK_TEXT])
{
    int64_t seconds = ms / 1000, minutes = seconds / 60, hours = minutes / 60;
    char fraction[8];
    if (ms < 1000) {
        snprintf(out, CLOCK_TEXT, ms == 0 ? "0s" : "%dms", (int)ms);
        return;
    }
    int length = snprintf(fraction, sizeof(fraction), ".%03d", (int)(ms % 1000));
    while (fraction[length - 1] == '0')
        fraction[--length] = '\0';
    if (length == 1)
        fraction[0] = '\0';
    if (minutes == 0)
        snprintf(out, CLOCK_TEXT, "%d%ss", (int)seconds, fraction);
    else if (hours == 0)
        snprintf(out, CLOCK_TEXT, "%dm%d%ss", (int)minutes, (int)(seconds % 60), fraction);
    else
        snprintf(out, CLOCK_TEXT, "%lldh%dm%d%ss", (long long)hours, (int)(minutes % 60), (int)(seconds % 60),
                 fraction);
}
