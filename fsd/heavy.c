#include "fsd/heavy.h"

#include "fsd/documents.h"
#include "fsd/session.h"
#include "fsd/snapshot.h"
#include "fsd/special.h"
#include "fsd/worker.h"
#include "lib/yaml.h"
#include <errno.h>

struct parsing {
    struct job job;
    struct str text;
    char *copy; /* of it; NULL where it is lent */
    struct doc **docs;
    int *lines;
    int count;
    struct error *err;
};

struct computing {
    struct job job;
    /* copies of everything that the computation looks at */
    const struct kind *kind;
    char *namespace, *name, *new_uid, *path, *to_path, *bytes, *if_uid;
    struct version *before;
    struct policies *policies;
    struct doc *document; /* of the edit */
    struct edit edit;
    int64_t now_ms;
    int64_t number; /* that the new version may have */
    /* the outcome */
    int status;
    struct doc *document_before;
    struct edit_result result;
    struct error *err;
    struct computing *next;
};

struct rendering {
    struct job job;
    struct version *version; /* held */
    struct doc *document;
    struct buf manifest;
};

struct heavy {
    struct parsing *parsed;
    struct computing *computed;
    struct rendering *rendered;
};

static struct heavy *heavy_of(struct call *call)
{
    if (call->heavy == NULL)
        call->heavy = memory_zeroed(1, sizeof(*call->heavy));
    return call->heavy;
}

/* ---- what is lent ---- */

/* The bytes of the handle, or of the scratch file, stay as they are while the worker reads them. */
static struct handle_record *lender(const struct call *call)
{
    return call->lends ? handle_of_number(call->fsd->handles, call->file.fh, NULL) : NULL;
}

static struct str bytes_to_lend(const struct call *call)
{
    const struct fsd *fsd = call->fsd;
    const struct handle_record *handle = lender(call);
    if (handle != NULL)
        return arena_bytes_str(fsd->memory->arena, &handle->bytes);
    if (call->lends_scratch != 0)
        return arena_bytes_str(fsd->memory->arena, &node_record(fsd->nodes, call->lends_scratch)->content);
    return STR_NONE;
}

static void lend(const struct call *call)
{
    struct handle_record *handle = lender(call);
    if (handle != NULL)
        handle->lent++;
    if (call->lends_scratch != 0)
        node_lend(call->fsd->nodes, call->lends_scratch);
}

static void give_back(const struct call *call)
{
    struct handle_record *handle = lender(call);
    if (handle != NULL)
        handle->lent--;
    if (call->lends_scratch != 0)
        node_give_back(call->fsd->nodes, call->lends_scratch);
}

static bool is_lent(const struct call *call, struct str text)
{
    struct str bytes = bytes_to_lend(call);
    return bytes.length != 0 && text.at >= bytes.at && text.at + text.length <= bytes.at + bytes.length;
}

/* The text for as long as the work takes: a copy that lives with it, unless it is lent. */
static struct str keep(const struct call *call, char **copy, struct str text)
{
    if (text.at == NULL || is_lent(call, text))
        return text;
    *copy = str_dup(text);
    return (struct str){*copy, text.length};
}

/* ---- jobs and calls ---- */

int heavy_begin(struct call *call, struct job *job, void (*run)(struct job *job))
{
    lend(call);
    job->run = run;
    call_queue_add(&job->calls, call);
    worker_submit(call->fsd->worker, job);
    return -EINPROGRESS;
}

int heavy_join(struct call *call, struct job *job)
{
    call_queue_add(&job->calls, call);
    return -EINPROGRESS;
}

bool heavy_is_at_work(const struct job *job)
{
    return !call_queue_is_empty(&job->calls);
}

void heavy_turn(struct fsd *fsd)
{
    struct job *job;
    while ((job = worker_done(fsd->worker)) != NULL) {
        if (job->done != NULL) {
            job->done(job);
            continue;
        }
        give_back(job->calls.first);
        session_run_next(fsd->session, &job->calls);
    }
}

/* The error of an outcome that may be asked for again. */
static int repeat_error(int status, const struct error *kept, struct error **err)
{
    return kept != NULL ? error_make(err, kept->number, "%s", kept->message) : status;
}

/* ---- parsing ---- */

static void parse(struct job *job)
{
    struct parsing *parsing = (struct parsing *)job;
    parsing->count = yaml_parse_all(parsing->text, &parsing->docs, &parsing->lines, &parsing->err);
}

/* In an array, as the others are. */
static void parse_line(struct job *job)
{
    struct parsing *parsing = (struct parsing *)job;
    struct doc *doc = doc_parse(parsing->text, &parsing->err);
    parsing->docs = memory_zeroed(1, sizeof(struct doc *));
    parsing->docs[0] = doc;
    parsing->count = doc != NULL ? 1 : -parsing->err->number;
}

static struct parsing *parsing_new(const struct call *call, struct str text)
{
    struct parsing *parsing = memory_zeroed(1, sizeof(*parsing));
    parsing->text = keep(call, &parsing->copy, text);
    return parsing;
}

static void parsing_free(struct parsing *parsing)
{
    if (parsing == NULL)
        return;
    yaml_free_all(parsing->docs, parsing->count > 0 ? parsing->count : 0);
    free(parsing->lines);
    free(parsing->copy);
    error_free(parsing->err);
    free(parsing);
}

int heavy_parse_line(struct call *call, struct str line, struct doc **doc, struct error **err)
{
    struct heavy *heavy = heavy_of(call);
    struct parsing *parsing = heavy->parsed;
    if (parsing == NULL) {
        parsing = heavy->parsed = parsing_new(call, line);
        if (line.length > HEAVY_BYTES)
            return heavy_begin(call, &parsing->job, parse_line);
        parse_line(&parsing->job);
    }
    *doc = parsing->docs[0];
    return parsing->count < 0 ? repeat_error(parsing->count, parsing->err, err) : 0;
}

int heavy_parse(struct call *call, struct str text, struct doc ***docs, int **lines, struct error **err)
{
    struct heavy *heavy = heavy_of(call);
    struct parsing *parsing = heavy->parsed;
    if (parsing == NULL) {
        parsing = heavy->parsed = parsing_new(call, text);
        if (text.length > HEAVY_BYTES)
            return heavy_begin(call, &parsing->job, parse);
        parse(&parsing->job);
    }
    *docs = parsing->docs;
    *lines = parsing->lines;
    return parsing->count < 0 ? repeat_error(parsing->count, parsing->err, err) : parsing->count;
}

/* ---- computing ---- */

/* How large the manifest will be: with a number of one digit, which is taken off. */
static size_t manifest_size(struct doc *document)
{
    autobuf struct buf text = {0};
    value_set_str(value_get(doc_root(document), STR("metadata")), STR("resourceVersion"), STR("0"));
    yaml_write(&text, doc_root(document));
    return text.length - 1;
}

static void compute(struct job *job)
{
    struct computing *computing = (struct computing *)job;
    if (computing->before != NULL)
        computing->document_before = doc_parse(version_text(computing->before), NULL);
    const struct edit_base base = {.kind = computing->kind,
                                   .namespace = str_of(computing->namespace),
                                   .name = str_of(computing->name),
                                   .before = computing->before,
                                   .document = doc_root(computing->document_before),
                                   .new_uid = str_of(computing->new_uid),
                                   .policies = computing->policies};
    computing->status =
        edit_compute(&base, &computing->edit, computing->now_ms, &computing->result, &computing->err);
    struct edit_result *result = &computing->result;
    if (computing->status < 0 || result->unchanged)
        return;
    struct str before = {result->text.at, result->split};
    struct str after = {result->text.at + result->split, result->text.length - result->split};
    result->version =
        version_new(computing->kind, before, computing->number, after, doc_root(result->document),
                    computing->now_ms, result->flags | (result->gone ? VERSION_GONE : 0), result->status);
    if (result->document != NULL && !result->gone)
        result->manifest_size = manifest_size(result->document);
}

static void computing_free(struct computing *computing)
{
    free(computing->namespace);
    free(computing->name);
    free(computing->new_uid);
    free(computing->path);
    free(computing->to_path);
    free(computing->bytes);
    free(computing->if_uid);
    version_drop(computing->before);
    policies_drop(computing->policies);
    doc_free(computing->document);
    doc_free(computing->document_before);
    edit_result_free(&computing->result);
    error_free(computing->err);
    free(computing);
}

/* What has been parsed for the call lives as long as the computation, and nobody else looks at it meanwhile.
 */
static bool is_parsed_for_call(const struct heavy *heavy, struct value document)
{
    for (int i = 0; heavy->parsed != NULL && i < heavy->parsed->count; i++)
        if (heavy->parsed->docs[i] == document.doc)
            return true;
    return false;
}

static struct computing *computing_new(const struct call *call, const struct edit_base *base,
                                       const struct edit *edit, int64_t now_ms)
{
    struct computing *computing = memory_zeroed(1, sizeof(*computing));
    computing->kind = base->kind;
    keep(call, &computing->namespace, base->namespace);
    keep(call, &computing->name, base->name);
    keep(call, &computing->new_uid, base->new_uid);
    computing->before = version_hold((struct version *)base->before);
    computing->policies = policies_hold(base->policies);
    computing->edit = *edit;
    computing->edit.path = keep(call, &computing->path, edit->path);
    computing->edit.to_path = keep(call, &computing->to_path, edit->to_path);
    computing->edit.bytes = keep(call, &computing->bytes, edit->bytes);
    computing->edit.if_uid = keep(call, &computing->if_uid, edit->if_uid);
    if (value_exists(edit->document) && !is_parsed_for_call(call->heavy, edit->document)) {
        computing->document = doc_copy(edit->document);
        computing->edit.document = doc_root(computing->document);
    }
    computing->now_ms = now_ms;
    computing->number = call->fsd->memory->header->given.version + 1;
    return computing;
}

static size_t size_of(const struct edit_base *base, const struct edit *edit)
{
    return edit->bytes.length + edit->weight + (base->before != NULL ? base->before->length : 0);
}

/* Documents are compared where they live as long as the call; other ones aren't asked for twice upon one
 * version. */
static bool is_same_edit(const struct computing *computing, const struct edit *edit)
{
    const struct edit *before = &computing->edit;
    return before->type == edit->type && before->size == edit->size && before->grace == edit->grace &&
           before->verb == edit->verb && before->server == edit->server &&
           before->if_version == edit->if_version && str_equal(before->if_uid, edit->if_uid) &&
           str_equal(before->path, edit->path) && str_equal(before->to_path, edit->to_path) &&
           str_equal(before->bytes, edit->bytes) &&
           (computing->document != NULL ||
            (before->document.doc == edit->document.doc && before->document.at == edit->document.at));
}

static struct computing *find(struct heavy *heavy, const struct edit_base *base, const struct edit *edit)
{
    struct computing *computing = heavy->computed;
    while (computing != NULL &&
           (computing->kind != base->kind || computing->before != base->before ||
            !str_is(base->name, computing->name) || !str_is(base->namespace, computing->namespace) ||
            !is_same_edit(computing, edit)))
        computing = computing->next;
    return computing;
}

/* The change may be taken back and made again while another one of the call is computed: so the outcome is
 * kept, and its texts lent, but for the document and what it defines, which go to the first who asks. */
static struct edit_result copy_of(struct edit_result *result)
{
    struct edit_result copy = *result;
    copy.lent = true;
    copy.status = result->status != NULL ? strdup(result->status) : NULL;
    copy.subject = result->subject != NULL ? strdup(result->subject) : NULL;
    result->document = NULL;
    result->defines = NULL;
    return copy;
}

int heavy_compute(struct call *call, struct edit_base *base, const struct edit *edit, int64_t now_ms,
                  struct edit_result *result, struct error **err)
{
    if (call == NULL || size_of(base, edit) <= HEAVY_BYTES)
        return edit_compute(base, edit, now_ms, result, err);
    struct heavy *heavy = heavy_of(call);
    struct computing *computing = find(heavy, base, edit);
    if (computing == NULL) {
        computing = computing_new(call, base, edit, now_ms);
        computing->next = heavy->computed;
        heavy->computed = computing;
        return heavy_begin(call, &computing->job, compute);
    }
    if (computing->status < 0)
        return repeat_error(computing->status, computing->err, err);
    if (computing->document_before != NULL) /* will be compared when the change becomes visible */
        document_keep(call->fsd->documents, computing->before, take_pointer(computing->document_before));
    *result = copy_of(&computing->result);
    base->new_uid = str_of(computing->new_uid);
    return 0;
}

/* ---- documents of versions ---- */

static void render(struct job *job)
{
    struct rendering *rendering = (struct rendering *)job;
    rendering->document = doc_parse(version_text(rendering->version), NULL);
    yaml_write(&rendering->manifest, doc_root(rendering->document));
}

static void rendering_free(struct rendering *rendering)
{
    if (rendering == NULL)
        return;
    version_drop(rendering->version);
    doc_free(rendering->document);
    buf_free(&rendering->manifest);
    free(rendering);
}

int heavy_document(struct call *call, struct version *version, bool manifest)
{
    struct documents *documents = call->fsd->documents;
    if (version->length <= HEAVY_BYTES ||
        (version->manifest_size != 0 && document_is_kept(documents, version, manifest)))
        return 0;
    struct heavy *heavy = heavy_of(call);
    struct rendering *rendering = take_pointer(heavy->rendered);
    if (rendering != NULL && rendering->version == version) {
        document_keep(documents, version, take_pointer(rendering->document));
        document_keep_manifest(documents, version, &rendering->manifest);
        rendering_free(rendering);
        return 0;
    }
    rendering_free(rendering);
    heavy->rendered = memory_zeroed(1, sizeof(*rendering));
    heavy->rendered->version = version_hold(version);
    return heavy_begin(call, &heavy->rendered->job, render);
}

/* Is it manifest.yaml? */
static bool shows_manifest(struct fsd *fsd, uint32_t node)
{
    struct place place;
    return place_of_node(fsd, node, &place) == 0 && place.type == PLACE_FILE &&
           place.special->class == SPECIAL_TEXT;
}

int heavy_prepare(struct call *call)
{
    struct fsd *fsd = call->fsd;
    uint32_t node = call_node(call), of = node;
    while (of != 0 && of != NODE_ROOT && node_record(fsd->nodes, of)->object == 0)
        of = node_record(fsd->nodes, of)->parent;
    int64_t id = of != 0 ? node_record(fsd->nodes, of)->object : 0;
    const struct object *object = id != 0 ? object_by_id(fsd->objects, id) : NULL;
    if (object == NULL || !object_is_visible(object) || object->committed->length <= HEAVY_BYTES)
        return 0;
    /* To find what a node is its object's document may be needed. A larger manifest is taken as a snapshot.
     */
    bool manifest = document_is_kept(fsd->documents, object->committed, false) &&
                    object->committed->manifest_size <= SNAPSHOT_BYTES && shows_manifest(fsd, node);
    return heavy_document(call, object->committed, manifest);
}

void heavy_free(struct heavy *heavy)
{
    if (heavy == NULL)
        return;
    parsing_free(heavy->parsed);
    rendering_free(heavy->rendered);
    for (struct computing *computing = heavy->computed, *next; computing != NULL; computing = next) {
        next = computing->next;
        computing_free(computing);
    }
    free(heavy);
}

void heavy_forget(struct call *call)
{
    heavy_free(take_pointer(call->heavy));
}
