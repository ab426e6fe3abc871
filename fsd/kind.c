#include "fsd/kind.h"

#include "fsd/kind_read.h"
#include "lib/file.h"
#include "lib/yaml.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

struct directory_name {
    struct str name;
    const struct kind *kind;
};

struct kind_reading {
    struct schema_set *set;
    struct kind *kind;
    struct buf in_vain;
};

/* Nobody counts who looks at a kind, or at a form that it had: both stay, with the texts that they were read
 * from, until the end. */
struct kinds {
    struct schema_set *set; /* of the built-in ones */
    struct schema_set **others;
    size_t other_count, other_capacity;
    struct kind **kinds;
    size_t count, capacity;
    struct kind **gone;
    size_t gone_count, gone_capacity;
    size_t numbers;
    struct directory_name
        *names; /* sorted; where a name comes twice the core group's or the first kind has it */
    size_t name_count;
};

const struct kind_version *kind_version(const struct kind_form *form, struct str api_version)
{
    for (size_t i = 0; i < form->version_count; i++)
        if (str_equal(form->versions[i].api_version, api_version))
            return &form->versions[i];
    return NULL;
}

bool kind_is_permanent(const struct kind *kind, struct str name)
{
    for (size_t i = 0; i < kind->permanent_count; i++)
        if (str_equal(kind->permanent[i].name, name))
            return true;
    return false;
}

/* ---- reading the directory ---- */

/* One kind of file, of which there is a directory. */
struct folder {
    const char *path, *suffix;
    struct doc *(*parse)(struct str text, struct error **err);
    /* `name`: of the file, without the suffix */
    int (*read)(struct kinds *kinds, struct str name, struct value root, struct error **err);
};

static int read_document(struct kinds *kinds, const struct folder *folder, const char *path,
                         struct value *root, struct error **err)
{
    autobuf struct buf text = {0};
    int result = file_read(path, &text, err);
    if (result < 0)
        return result;
    struct doc *doc = folder->parse(buf_str(&text), err);
    if (doc == NULL)
        return -EINVAL;
    schema_set_keep(kinds->set, doc);
    *root = doc_root(doc);
    return 0;
}

static int read_types(struct kinds *kinds, struct str name, struct value root, struct error **err)
{
    (void)name;
    return schema_set_define(kinds->set, root, err);
}

/* apps-v1.yaml has the rules of the package apps/v1. */
static int read_rules(struct kinds *kinds, struct str name, struct value root, struct error **err)
{
    autofree char *package = str_dup(name);
    char *dash = strrchr(package, '-');
    if (dash != NULL)
        *dash = '/';
    return schema_set_refine(kinds->set, str_of(package), root, err);
}

static void add_kind(struct kinds *kinds, struct kind *kind)
{
    array_grow(kinds->kinds, kinds->count, kinds->capacity);
    kinds->kinds[kinds->count++] = kind;
}

static void number_kind(struct kinds *kinds, struct kind *kind)
{
    kind->kinds = kinds;
    kind->index = kinds->numbers++;
}

static int read_kind_file(struct kinds *kinds, struct str name, struct value root, struct error **err)
{
    (void)name;
    struct kind *kind;
    if (kind_read(kinds->set, root, true, &kind, err) < 0)
        return -EINVAL;
    for (size_t i = 0; i < kinds->count; i++)
        if (str_equal(kinds->kinds[i]->group, kind->group) && str_equal(kinds->kinds[i]->name, kind->name))
            return error_make(err, EINVAL, STR_FORMAT " is there already", STR_ARGS(kind->name));
    number_kind(kinds, kind);
    add_kind(kinds, kind);
    return 0;
}

/* What is in them builds on what is in those before. */
static const struct folder folders[] = {{"/types", ".json", doc_parse, read_types},
                                        {"/rules", ".yaml", yaml_parse, read_rules},
                                        {"", ".yaml", yaml_parse, read_kind_file}};

static int read_file(struct kinds *kinds, const struct folder *folder, const char *directory, struct str name,
                     struct error **err)
{
    autofree char *path = path_format("%s/" STR_FORMAT, directory, STR_ARGS(name));
    struct value root;
    name.length -= strlen(folder->suffix);
    int result = read_document(kinds, folder, path, &root, err);
    if (result == 0)
        result = folder->read(kinds, name, root, err);
    return result < 0 ? error_wrap(err, "%s", path) : 0;
}

/* Its files, in the order of names; the hidden ones are an editor's. */
static int read_folder(struct kinds *kinds, const struct folder *folder, const char *kinds_directory,
                       struct error **err)
{
    autofree char *directory = path_format("%s%s", kinds_directory, folder->path);
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, NULL, alphasort);
    if (count < 0)
        return error_errno(err, errno, "cannot read the kinds in %s", directory);
    int result = 0;
    for (int i = 0; i < count; i++) {
        struct str name = str_of(entries[i]->d_name);
        if (result == 0 && entries[i]->d_name[0] != '.' && str_ends(name, str_of(folder->suffix)))
            result = read_file(kinds, folder, directory, name, err);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static int compare_names(const void *a, const void *b)
{
    const struct directory_name *one = a, *other = b;
    int order = str_compare(one->name, other->name);
    if (order == 0)
        order = (one->kind->group.length != 0) - (other->kind->group.length != 0);
    return order != 0 ? order : (int)one->kind->index - (int)other->kind->index;
}

/* What the root and the directory of a namespace call something else: there a kind with that plural is
 * plural.group. */
static bool is_taken(struct str plural)
{
    static const char *const names[] = {"all",    "api",        "apply",   "ctl",      "errors",
                                        "events", "finalizers", "history", "metadata", "observed",
                                        "owned",  "spec",       "status"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_is(plural, names[i]))
            return true;
    return false;
}

/* The bare plural and plural.group of each, and by which of them the directories go of those that have none
 * yet: what has a name keeps it. */
static void index_names(struct kinds *kinds)
{
    struct directory_name *names = memory_zeroed(2 * kinds->count + 1, sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < kinds->count; i++) {
        const struct kind *kind = kinds->kinds[i];
        names[count++] = (struct directory_name){kind->plural, kind};
        names[count++] = (struct directory_name){kind->qualified, kind};
    }
    qsort(names, count, sizeof(*names), compare_names);
    free(kinds->names);
    kinds->names = names;
    kinds->name_count = 0;
    for (size_t i = 0; i < count; i++)
        if (kinds->name_count == 0 || !str_equal(names[kinds->name_count - 1].name, names[i].name))
            names[kinds->name_count++] = names[i];
    for (size_t i = 0; i < kinds->count; i++) {
        struct kind *kind = kinds->kinds[i];
        if (kind->directory.at == NULL)
            kind->directory = kinds_by_directory(kinds, kind->plural) == kind && !is_taken(kind->plural)
                                  ? kind->plural
                                  : kind->qualified;
    }
}

int kinds_load(const char *directory, struct kinds **out, struct error **err)
{
    struct kinds *kinds = memory_zeroed(1, sizeof(*kinds));
    kinds->set = schema_set_new(NULL);
    int result = 0;
    for (size_t i = 0; i < COUNT(folders) && result == 0; i++)
        result = read_folder(kinds, &folders[i], directory, err);
    if (result == 0 && schema_set_read_all(kinds->set, err) < 0)
        result = error_wrap(err, "%s", directory);
    if (result < 0) {
        kinds_free(kinds);
        return result;
    }
    index_names(kinds);
    *out = kinds;
    return 0;
}

void kinds_free(struct kinds *kinds)
{
    if (kinds == NULL)
        return;
    schema_set_free(kinds->set);
    for (size_t i = 0; i < kinds->other_count; i++)
        schema_set_free(kinds->others[i]);
    free(kinds->others);
    free(kinds->kinds);
    free(kinds->gone);
    free(kinds->names);
    free(kinds);
}

/* ---- kinds that come and go ---- */

struct kind_reading *kind_reading_new(const struct kinds *kinds, struct value definition, struct error **err)
{
    struct kind_reading *reading = memory_zeroed(1, sizeof(*reading));
    struct doc *doc = schema_copy_definition(definition);
    reading->set = schema_set_new(kinds->set);
    schema_set_keep(reading->set, doc);
    kind_read_in_vain(definition, &reading->in_vain);
    if (kind_read(reading->set, doc_root(doc), false, &reading->kind, err) == 0)
        return reading;
    kind_reading_free(reading);
    return NULL;
}

void kind_reading_free(struct kind_reading *reading)
{
    if (reading == NULL)
        return;
    schema_set_free(reading->set);
    buf_free(&reading->in_vain);
    free(reading);
}

const struct kind *kind_reading_kind(const struct kind_reading *reading)
{
    return reading->kind;
}

struct str kind_reading_in_vain(const struct kind_reading *reading)
{
    return buf_str(&reading->in_vain);
}

static bool is_same(const struct kind *a, const struct kind *b)
{
    return str_equal(a->resource, b->resource) && str_equal(a->name, b->name) &&
           a->namespaced == b->namespaced;
}

/* One name, whatever it is the name of. */
static bool has_name(const struct kind *kind, struct str name)
{
    const struct kind_form *form = kind_form(kind);
    bool has = str_equal(kind->plural, name) || str_equal(form->singular, name);
    for (size_t i = 0; i < form->short_name_count && !has; i++)
        has = str_equal(form->short_names[i], name);
    return has;
}

static int refuse_name(const struct kind *other, const char *what, struct str name, struct error **err)
{
    return error_make(err, EEXIST, "spec.names.%s: \"" STR_FORMAT "\" is a name of " STR_FORMAT, what,
                      STR_ARGS(name), STR_ARGS(other->qualified));
}

static int check_against(const struct kind *kind, const struct kind *other, struct error **err)
{
    const struct kind_form *form = kind_form(kind);
    if (str_equal(kind->name, other->name))
        return refuse_name(other, "kind", kind->name, err);
    if (has_name(other, form->singular))
        return refuse_name(other, "singular", form->singular, err);
    for (size_t i = 0; i < form->short_name_count; i++)
        if (has_name(other, form->short_names[i]))
            return refuse_name(other, "shortNames", form->short_names[i], err);
    return 0;
}

int kinds_check_names(const struct kinds *kinds, const struct kind *kind, struct error **err)
{
    for (size_t i = 0; i < kinds->count; i++) {
        const struct kind *other = kinds->kinds[i];
        if (str_equal(other->group, kind->group) && !str_equal(other->plural, kind->plural) &&
            check_against(kind, other, err) < 0)
            return -EEXIST;
    }
    return 0;
}

/* The kind's place in a list; count when it isn't there. */
static size_t place_in(struct kind *const *list, size_t count, const struct kind *kind)
{
    size_t place = 0;
    while (place < count && !is_same(list[place], kind))
        place++;
    return place;
}

static struct kind *take_out(struct kind **list, size_t *count, size_t place)
{
    struct kind *kind = list[place];
    memmove(list + place, list + place + 1, (--*count - place) * sizeof(*list));
    return kind;
}

static void reform(struct kind *kind, const struct kind *like)
{
    atomic_store_explicit(&kind->form, kind_form(like), memory_order_release);
}

const struct kind *kinds_put(struct kinds *kinds, struct kind_reading *reading, bool *is_new)
{
    struct kind *kind = reading->kind;
    size_t place = place_in(kinds->kinds, kinds->count, kind);
    size_t grave = place_in(kinds->gone, kinds->gone_count, kind);
    bool adds = place == kinds->count;
    array_grow(kinds->others, kinds->other_count, kinds->other_capacity);
    kinds->others[kinds->other_count++] = take_pointer(reading->set);
    kind_reading_free(reading);
    if (!adds) {
        reform(kinds->kinds[place], kind);
        kind = kinds->kinds[place];
    } else if (grave < kinds->gone_count) {
        const struct kind *like = kind;
        kind = take_out(kinds->gone, &kinds->gone_count, grave);
        reform(kind, like);
    } else {
        number_kind(kinds, kind);
    }
    kind->ending = false;
    if (adds) {
        add_kind(kinds, kind);
        index_names(kinds);
    }
    if (is_new != NULL)
        *is_new = adds;
    return kind;
}

void kinds_end(struct kinds *kinds, const struct kind *kind, bool ending)
{
    kinds->kinds[place_in(kinds->kinds, kinds->count, kind)]->ending = ending;
}

void kinds_remove(struct kinds *kinds, const struct kind *kind)
{
    size_t place = place_in(kinds->kinds, kinds->count, kind);
    if (place == kinds->count)
        return;
    array_grow(kinds->gone, kinds->gone_count, kinds->gone_capacity);
    kinds->gone[kinds->gone_count++] = take_out(kinds->kinds, &kinds->count, place);
    index_names(kinds);
}

/* ---- looking up ---- */

size_t kinds_count(const struct kinds *kinds)
{
    return kinds->count;
}

const struct kind *kinds_at(const struct kinds *kinds, size_t place)
{
    return place < kinds->count ? kinds->kinds[place] : NULL;
}

size_t kinds_numbers(const struct kinds *kinds)
{
    return kinds->numbers;
}

static int compare_name(const void *name, const void *entry)
{
    return str_compare(*(const struct str *)name, ((const struct directory_name *)entry)->name);
}

const struct kind *kinds_by_directory(const struct kinds *kinds, struct str name)
{
    const struct directory_name *found =
        bsearch(&name, kinds->names, kinds->name_count, sizeof(*kinds->names), compare_name);
    return found != NULL ? found->kind : NULL;
}

/* Nothing fits: what comes near? */
static int unknown_kind(const struct kinds *kinds, struct str api_version, struct str name,
                        struct error **err)
{
    const struct kind *nearest = NULL;
    size_t distance = 4;
    for (size_t i = 0; i < kinds->count; i++) {
        const struct kind *kind = kinds->kinds[i];
        if (str_equal(kind->name, name))
            return error_make(err, EINVAL,
                              "no kind \"" STR_FORMAT "\" in \"" STR_FORMAT
                              "\": its apiVersion is " STR_FORMAT,
                              STR_ARGS(name), STR_ARGS(api_version), STR_ARGS(kind_form(kind)->api_version));
        size_t from_here = str_distance(kind->name, name, distance);
        if (from_here < distance) {
            distance = from_here;
            nearest = kind;
        }
    }
    if (nearest != NULL)
        return error_make(err, EINVAL,
                          "no kind \"" STR_FORMAT "\" in \"" STR_FORMAT "\": did you mean \"" STR_FORMAT
                          "\" (" STR_FORMAT ")?",
                          STR_ARGS(name), STR_ARGS(api_version), STR_ARGS(nearest->name),
                          STR_ARGS(kind_form(nearest)->api_version));
    return error_make(err, EINVAL,
                      "no kind \"" STR_FORMAT "\" in \"" STR_FORMAT "\": api/ has those that there are",
                      STR_ARGS(name), STR_ARGS(api_version));
}

const struct kind *kinds_by_manifest(const struct kinds *kinds, struct value manifest, struct error **err)
{
    if (value_type(manifest) != VALUE_OBJECT) {
        error_make(err, EINVAL, "a manifest must be a mapping with apiVersion and kind");
        return NULL;
    }
    struct str api_version = value_str(value_get(manifest, STR("apiVersion")));
    struct str name = value_str(value_get(manifest, STR("kind")));
    if (api_version.length == 0 || name.length == 0) {
        error_make(err, EINVAL, "%s: is required", api_version.length == 0 ? "apiVersion" : "kind");
        return NULL;
    }
    for (size_t i = 0; i < kinds->count; i++) {
        const struct kind *kind = kinds->kinds[i];
        if (str_equal(kind->name, name) && kind_version(kind_form(kind), api_version) != NULL)
            return kind;
    }
    unknown_kind(kinds, api_version, name, err);
    return NULL;
}
