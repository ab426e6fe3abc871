/* podtree explain: what a kind or a field of it is, from what the tree says of itself in api/. */
#include "lib/explain.h"
#include "cli/command.h"
#include "cli/settings.h"
#include "cli/subject.h"
#include "lib/file.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>

/* ---- what there is ---- */

/* The directories three levels below api/, a line each, and a line for each short name. */
struct offer {
    struct buf known, links;
};

static void free_offer(struct offer *offer)
{
    buf_free(&offer->known);
    buf_free(&offer->links);
}

static int read_group(const char *api, const char *group, struct offer *offer, struct error **err)
{
    autofree char *directory = path_format("%s/%s", api, group);
    autobuf struct buf versions = {0};
    int result = directory_names(directory, &versions, err);
    names_each(version, versions)
    {
        autofree char *path = path_format("%s/%s", directory, version);
        autobuf struct buf plurals = {0};
        if (result == 0)
            result = directory_names(path, &plurals, err);
        names_each(plural, plurals) buf_addf(&offer->known, "%s/%s/%s\n", group, version, plural);
    }
    return result;
}

static int read_offer(const char *mount, struct offer *offer, struct error **err)
{
    autofree char *api = path_format("%s/api", mount);
    autobuf struct buf names = {0};
    int result = directory_names(api, &names, err);
    names_each(name, names)
    {
        autofree char *path = path_format("%s/%s", api, name);
        char target[PATH_MAX];
        ssize_t length = readlink(path, target, sizeof(target));
        if (length > 0)
            buf_addf(&offer->links, "%s %.*s\n", name, (int)length, target);
        else if (result == 0)
            result = read_group(api, name, offer, err);
    }
    return result;
}

/* ---- what is meant ---- */

/* The path below the mount; NULL: it is elsewhere. */
static const char *below(const char *path, const char *mount)
{
    size_t length = strlen(mount);
    if (strncmp(path, mount, length) != 0 || (path[length] != '/' && path[length] != '\0'))
        return NULL;
    return path + length + (path[length] == '/');
}

/* A path that is there may lead over links; one that isn't may mean a field that isn't set, here or from the
 * mount. *text is what the subject's pieces lie in. */
static int find_subject(const char *word, const char *mount, const struct offer *offer, char **text,
                        struct subject *subject, struct error **err)
{
    char real[PATH_MAX], here[PATH_MAX], top[PATH_MAX];
    const char *at;
    struct str known = buf_str(&offer->known), links = buf_str(&offer->links);
    if (realpath(mount, top) == NULL)
        return error_errno(err, errno, "%s", mount);
    if (realpath(word, real) != NULL && (at = below(real, top)) != NULL && *at != '\0') {
        *text = path_format("%s/", at);
        return subject_parse(str_of(*text), known, links, subject, err);
    }
    at = *word == '/' ? below(word, mount) : word;
    if (at == NULL || *at == '\0')
        return error_make(err, EINVAL, "%s is no path in the tree at %s", word, mount);
    *text = str_dup(str_of(at));
    if (subject_parse(str_of(*text), known, links, subject, err) == 0)
        return 0;
    if (*word == '/' || getcwd(here, sizeof(here)) == NULL || (at = below(here, top)) == NULL || *at == '\0')
        return -ENOENT;
    autoerror struct error *other = NULL;
    free(*text);
    *text = path_format("%s/%s", at, word);
    if (subject_parse(str_of(*text), known, links, subject, &other) < 0)
        return -ENOENT;
    error_free(take_pointer(*err));
    return 0;
}

/* ---- saying it ---- */

static void print_title(struct value schema, struct value field, struct str path, bool required)
{
    struct value kind = value_element(value_at(schema, "x-kubernetes-group-version-kind"), 0);
    struct str group = value_str(value_at(kind, "group"));
    autobuf struct buf line = {0};
    buf_addf(&line, STR_FORMAT ", " STR_FORMAT "%s" STR_FORMAT, STR_ARGS(value_str(value_at(kind, "kind"))),
             STR_ARGS(group), group.length != 0 ? "/" : "", STR_ARGS(value_str(value_at(kind, "version"))));
    if (path.length != 0) {
        buf_addf(&line, ": " STR_FORMAT " <", STR_ARGS(path));
        explain_type(field, &line);
        buf_add_text(&line, "> ");
        explain_facts(field, required, &line);
    }
    printf(STR_FORMAT "\n", STR_ARGS(str_trim(buf_str(&line))));
    struct str description = str_trim(value_str(value_at(field, "description")));
    if (description.length != 0)
        printf(STR_FORMAT "\n", STR_ARGS(description));
}

static void print_children(struct value field)
{
    struct value properties = explain_properties(field);
    int width = 0;
    value_each (child, properties)
        if (value_key(child).length < 30 && (int)value_key(child).length > width)
            width = (int)value_key(child).length;
    if (value_count(properties) > 0)
        puts("");
    value_each (child, properties) {
        autobuf struct buf line = {0};
        explain_rest(child, explain_requires(field, value_key(child)), &line);
        printf("  %-*.*s  %s", width, STR_ARGS(value_key(child)), line.at);
    }
}

static int explain(const char *mount, const struct subject *subject, bool recursive, struct error **err)
{
    autofree char *file = path_format("%s/api/" STR_FORMAT "/schema.json", mount, STR_ARGS(subject->kind));
    autodoc struct doc *schema = doc_read(file, err);
    autobuf struct buf path = {0}, lines = {0};
    bool required;
    if (schema == NULL)
        return -EIO;
    struct value field = subject_field(subject, doc_root(schema), &path, &required, err);
    if (!value_exists(field))
        return -ENOENT;
    print_title(doc_root(schema), field, buf_str(&path), required);
    if (!recursive) {
        print_children(field);
        return EXIT_SUCCESS;
    }
    explain_fields(field, buf_str(&path), &lines);
    if (lines.length != 0)
        printf("\n%s", lines.at);
    return EXIT_SUCCESS;
}

int command_explain(int argc, char **argv, struct error **err)
{
    struct directories directories = directories_default();
    bool recursive = false;
    const struct option_row options[] = {
        {.name = "recursive", .letter = 'r', .help = "everything below it, a line each", .flag = &recursive},
        OPTION_MOUNT(directories),
        {0},
    };
    const struct usage usage = {
        .synopsis = "podtree explain [-r] KIND[.FIELD…] | PATH",
        .about =
            "Says what a kind, or a field of it, is: its type, what it may be, and what is in it. PATH is "
            "one in "
            "the\n"
            "tree. deploy, deployments.spec.strategy, deployments/web/template/spec, crontabs.example.com\n",
        .options = options,
        .least = 1,
        .most = 1,
    };
    char **words;
    int count, result = options_parse(&usage, argc, argv, &words, &count, err);
    if (result != 0)
        return result < 0 ? result : EXIT_SUCCESS;
    cleanup(free_offer) struct offer offer = {{0}, {0}};
    struct subject subject;
    autofree char *text = NULL;
    result = read_offer(directories.mount, &offer, err);
    if (result == 0)
        result = find_subject(words[0], directories.mount, &offer, &text, &subject, err);
    return result < 0 ? result : explain(directories.mount, &subject, recursive, err);
}
