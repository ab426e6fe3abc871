#include "cli/subject.h"

#include "lib/explain.h"
#include "lib/name.h"
#include <errno.h>
#include <strings.h>

/* ---- kinds ---- */

/* "apps/v1/deployments" */
struct known {
    struct str group, version, plural;
};

static struct known known_of(struct str line)
{
    struct known known = {{0}, {0}, {0}};
    str_split(&line, '/', &known.group);
    str_split(&line, '/', &known.version);
    known.plural = line;
    return known;
}

static bool is_alike(struct str a, struct str b)
{
    return a.length == b.length && strncasecmp(a.at, b.at, a.length) == 0;
}

/* Kinds are called after English words: pod, ingress, networkpolicy. */
static bool is_plural_of(struct str plural, struct str word)
{
    static const struct {
        const char *one, *many;
    } endings[] = {{"", ""}, {"", "s"}, {"", "es"}, {"y", "ies"}};
    for (size_t i = 0; i < COUNT(endings); i++) {
        size_t one = strlen(endings[i].one), many = strlen(endings[i].many);
        if (plural.length <= many || word.length <= one || plural.length - many != word.length - one)
            continue;
        if (str_ends(plural, str_of(endings[i].many)) &&
            is_alike(str_cut(word, word.length - one, one), str_of(endings[i].one)) &&
            is_alike(str_cut(plural, 0, plural.length - many), str_cut(word, 0, word.length - one)))
            return true;
    }
    return false;
}

struct str subject_kind(struct str known, struct str name)
{
    struct str line, plural, group = name;
    str_split(&group, '.', &plural);
    while (str_split(&known, '\n', &line)) {
        struct known kind = known_of(line);
        if (line.length != 0 && is_plural_of(kind.plural, plural) &&
            (group.length == 0 || str_equal(group, kind.group)))
            return line;
    }
    return STR_NONE;
}

static struct str by_short_name(struct str links, struct str name)
{
    struct str line, word;
    while (str_split(&links, '\n', &line))
        if (str_split(&line, ' ', &word) && str_equal(word, name))
            return line;
    return STR_NONE;
}

static struct str find_kind(struct str known, struct str links, struct str name)
{
    struct str kind = subject_kind(known, name);
    return kind.length != 0 ? kind : by_short_name(links, name);
}

static int refuse_kind(struct str known, struct str links, struct str name, struct error **err)
{
    struct name_search search = name_search(name);
    struct str line, word;
    while (str_split(&known, '\n', &line))
        name_search_try(&search, known_of(line).plural);
    while (str_split(&links, '\n', &line))
        if (str_split(&line, ' ', &word))
            name_search_try(&search, word);
    if (search.name.length != 0)
        return error_make(err, ENOENT, "there is no kind " STR_FORMAT ": did you mean " STR_FORMAT "?",
                          STR_ARGS(name), STR_ARGS(search.name));
    return error_make(err, ENOENT, "there is no kind " STR_FORMAT ": api/ has those that there are",
                      STR_ARGS(name));
}

/* ---- words ---- */

/* pods.spec.containers; crontabs.stable.example.com.spec: the group is part of the name where there is such a
 * one. */
static int parse_points(struct str word, struct subject *subject, struct str known, struct str links,
                        struct error **err)
{
    for (size_t length = word.length; length > 0; length--) {
        if (length < word.length && word.at[length] != '.')
            continue;
        struct str name = str_cut(word, 0, length);
        subject->kind =
            memchr(name.at, '.', length) != NULL ? subject_kind(known, name) : find_kind(known, links, name);
        subject->fields = length < word.length ? str_cut(word, length + 1, SIZE_MAX) : STR_NONE;
        if (subject->kind.length != 0)
            return 0;
    }
    struct str first;
    str_split(&word, '.', &first);
    return refuse_kind(known, links, first, err);
}

/* The shapes of paths to an object: so many pieces in front of the kind, and behind it until the object's
 * fields. */
static const struct shape {
    const char *first;
    int before, behind;
} shapes[] = {{"all", 1, 2}, {"namespaces", 2, 1}, {NULL, 0, 1}};

static void skip(struct str *rest, int count)
{
    struct str piece;
    while (count-- > 0)
        str_split(rest, '/', &piece);
}

/* api/<group>/<version>/<plural>, and perhaps one of its files. */
static bool parse_discovery(struct str word, struct subject *subject, struct str known)
{
    if (!str_starts(word, STR("api/")))
        return false;
    struct str path = str_cut(word, 4, SIZE_MAX), line;
    while (str_split(&known, '\n', &line)) {
        bool below = path.length > line.length && path.at[line.length] == '/';
        if (line.length == 0 || !str_starts(path, line) || (path.length > line.length && !below))
            continue;
        *subject = (struct subject){.kind = line};
        return true;
    }
    return false;
}

static int parse_path(struct str word, struct subject *subject, struct str known, struct str links,
                      struct error **err)
{
    struct str name = word, first;
    if (parse_discovery(word, subject, known))
        return 0;
    str_split(&name, '/', &first);
    for (size_t i = 0; i < COUNT(shapes); i++) {
        if (shapes[i].first != NULL && !str_is(first, shapes[i].first))
            continue;
        subject->fields = word;
        skip(&subject->fields, shapes[i].before);
        if (!str_split(&subject->fields, '/', &name))
            continue;
        subject->kind = find_kind(known, links, name);
        skip(&subject->fields, shapes[i].behind);
        if (subject->kind.length != 0)
            return 0;
    }
    return refuse_kind(known, links, first, err);
}

int subject_parse(struct str word, struct str known, struct str links, struct subject *subject,
                  struct error **err)
{
    *subject = (struct subject){.in_tree = memchr(word.at, '/', word.length) != NULL};
    return subject->in_tree ? parse_path(word, subject, known, links, err)
                            : parse_points(word, subject, known, links, err);
}

/* ---- fields ---- */

/* On the way to a field. */
struct walk {
    struct value schema;
    struct buf *path;
    bool required;
};

static bool step(struct walk *walk, struct str name)
{
    struct value field = value_get(explain_properties(walk->schema), name);
    if (!value_exists(field))
        return false;
    walk->required = explain_requires(walk->schema, name);
    walk->schema = field;
    buf_addf(walk->path, "%s" STR_FORMAT, walk->path->length != 0 ? "." : "", STR_ARGS(name));
    return true;
}

/* `spread`: further fields that could stand there, or absent. */
static int refuse_field(const struct walk *walk, struct str name, struct value spread, struct error **err)
{
    struct name_search search = name_search(name);
    value_each (field, explain_properties(walk->schema))
        name_search_try(&search, value_key(field));
    value_each (field, spread)
        name_search_try(&search, value_key(field));
    struct str above = walk->path->length != 0 ? buf_str(walk->path) : STR("the kind");
    if (search.name.length != 0)
        return error_make(err, ENOENT,
                          STR_FORMAT " has no field " STR_FORMAT ": did you mean " STR_FORMAT "?",
                          STR_ARGS(above), STR_ARGS(name), STR_ARGS(search.name));
    return error_make(err, ENOENT, STR_FORMAT " has no field " STR_FORMAT, STR_ARGS(above), STR_ARGS(name));
}

/* containers[0] is containers. */
static struct str without_index(struct str name)
{
    const char *bracket = name.length != 0 ? memchr(name.at, '[', name.length) : NULL;
    return bracket != NULL ? str_cut(name, 0, (size_t)(bracket - name.at)) : name;
}

/* The fields of the spec, which stand in the object's directory. */
static struct value spread_fields(const struct walk *walk)
{
    return value_at(walk->schema, "properties", "spec", "properties");
}

/* The first step below it. */
static bool enter_tree(struct walk *walk, struct str name)
{
    struct walk spec = *walk;
    if (str_is(name, "observed"))
        return step(walk, STR("status"));
    if (str_is(name, "metadata") || str_is(name, "spec") ||
        !value_exists(value_get(spread_fields(walk), name)))
        return step(walk, name);
    bool found = step(&spec, STR("spec")) && step(&spec, name);
    *walk = spec;
    return found;
}

/* What is in a list or a map is what one of its entries is. */
static bool enter_entry(struct walk *walk)
{
    struct value items = value_at(walk->schema, "items");
    struct value entry = value_exists(items) ? items : value_at(walk->schema, "additionalProperties");
    if (value_type(entry) != VALUE_OBJECT)
        return false;
    walk->schema = entry;
    walk->required = false;
    return true;
}

static int walk_tree(struct walk *walk, struct str fields, struct error **err)
{
    struct str name;
    bool first = true;
    while (str_split(&fields, '/', &name)) {
        if (name.length == 0 || str_is(name, "manifest.yaml") || (first && str_is(name, ".top")))
            continue;
        bool found = first ? enter_tree(walk, name) : enter_entry(walk) || step(walk, name);
        if (!found)
            return refuse_field(walk, name, first ? spread_fields(walk) : VALUE_ABSENT, err);
        first = false;
    }
    return 0;
}

static int walk_points(struct walk *walk, struct str fields, struct error **err)
{
    struct str name;
    while (str_split(&fields, '.', &name))
        if (name.length != 0 && !step(walk, without_index(name)))
            return refuse_field(walk, name, VALUE_ABSENT, err);
    return 0;
}

struct value subject_field(const struct subject *subject, struct value schema, struct buf *path,
                           bool *required, struct error **err)
{
    struct walk walk = {.schema = schema, .path = path};
    int result =
        subject->in_tree ? walk_tree(&walk, subject->fields, err) : walk_points(&walk, subject->fields, err);
    *required = walk.required;
    return result == 0 ? walk.schema : VALUE_ABSENT;
}
