#include "nodeagent/image_name.h"

#include "lib/file.h"
#include <errno.h>
#include <stdio.h>

struct str image_repository(struct str name)
{
    const char *at = memchr(name.at, '@', name.length);
    if (at != NULL)
        name.length = (size_t)(at - name.at);
    for (size_t i = name.length; i > 0 && name.at[i - 1] != '/'; i--)
        if (name.at[i - 1] == ':')
            name.length = i - 1;
    return name;
}

struct str image_registry(struct str name)
{
    struct str rest = name, host = STR_NONE;
    bool is_one = str_split(&rest, '/', &host) && rest.at != NULL &&
                  (memchr(host.at, '.', host.length) != NULL || memchr(host.at, ':', host.length) != NULL ||
                   str_is(host, "localhost"));
    return is_one ? host : STR_NONE;
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._-/:@", c) != NULL);
}

static bool is_sensible(struct str name)
{
    if (name.length == 0 || name.length > 255 || strchr("/:@.-", name.at[0]) != NULL ||
        strchr("/:@", name.at[name.length - 1]) != NULL)
        return false;
    for (size_t i = 0; i < name.length; i++)
        if (!is_name_character(name.at[i]) || (i > 0 && name.at[i] == '/' && name.at[i - 1] == '/'))
            return false;
    /* Capitals are for hosts and tags. */
    struct str repository = image_repository(name);
    for (size_t i = image_registry(name).length; i < repository.length; i++)
        if (repository.at[i] >= 'A' && repository.at[i] <= 'Z')
            return false;
    return true;
}

static bool has_tag_or_digest(struct str name)
{
    for (size_t i = name.length; i > 0 && name.at[i - 1] != '/'; i--)
        if (name.at[i - 1] == ':' || name.at[i - 1] == '@')
            return true;
    return false;
}

char *image_normalize(struct str name, struct error **err)
{
    if (!is_sensible(name)) {
        error_make(err, EINVAL, "\"" STR_FORMAT "\" is not a name of an image", STR_ARGS(name));
        return NULL;
    }
    /* What may be left out, the longer first. */
    static const char *const implied[] = {"docker.io/library/", "index.docker.io/library/", "docker.io/",
                                          "index.docker.io/"};
    for (size_t i = 0; i < COUNT(implied); i++) {
        struct str prefix = str_of(implied[i]);
        if (str_starts(name, prefix) && name.length > prefix.length) {
            name = (struct str){name.at + prefix.length, name.length - prefix.length};
            break;
        }
    }
    return path_format(STR_FORMAT "%s", STR_ARGS(name), has_tag_or_digest(name) ? "" : ":latest");
}

struct str image_tag(struct str name)
{
    struct str rest = str_cut(name, image_repository(name).length + 1, name.length), tag = STR_NONE;
    str_split(&rest, '@', &tag);
    return tag;
}

/* A name that says nothing of a registry means Docker's, and there one without a slash is in library/. */
char *image_reference(struct value image)
{
    struct str repository = image_repository(value_str(value_get(image, STR("name"))));
    struct str digest = value_str(value_get(image, STR("digest")));
    if (digest.length == 0)
        return str_dup(value_str(value_get(image, STR("id"))));
    const char *prefix = image_registry(repository).length != 0                  ? ""
                         : memchr(repository.at, '/', repository.length) != NULL ? "docker.io/"
                                                                                 : "docker.io/library/";
    return path_format("%s" STR_FORMAT "@" STR_FORMAT, prefix, STR_ARGS(repository), STR_ARGS(digest));
}

/* As docker and crictl do: three digits, powers of ten. */
void image_size_text(int64_t size, char text[IMAGE_SIZE_TEXT])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double number = (double)size;
    size_t unit = 0;
    for (; number >= 1000 && unit + 1 < COUNT(units); unit++)
        number /= 1000;
    snprintf(text, IMAGE_SIZE_TEXT, "%.3g%s", number, units[unit]);
}
