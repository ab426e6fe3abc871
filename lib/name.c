#include "lib/name.h"

static bool is_plain(char c, bool capitals)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (capitals && c >= 'A' && c <= 'Z');
}

bool name_is_made_of(struct str s, const char *between, bool capitals, size_t at_most)
{
    if (s.length == 0 || s.length > at_most)
        return false;
    for (size_t i = 0; i < s.length; i++) {
        char c = s.at[i];
        bool inside = i != 0 && i != s.length - 1 && c != '\0' && strchr(between, c) != NULL;
        if (!is_plain(c, capitals) && !inside)
            return false;
    }
    return true;
}

struct name_search name_search(struct str given)
{
    size_t half = given.length / 2;
    return (struct name_search){.given = given, .name = STR_NONE, .distance = half < 4 ? half + 1 : 4};
}

void name_search_try(struct name_search *search, struct str name)
{
    size_t distance = str_distance(name, search->given, search->distance);
    if (distance >= search->distance)
        return;
    search->distance = distance;
    search->name = name;
}

bool name_is_label(struct str s)
{
    return name_is_made_of(s, "-", false, NAME_LABEL_AT_MOST);
}

bool name_is_subdomain(struct str s)
{
    if (s.length == 0 || s.length > NAME_SUBDOMAIN_AT_MOST)
        return false;
    struct str piece;
    while (str_split(&s, '.', &piece))
        if (!name_is_made_of(piece, "-", false, NAME_SUBDOMAIN_AT_MOST))
            return false;
    return true;
}
