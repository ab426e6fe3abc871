#include "fsd/papers.h"

#include "fsd/custom.h"
#include "fsd/describe.h"
#include "fsd/discovery.h"
#include "fsd/heavy.h"
#include "fsd/operations.h"
#include "fsd/template.h"
#include "lib/explain.h"
#include "lib/log.h"
#include <errno.h>

#define KEPT 4

/* Of one version of a kind. */
struct set {
    struct job job;
    const struct kind *kind;
    const struct kind_version *version;
    struct version *definition; /* of a user's kind, held; or NULL */
    struct value sentences;
    const char *directory;
    struct doc *found; /* the sentences, where nobody had read them before */
    struct buf texts[PAPERS];
    struct set *next;
};

struct papers {
    char *directory;
    struct doc *sentences; /* NULL: not yet read */
    struct set *sets;      /* what was asked for last comes first */
};

struct papers *papers_new(const char *directory)
{
    struct papers *papers = memory_zeroed(1, sizeof(*papers));
    papers->directory = str_dup(str_of(directory));
    return papers;
}

static void set_free(struct set *set)
{
    for (size_t i = 0; i < PAPERS; i++)
        buf_free(&set->texts[i]);
    doc_free(set->found);
    version_drop(set->definition);
    free(set);
}

void papers_free(struct papers *papers)
{
    if (papers == NULL)
        return;
    for (struct set *set = papers->sets, *next; set != NULL; set = next) {
        next = set->next;
        set_free(set);
    }
    doc_free(papers->sentences);
    free(papers->directory);
    free(papers);
}

/* ---- making them ---- */

static void add_names(struct buf *out, const struct kind *kind)
{
    const struct kind_form *form = kind_form(kind);
    buf_addf(out, "names: " STR_FORMAT ", " STR_FORMAT, STR_ARGS(kind->qualified), STR_ARGS(form->singular));
    for (size_t i = 0; i < form->short_name_count; i++)
        buf_addf(out, ", " STR_FORMAT, STR_ARGS(form->short_names[i]));
    buf_add_char(out, '\n');
}

/* Where its fields are in the tree: those of the spec stand in the object's directory itself. */
static void add_paths(struct buf *out, const struct kind *kind)
{
    const struct kind_form *form = kind_form(kind);
    buf_addf(out, "files: %s" STR_FORMAT "/<name>/", kind->namespaced ? "namespaces/<namespace>/" : "",
             STR_ARGS(kind->directory));
    if (form->spec != NULL)
        buf_add_text(out, ", where spec.x is x");
    if (form->status != NULL)
        buf_addf(out, "%s status.x is observed/x", form->spec != NULL ? " and" : ", where");
    buf_add_char(out, '\n');
}

static void write_explain(const struct set *set, struct value schema, struct buf *out)
{
    struct str sentence = explain_sentence(schema);
    buf_addf(out, STR_FORMAT ", " STR_FORMAT, STR_ARGS(set->kind->name), STR_ARGS(set->version->api_version));
    if (sentence.length != 0) {
        buf_add_text(out, " - ");
        explain_add_flat(sentence, out);
    }
    buf_add_char(out, '\n');
    add_names(out, set->kind);
    add_paths(out, set->kind);
    buf_add_char(out, '\n');
    explain_fields(schema, STR(""), out);
}

static void make(struct job *job)
{
    struct set *set = (struct set *)job;
    if (!value_exists(set->sentences)) {
        autoerror struct error *error = NULL;
        set->found = sentences_read(set->directory, &error);
        if (set->found == NULL) { /* without them all else can still be said */
            log_error("cannot say what fields are for: %s", error_message(error));
            set->found = doc_new();
        }
        set->sentences = doc_root(set->found);
    }
    autodoc struct doc *doc = doc_new(), *definition = set->definition != NULL
                                                           ? doc_parse(version_text(set->definition), NULL)
                                                           : NULL;
    describe_version(set->kind, set->version, set->sentences, doc_root(definition), doc_root(doc));
    value_write(&set->texts[PAPER_SCHEMA], doc_root(doc));
    buf_add_char(&set->texts[PAPER_SCHEMA], '\n');
    write_explain(set, doc_root(doc), &set->texts[PAPER_EXPLAIN]);
    template_write(set->kind, set->version, doc_root(doc), &set->texts[PAPER_TEMPLATE]);
}

/* ---- keeping them ---- */

/* It comes first then; NULL when there is none. */
static struct set *find(struct papers *papers, const struct kind_version *version)
{
    struct set **at = &papers->sets;
    while (*at != NULL && (*at)->version != version)
        at = &(*at)->next;
    struct set *set = *at;
    if (set == NULL)
        return NULL;
    *at = set->next;
    set->next = papers->sets;
    papers->sets = set;
    return set;
}

static void drop_oldest(struct papers *papers)
{
    size_t count = 0;
    for (struct set **at = &papers->sets; *at != NULL;) {
        struct set *set = *at;
        if (heavy_is_at_work(&set->job) || ++count <= KEPT) {
            at = &set->next;
            continue;
        }
        *at = set->next;
        set_free(set);
    }
}

static struct version *definition_of(struct fsd *fsd, const struct kind *kind)
{
    const struct kind *definitions = kinds_by_directory(fsd->kinds, STR(CUSTOM_DEFINITIONS));
    const struct object *object = kind->custom && definitions != NULL
                                      ? object_visible(fsd->objects, definitions, STR(""), kind->qualified)
                                      : NULL;
    return object != NULL ? version_hold(object->committed) : NULL;
}

static struct set *add(struct fsd *fsd, const struct place *place, const struct kind_version *version)
{
    struct papers *papers = fsd->papers;
    struct set *set = memory_zeroed(1, sizeof(*set));
    *set = (struct set){.kind = place->kind,
                        .version = version,
                        .definition = definition_of(fsd, place->kind),
                        .sentences = doc_root(papers->sentences),
                        .directory = papers->directory,
                        .next = papers->sets};
    papers->sets = set;
    drop_oldest(papers);
    return set;
}

/* Whoever was first to read the sentences has read them for all. */
static void take_sentences(struct papers *papers, struct set *set)
{
    if (papers->sentences == NULL)
        papers->sentences = take_pointer(set->found);
    doc_free(take_pointer(set->found));
}

/* Does it look at one of the papers, or at the directory that has them, for what is in it? */
static bool looks_at_papers(const struct call *call, const struct place *place)
{
    const struct place directory = {.type = PLACE_API_KIND};
    if (place->type == PLACE_API_KIND)
        return call->name != NULL || call->operation == &op_readdirplus;
    return place->type == PLACE_FILE && special_is_here(place->special, &directory);
}

int papers_prepare(struct call *call)
{
    struct fsd *fsd = call->fsd;
    struct place place;
    uint32_t node = call_node(call);
    if (node == 0 || place_of_node(fsd, node, &place) < 0 || !looks_at_papers(call, &place))
        return 0;
    const struct kind_version *version = discovery_version(&place);
    struct set *set = find(fsd->papers, version);
    if (set == NULL)
        return heavy_begin(call, &add(fsd, &place, version)->job, make);
    if (heavy_is_at_work(&set->job))
        return heavy_join(call, &set->job);
    take_sentences(fsd->papers, set);
    return 0;
}

struct str papers_text(struct fsd *fsd, const struct place *place, enum paper paper)
{
    const struct kind_version *version = discovery_version(place);
    struct set *set = find(fsd->papers, version);
    if (set == NULL) { /* nobody has prepared it: a question of main's own */
        set = add(fsd, place, version);
        make(&set->job);
        take_sentences(fsd->papers, set);
    }
    return heavy_is_at_work(&set->job) ? STR("") : buf_str(&set->texts[paper]);
}
