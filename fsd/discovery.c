#include "fsd/discovery.h"

#include "fsd/fsd.h"
#include "fsd/papers.h"
#include "fsd/tell.h"
#include <errno.h>

/* ---- places ---- */

static struct str group_name(const struct kind *kind)
{
    return kind->group.length != 0 ? kind->group : STR(KIND_CORE_GROUP);
}

/* Does the kind belong below the directory? Of the api's all do, of a group's those of the group, each once
 * for every version; of a version's those that have it. */
static bool is_below(const struct place *directory, const struct kind *kind,
                     const struct kind_version *version)
{
    return directory->type == PLACE_API ||
           (str_equal(kind->group, directory->kind->group) &&
            (directory->type == PLACE_API_GROUP || str_equal(version->name, directory->version->name)));
}

/* What it is called there. */
static struct str name_in(enum place_type directory, const struct kind *kind,
                          const struct kind_version *version)
{
    return directory == PLACE_API         ? group_name(kind)
           : directory == PLACE_API_GROUP ? version->name
                                          : kind->plural;
}

static bool has_short_name(const struct kind_form *form, struct str name)
{
    for (size_t i = 0; form != NULL && i < form->short_name_count; i++)
        if (str_equal(form->short_names[i], name))
            return true;
    return false;
}

typedef bool visit_version(void *context, struct str name, const struct kind *kind,
                           const struct kind_version *version);

/* All versions of all kinds that are below the directory, until one visit is enough. */
static bool each_below(struct fsd *fsd, const struct place *directory, visit_version *visit, void *context)
{
    for (size_t i = 0; i < kinds_count(fsd->kinds); i++) {
        const struct kind *kind = kinds_at(fsd->kinds, i);
        const struct kind_form *form = kind_form(kind);
        for (size_t j = 0; j < form->version_count; j++)
            if (is_below(directory, kind, &form->versions[j]) &&
                visit(context, name_in(directory->type, kind, &form->versions[j]), kind, &form->versions[j]))
                return true;
    }
    return false;
}

struct search {
    struct str name;
    const struct kind *kind;
    const struct kind_version *version;
};

static bool is_wanted(void *context, struct str name, const struct kind *kind,
                      const struct kind_version *version)
{
    struct search *search = context;
    search->kind = kind;
    search->version = version;
    return str_equal(name, search->name);
}

/* ---- short names ---- */

/* Whose it is: the first kind's that has it. NULL: nobody's. */
static const struct kind *kind_of_short_name(struct fsd *fsd, struct str name)
{
    for (size_t i = 0; i < kinds_count(fsd->kinds); i++) {
        const struct kind *kind = kinds_at(fsd->kinds, i);
        if (has_short_name(kind_form(kind), name))
            return kind;
    }
    return NULL;
}

void discovery_link(const struct place *place, struct buf *out)
{
    buf_addf(out, STR_FORMAT "/" STR_FORMAT "/" STR_FORMAT, STR_ARGS(group_name(place->kind)),
             STR_ARGS(kind_form(place->kind)->versions[0].name), STR_ARGS(place->kind->plural));
}

/* ---- directories ---- */

int discovery_child(struct fsd *fsd, const struct place *parent, struct str name, struct place *child)
{
    struct search search = {.name = name};
    if (each_below(fsd, parent, is_wanted, &search)) {
        *child = (struct place){.type = parent->type + 1, .kind = search.kind, .version = search.version};
        return 0;
    }
    const struct kind *kind = parent->type == PLACE_API ? kind_of_short_name(fsd, name) : NULL;
    if (kind == NULL)
        return -ENOENT;
    *child = (struct place){.type = PLACE_LINK, .kind = kind, .version = &kind_form(kind)->versions[0]};
    return 0;
}

struct listing_names {
    struct fsd *fsd;
    const struct place *place;
    place_visit *visit;
    void *context;
};

/* The first that has the name stands for all. */
static bool list_once(void *context, struct str name, const struct kind *kind,
                      const struct kind_version *version)
{
    struct listing_names *listing = context;
    struct search first = {.name = name};
    each_below(listing->fsd, listing->place, is_wanted, &first);
    if (first.kind == kind && first.version == version)
        listing->visit(listing->context, name, true, false);
    return false;
}

static void list_short_names(const struct listing_names *listing, const struct kind *kind)
{
    const struct kind_form *form = kind_form(kind);
    for (size_t i = 0; i < form->short_name_count; i++) {
        struct search group = {.name = form->short_names[i]};
        if (kind_of_short_name(listing->fsd, form->short_names[i]) == kind &&
            !each_below(listing->fsd, listing->place, is_wanted, &group))
            listing->visit(listing->context, form->short_names[i], true, true);
    }
}

void discovery_list(struct fsd *fsd, const struct place *place, place_visit *visit, void *context)
{
    struct listing_names listing = {fsd, place, visit, context};
    each_below(fsd, place, list_once, &listing);
    for (size_t i = 0; i < kinds_count(fsd->kinds) && place->type == PLACE_API; i++)
        list_short_names(&listing, kinds_at(fsd->kinds, i));
}

/* ---- files ---- */

const struct kind_version *discovery_version(const struct place *place)
{
    const struct kind_form *form = kind_form(place->kind);
    for (size_t i = 0; i < form->version_count; i++)
        if (str_equal(form->versions[i].name, place->version->name))
            return &form->versions[i];
    return place->version;
}

/* The files that are papers. */
static bool is_paper(const struct special *special, enum paper *paper)
{
    static void (*const texts[PAPERS])(struct fsd *, const struct place *, uint32_t,
                                       struct buf *) = {[PAPER_SCHEMA] = discovery_schema,
                                                        [PAPER_EXPLAIN] = discovery_explain,
                                                        [PAPER_TEMPLATE] = discovery_template};
    for (*paper = 0; *paper < PAPERS; ++*paper)
        if (special->text == texts[*paper])
            return true;
    return false;
}

bool discovery_whole(struct fsd *fsd, const struct place *place, struct str *text)
{
    enum paper paper;
    if (place->type != PLACE_FILE || !is_paper(place->special, &paper))
        return false;
    *text = papers_text(fsd, place, paper);
    return true;
}

static void add_paper(struct fsd *fsd, const struct place *place, enum paper paper, struct buf *out)
{
    buf_add_str(out, papers_text(fsd, place, paper));
}

void discovery_schema(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)node;
    add_paper(fsd, place, PAPER_SCHEMA, out);
}

void discovery_explain(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)node;
    add_paper(fsd, place, PAPER_EXPLAIN, out);
}

void discovery_template(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)node;
    add_paper(fsd, place, PAPER_TEMPLATE, out);
}

void discovery_verbs(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)fsd, (void)node;
    for (size_t i = 0; i < place->kind->verb_count; i++)
        buf_addf(out, "%-10.*s %.*s\n", STR_ARGS(place->kind->verbs[i].name),
                 STR_ARGS(place->kind->verbs[i].help));
}

void discovery_measure(struct fsd *fsd, const struct place *place, uint32_t node, size_t *size,
                       int64_t *time_ms)
{
    int64_t changed_ms = node_record(fsd->nodes, node)->time_ms;
    struct str text;
    *size = discovery_whole(fsd, place, &text) ? text.length : 0;
    *time_ms = changed_ms != 0 ? changed_ms : fsd->started_ms;
}

/* ---- when a kind comes, changes or goes ---- */

static bool has_version(const struct kind_form *form, struct str name)
{
    for (size_t i = 0; form != NULL && i < form->version_count; i++)
        if (str_equal(form->versions[i].name, name))
            return true;
    return false;
}

static void tell_texts(struct fsd *fsd, uint32_t directory)
{
    const struct place place = {.type = PLACE_API_KIND};
    const struct special *special;
    for (size_t i = 0; directory != 0 && (special = special_at(i)) != NULL; i++)
        if (special_is_here(special, &place))
            tell_text(fsd, directory, str_of(special->name));
}

/* Has another kind the same group, or group and version (NULL: any)? Then these directories stay. */
static bool is_shared(struct fsd *fsd, const struct kind *kind, const struct str *version)
{
    for (size_t i = 0; i < kinds_count(fsd->kinds); i++) {
        const struct kind *other = kinds_at(fsd->kinds, i);
        if (other != kind && str_equal(other->group, kind->group) &&
            (version == NULL || has_version(kind_form(other), *version)))
            return true;
    }
    return false;
}

/* Of the versions in the one form: those that aren't in the other have come or gone with it. */
static void tell_versions(struct fsd *fsd, uint32_t group, const struct kind *kind,
                          const struct kind_form *form, const struct kind_form *other, bool gone)
{
    for (size_t i = 0; form != NULL && i < form->version_count; i++) {
        struct str name = form->versions[i].name;
        bool stays = has_version(other, name);
        if (!stays && !is_shared(fsd, kind, &name))
            tell_name(fsd, group, name, false, gone);
        uint32_t version = node_find(fsd->nodes, group, name);
        if (version != 0 && !stays)
            tell_name(fsd, version, kind->plural, false, gone);
        else if (version != 0 && !gone)
            tell_texts(fsd, node_find(fsd->nodes, version, kind->plural));
    }
}

/* The same of short names. Where one goes it may be another kind's now, and where one comes it may be another
 * one's still. */
static void tell_short_names(struct fsd *fsd, uint32_t api, const struct kind_form *form,
                             const struct kind_form *other, bool gone)
{
    for (size_t i = 0; form != NULL && i < form->short_name_count; i++) {
        struct str name = form->short_names[i];
        const struct kind *owner = has_short_name(other, name) ? NULL : kind_of_short_name(fsd, name);
        if (has_short_name(other, name) || (!gone && (owner == NULL || kind_form(owner) != form)))
            continue;
        tell_name(fsd, api, name, true, gone);
        if (gone && owner != NULL)
            tell_name(fsd, api, name, true, false);
    }
}

void discovery_tell(struct fsd *fsd, const struct kind *kind, const struct kind_form *before,
                    const struct kind_form *now)
{
    uint32_t api = node_find(fsd->nodes, NODE_ROOT, STR("api"));
    if (api == 0)
        return;
    if ((before == NULL || now == NULL) && !is_shared(fsd, kind, NULL))
        tell_name(fsd, api, group_name(kind), false, now == NULL);
    uint32_t group = node_find(fsd->nodes, api, group_name(kind));
    if (group != 0) {
        tell_versions(fsd, group, kind, before, now, true);
        tell_versions(fsd, group, kind, now, before, false);
    }
    tell_short_names(fsd, api, before, now, true);
    tell_short_names(fsd, api, now, before, false);
}
