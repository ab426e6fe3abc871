#include "fsd/heavy.h"

#include "fsd/session.h"
#include "fsd/worker.h"
#include "lib/yaml.h"
#include <errno.h>

struct parsing {
    struct job job;
    char *text;
    size_t length;
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
    struct doc *document;
    struct edit edit;
    int64_t now_ms;
    /* the outcome */
    int status;
    struct edit_result result;
    struct error *err;
    struct computing *next;
};

struct heavy {
    struct parsing *parsed;
    struct computing *computed;
};

static struct heavy *heavy_of(struct call *call)
{
    if (call->heavy == NULL)
        call->heavy = memory_zeroed(1, sizeof(*call->heavy));
    return call->heavy;
}

static int hand_over(struct call *call, struct job *job, void (*run)(struct job *job))
{
    job->run = run;
    job->call = call;
    worker_submit(call->fsd->worker, job);
    return -EINPROGRESS;
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
    parsing->count = yaml_parse_all((struct str){parsing->text, parsing->length}, &parsing->docs,
                                    &parsing->lines, &parsing->err);
}

int heavy_parse(struct call *call, struct str text, struct doc ***docs, int **lines, struct error **err)
{
    struct heavy *heavy = heavy_of(call);
    struct parsing *parsing = heavy->parsed;
    if (parsing == NULL) {
        parsing = heavy->parsed = memory_zeroed(1, sizeof(*parsing));
        parsing->text = str_dup(text);
        parsing->length = text.length;
        if (text.length > HEAVY_BYTES)
            return hand_over(call, &parsing->job, parse);
        parse(&parsing->job);
    }
    *docs = parsing->docs;
    *lines = parsing->lines;
    return parsing->count < 0 ? repeat_error(parsing->count, parsing->err, err) : parsing->count;
}

/* ---- computing ---- */

static void compute(struct job *job)
{
    struct computing *computing = (struct computing *)job;
    const struct edit_base base = {.kind = computing->kind,
                                   .namespace = str_of(computing->namespace),
                                   .name = str_of(computing->name),
                                   .before = computing->before,
                                   .new_uid = str_of(computing->new_uid)};
    computing->status =
        edit_compute(&base, &computing->edit, computing->now_ms, &computing->result, &computing->err);
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
    doc_free(computing->document);
    edit_result_free(&computing->result);
    error_free(computing->err);
    free(computing);
}

/* The copy lives as long as the computation. */
static struct str keep(char **copy, struct str text)
{
    if (text.at == NULL)
        return STR_NONE;
    *copy = str_dup(text);
    return (struct str){*copy, text.length};
}

static struct computing *computing_new(const struct edit_base *base, const struct edit *edit, int64_t now_ms)
{
    struct computing *computing = memory_zeroed(1, sizeof(*computing));
    computing->kind = base->kind;
    keep(&computing->namespace, base->namespace);
    keep(&computing->name, base->name);
    keep(&computing->new_uid, base->new_uid);
    computing->before = version_hold((struct version *)base->before);
    computing->edit = *edit;
    computing->edit.path = keep(&computing->path, edit->path);
    computing->edit.to_path = keep(&computing->to_path, edit->to_path);
    computing->edit.bytes = keep(&computing->bytes, edit->bytes);
    computing->edit.if_uid = keep(&computing->if_uid, edit->if_uid);
    if (value_exists(edit->document)) {
        computing->document = doc_copy(edit->document);
        computing->edit.document = doc_root(computing->document);
    }
    computing->now_ms = now_ms;
    return computing;
}

static size_t size_of(const struct edit_base *base, const struct edit *edit)
{
    return edit->bytes.length + edit->weight + (base->before != NULL ? base->before->length : 0);
}

static struct computing *find(struct heavy *heavy, const struct edit_base *base, const struct edit *edit)
{
    struct computing *computing = heavy->computed;
    while (computing != NULL && (computing->kind != base->kind || computing->edit.type != edit->type ||
                                 computing->before != base->before || !str_is(base->name, computing->name) ||
                                 !str_is(base->namespace, computing->namespace)))
        computing = computing->next;
    return computing;
}

static struct edit_result copy_of(const struct edit_result *result)
{
    struct edit_result copy = *result;
    copy.text = (struct buf){0};
    buf_add_str(&copy.text, buf_str(&result->text));
    copy.status = result->status != NULL ? strdup(result->status) : NULL;
    copy.subject = result->subject != NULL ? strdup(result->subject) : NULL;
    copy.document = NULL;
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
        computing = computing_new(base, edit, now_ms);
        computing->next = heavy->computed;
        heavy->computed = computing;
        return hand_over(call, &computing->job, compute);
    }
    if (computing->status < 0)
        return repeat_error(computing->status, computing->err, err);
    /* Kept, because the change may be taken back and made again while another one of the call is computed. */
    *result = copy_of(&computing->result);
    base->new_uid = str_of(computing->new_uid);
    return 0;
}

void heavy_turn(struct fsd *fsd)
{
    struct job *job;
    while ((job = worker_done(fsd->worker)) != NULL)
        session_run_later(fsd->session, job->call);
}

void heavy_free(struct heavy *heavy)
{
    if (heavy == NULL)
        return;
    if (heavy->parsed != NULL) {
        yaml_free_all(heavy->parsed->docs, heavy->parsed->count > 0 ? heavy->parsed->count : 0);
        free(heavy->parsed->lines);
        free(heavy->parsed->text);
        error_free(heavy->parsed->err);
        free(heavy->parsed);
    }
    for (struct computing *computing = heavy->computed, *next; computing != NULL; computing = next) {
        next = computing->next;
        computing_free(computing);
    }
    free(heavy);
}
