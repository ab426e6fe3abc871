#include "fsd/edit_private.h"

#include "fsd/admission.h"
#include "fsd/check.h"
#include "fsd/columns.h"
#include "fsd/field.h"
#include "fsd/managed.h"
#include "fsd/merge.h"
#include "fsd/rules.h"
#include "fsd/scaffold.h"
#include "fsd/secret.h"
#include "fsd/subject.h"
#include "fsd/validate.h"
#include "lib/clock.h"
#include <errno.h>

void work_set_time(struct value v, struct str key, int64_t ms)
{
    char text[CLOCK_TEXT];
    clock_format(ms, text);
    value_set_str(v, key, str_of(text));
}

static int refuse_size(size_t length, struct error **err)
{
    return error_make(err, EFBIG, "the object would have %zu bytes; at most %u are possible", length,
                      OBJECT_LIMIT);
}

/* ---- preconditions ---- */

static int check_version(const struct work *work, int64_t wanted, struct error **err)
{
    const struct version *before = work->base->before;
    if (wanted == 0 || (before != NULL && before->number == wanted))
        return 0;
    return error_make(
        err, EAGAIN, STR_FORMAT "/" STR_FORMAT " has changed: it is at version %lld, not %lld; read it again",
        STR_ARGS(work->base->kind->plural), STR_ARGS(work->base->name),
        before != NULL ? (long long)before->number : 0LL, (long long)wanted);
}

static int check_preconditions(const struct work *work, struct error **err)
{
    const struct edit *edit = work->edit;
    struct str uid = value_str(value_get(work_metadata_before(work), STR("uid")));
    if (edit->if_uid.length != 0 && !str_equal(edit->if_uid, uid))
        return error_make(err, ENOENT, STR_FORMAT "/" STR_FORMAT " with uid " STR_FORMAT " is gone",
                          STR_ARGS(work->base->kind->plural), STR_ARGS(work->base->name),
                          STR_ARGS(edit->if_uid));
    int result = check_version(work, edit->if_version, err);
    if (result < 0 || !value_exists(edit->document) ||
        (edit->type != EDIT_REPLACE && edit->type != EDIT_APPLY))
        return result;
    /* A document that is this very object's carries the version that it was read at. It says what should be,
     * so what has been observed since doesn't matter: else nobody could edit an object while a controller
     * reports on it. */
    struct value metadata = value_get(edit->document, STR("metadata"));
    int64_t version;
    if (uid.length == 0 || !str_equal(value_str(value_get(metadata, STR("uid"))), uid) ||
        !str_to_int64(value_str(value_get(metadata, STR("resourceVersion"))), &version))
        return 0;
    const struct version *before = work->base->before;
    bool only_observed = version >= before->desired && version <= before->number;
    return only_observed ? 0 : check_version(work, version, err);
}

/* ---- the edits ---- */

/* Where there should be something that has secrets in it, what is given may be one, and is not said. */
static int refuse_type(const struct work *work, struct value given, const char *wanted, struct error **err)
{
    return work->form->schema->secrets ? error_make(err, EINVAL, "%s", wanted)
                                       : check_refuse(given, wanted, err);
}

/* Its members are filled in and put back, so it has to be what it should before it can be validated. */
static int check_metadata(const struct work *work, struct error **err)
{
    struct value metadata = value_get(work->edit->document, STR("metadata"));
    if (!value_exists(metadata) || value_type(metadata) == VALUE_NULL || value_type(metadata) == VALUE_OBJECT)
        return 0;
    return refuse_type(work, metadata, "metadata: must be a mapping", err);
}

/* What was written for another version has to be right as that, and then as what it is kept as: where there
 * is no conversion, only the name of the version changes. */
static int check_as_version(const struct kind_version *version, struct value document, struct error **err)
{
    autodoc struct doc *copy = doc_copy(document);
    schema_prune_nulls(version->schema, doc_root(copy));
    schema_default(version->schema, doc_root(copy));
    return schema_validate(version->schema, doc_root(copy), err);
}

/* Much of its metadata is put back, and its status left out: they must have been well formed all the same. */
static int check_version_of(const struct work *work, const struct kind_version *version, struct error **err)
{
    static const char *const members[] = {"metadata", "status"};
    struct value document = work->edit->document;
    for (size_t i = 0; i < COUNT(members) && !value_exists(work->before); i++)
        if (schema_check_shape(version->schema, document, members[i], err) < 0)
            return -EINVAL;
    return version == work->form->versions ? 0 : check_as_version(version, document, err);
}

static int check_manifest(const struct work *work, struct error **err)
{
    struct value document = work->edit->document;
    if (value_type(document) != VALUE_OBJECT)
        return refuse_type(work, document, "must be a mapping of fields", err);
    const struct kind *kind = work->base->kind;
    int result = check_metadata(work, err);
    if (result < 0)
        return result;
    struct str version = value_str(value_get(document, STR("apiVersion")));
    struct str name = value_str(value_get(document, STR("kind")));
    if (version.length == 0 || name.length == 0)
        return error_make(err, EINVAL, "%s: is required", version.length == 0 ? "apiVersion" : "kind");
    const struct kind_version *given = kind_version(work->form, version);
    if (given != NULL && str_equal(name, kind->name))
        return check_version_of(work, given, err);
    return error_make(err, EINVAL,
                      "this is a manifest of a " STR_FORMAT " (" STR_FORMAT
                      "), and here it has to be a " STR_FORMAT " (" STR_FORMAT ")",
                      STR_ARGS(name), STR_ARGS(version), STR_ARGS(kind->name),
                      STR_ARGS(work->form->api_version));
}

/* Into the form in which objects are kept. */
static void convert(const struct work *work, struct value manifest)
{
    const struct kind_version *given =
        kind_version(work->form, value_str(value_get(manifest, STR("apiVersion"))));
    if (given != NULL && given->convert != NULL)
        given->convert(manifest);
}

static struct doc *copy_manifest(const struct work *work)
{
    struct doc *copy = doc_copy(work->edit->document);
    convert(work, doc_root(copy));
    return copy;
}

static int do_replace(struct work *work, struct error **err)
{
    int result = check_manifest(work, err);
    if (result < 0)
        return result;
    work->after = copy_manifest(work);
    struct value metadata = value_ensure_object(doc_root(work->after), STR("metadata"));
    static const char *const unless_given[] = {"finalizers", "ownerReferences"};
    for (size_t i = 0; i < 2; i++) {
        struct value old = value_get(work_metadata_before(work), str_of(unless_given[i]));
        if (value_exists(old) && !value_exists(value_get(metadata, str_of(unless_given[i]))))
            value_set_copy(metadata, str_of(unless_given[i]), old);
    }
    work->draft = false;
    return 0;
}

/* What is kept of a document that is applied: which values it had, of secrets, and of all else what they
 * were. */
static void write_applied(const struct schema *schema, struct value wanted, struct buf *out)
{
    autodoc struct doc *kept = schema->secrets ? doc_copy(wanted) : NULL;
    if (kept != NULL)
        secrets_blank_all(schema, doc_root(kept));
    value_write(out, kept != NULL ? doc_root(kept) : wanted);
}

static int do_apply(struct work *work, struct error **err)
{
    int result = check_manifest(work, err);
    if (result < 0)
        return result;
    autodoc struct doc *wanted = copy_manifest(work);
    struct value metadata = value_ensure_object(doc_root(wanted), STR("metadata"));
    static const char *const not_wanted[] = {"uid",        "resourceVersion", "creationTimestamp",
                                             "generation", "managedFields",   "selfLink"};
    for (size_t i = 0; i < COUNT(not_wanted); i++)
        value_unset(metadata, str_of(not_wanted[i]));
    value_unset(doc_root(wanted), STR("status"));
    value_unset(value_get(metadata, STR("annotations")), STR(MERGE_LAST_APPLIED));
    autobuf struct buf text = {0};
    write_applied(work->form->schema, doc_root(wanted), &text);
    if (text.length > OBJECT_LIMIT)
        return refuse_size(text.length, err);
    if (text.length > ANNOTATIONS_AT_MOST)
        return error_make(
            err, EFBIG,
            "apply keeps the manifest in an annotation, which holds at most %u bytes, not %zu: make "
            "the object with mkdir and write its manifest.yaml",
            ANNOTATIONS_AT_MOST, text.length);

    if (!value_exists(work->before)) {
        work->after = doc_copy(doc_root(wanted));
    } else {
        struct value kept = value_at(work_metadata_before(work), "annotations", MERGE_LAST_APPLIED);
        autodoc struct doc *last = value_exists(kept) ? doc_parse(value_str(kept), NULL) : NULL;
        convert(work, doc_root(last));
        work->after = doc_copy(work->before);
        /* One is always wanted, the one below: others' stay, also where the manifest has none any more. */
        if (value_type(value_get(metadata, STR("annotations"))) <= VALUE_NULL)
            value_set_object(metadata, STR("annotations"));
        merge_apply(work->base->kind->custom ? NULL : work->form->schema, doc_root(last),
                    doc_root(work->after), doc_root(wanted));
    }
    metadata = value_ensure_object(doc_root(work->after), STR("metadata"));
    enum value_type annotations = value_type(value_get(metadata, STR("annotations")));
    if (annotations == VALUE_NONE || annotations == VALUE_NULL || annotations == VALUE_OBJECT)
        value_set_str(value_ensure_object(metadata, STR("annotations")), STR(MERGE_LAST_APPLIED),
                      buf_str(&text)); /* anything else is refused by and by */
    work->draft = false;
    return 0;
}

static int do_create(struct work *work, struct error **err)
{
    int result = check_manifest(work, err);
    if (result < 0)
        return result;
    work->after = copy_manifest(work);
    return 0;
}

static int do_draft(struct work *work, struct error **err)
{
    (void)err;
    work->after = doc_new();
    value_set_str(doc_root(work->after), STR("apiVersion"), work->form->api_version);
    value_set_str(doc_root(work->after), STR("kind"), work->base->kind->name);
    value_set_object(doc_root(work->after), STR("metadata"));
    work->draft = !work->base->kind->live_when_empty;
    if (work->draft && work->form->spec != NULL)
        value_set_object(doc_root(work->after), STR("spec")); /* so that its defaults show */
    return 0;
}

static int check_patch(const struct work *work, struct error **err)
{
    struct value document = work->edit->document;
    if (!value_exists(document))
        return error_make(err, EINVAL, "merge: is required");
    if (value_type(document) != VALUE_OBJECT)
        return refuse_type(work, document, "merge: must be an object", err);
    return 0;
}

/* What an object is can't be patched; a version that is given must be the one that it has. */
static int check_identity(const struct work *work, struct error **err)
{
    static const char *const identity[][2] = {
        {"apiVersion"}, {"kind"}, {"metadata", "name"}, {"metadata", "namespace"}, {"metadata", "uid"}};
    for (size_t i = 0; i < COUNT(identity); i++) {
        struct value given = work->edit->document, old = work->before;
        autobuf struct buf path = {0};
        for (size_t step = 0; step < 2 && identity[i][step] != NULL; step++) {
            given = value_get(given, str_of(identity[i][step]));
            old = value_get(old, str_of(identity[i][step]));
            buf_addf(&path, "%s%s", step != 0 ? "." : "", identity[i][step]);
        }
        if (value_exists(given) && !value_equal(given, old))
            return error_make(err, EINVAL, "%s: can't be changed", path.at);
    }
    struct value version = value_at(work->edit->document, "metadata", "resourceVersion");
    int64_t number = 0;
    if (!value_exists(version) || value_type(version) == VALUE_NULL)
        return 0;
    if (!str_to_int64(value_str(version), &number))
        return check_refuse(version, "metadata.resourceVersion: must be a resourceVersion", err);
    return check_version(work, number, err);
}

static int do_merge(struct work *work, struct error **err)
{
    int result = check_patch(work, err);
    if (result == 0)
        result = check_metadata(work, err);
    if (result == 0)
        result = check_identity(work, err);
    if (result == 0)
        value_merge(doc_root(work->after), work->edit->document);
    return result;
}

static int do_status(struct work *work, struct error **err)
{
    int result = check_patch(work, err);
    if (result < 0)
        return result;
    if (work->form->status == NULL)
        return error_make(err, EINVAL, "a " STR_FORMAT " has no status", STR_ARGS(work->base->kind->name));
    value_merge(value_ensure_object(doc_root(work->after), STR("status")), work->edit->document);
    return 0;
}

static int do_field_write(struct work *work, struct error **err)
{
    return field_write(work->base->kind, doc_root(work->after), work->edit->path, work->edit->bytes,
                       work->edit->server, err);
}

static int do_field_append(struct work *work, struct error **err)
{
    return field_append(work->base->kind, doc_root(work->after), work->edit->path, work->edit->bytes,
                        work->edit->server, err);
}

static int do_field_cut(struct work *work, struct error **err)
{
    return field_cut(work->base->kind, doc_root(work->after), work->edit->path, work->edit->size,
                     work->edit->server, err);
}

static int do_field_make(struct work *work, struct error **err)
{
    return field_make_directory(work->base->kind, doc_root(work->after), work->edit->path, work->edit->server,
                                err);
}

static int do_field_remove(struct work *work, struct error **err)
{
    const struct kind *kind = work->base->kind;
    const struct edit *edit = work->edit;
    for (struct str others = edit->bytes, other; others.length > 0;) {
        autoerror struct error *refusal = NULL;
        (void)str_split(&others, '\0', &other);
        (void)field_remove(kind, doc_root(work->after), other, edit->server, &refusal);
    }
    return field_remove(kind, doc_root(work->after), edit->path, edit->server, err);
}

static int do_field_rename(struct work *work, struct error **err)
{
    return field_rename(work->base->kind, doc_root(work->after), work->edit->path, work->edit->to_path,
                        work->edit->server, err);
}

static int do_live(struct work *work, struct error **err)
{
    (void)err;
    work->draft = false;
    return 0;
}

static int do_verb(struct work *work, struct error **err)
{
    (void)err;
    const struct verb *verb = work->edit->verb;
    struct value map = doc_root(work->after);
    for (size_t i = 0; i < verb->annotations_depth; i++)
        map = value_ensure_object(map, verb->annotations[i]);
    if (verb->annotations_depth == 0)
        map = value_ensure_object(value_ensure_object(map, STR("metadata")), STR("annotations"));
    work_set_time(map, verb->annotation, work->now_ms);
    return 0;
}

/* ---- everything ---- */

static const struct {
    int (*edit)(struct work *work, struct error **err);
    bool makes;        /* may make an object */
    bool trusts;       /* writes what the server manages by itself: nothing is put back */
    bool keeps_status; /* a status that the document may have means nothing */
} edits[] = {
    [EDIT_CREATE] = {do_create, true, false, true},
    [EDIT_DRAFT] = {do_draft, true, false, false},
    [EDIT_REPLACE] = {do_replace, true, false, true},
    [EDIT_APPLY] = {do_apply, true, false, true},
    [EDIT_MERGE] = {do_merge, false, false, true},
    [EDIT_STATUS] = {do_status, false, false, false},
    [EDIT_FIELD_WRITE] = {do_field_write, false, false, false},
    [EDIT_FIELD_APPEND] = {do_field_append, false, false, false},
    [EDIT_FIELD_CUT] = {do_field_cut, false, false, false},
    [EDIT_FIELD_MAKE] = {do_field_make, false, false, false},
    [EDIT_FIELD_REMOVE] = {do_field_remove, false, false, false},
    [EDIT_FIELD_RENAME] = {do_field_rename, false, false, false},
    [EDIT_LIVE] = {do_live, false, false, false},
    [EDIT_VERB] = {do_verb, false, false, false},
    [EDIT_DELETE] = {edit_delete, false, true, false},
    [EDIT_FINISHED] = {edit_finish, false, true, false},
};

/* Spec and all else that is neither metadata nor a status of its own: what generation counts. */
static bool is_desired(const struct work *work, struct value member)
{
    return !str_is(value_key(member), "metadata") &&
           !(work->form->status != NULL && str_is(value_key(member), "status"));
}

static bool desired_differs(const struct work *work, struct value before, struct value after)
{
    value_each (member, after)
        if (is_desired(work, member) && !value_equal(value_get(before, value_key(member)), member))
            return true;
    value_each (member, before)
        if (is_desired(work, member) && !value_exists(value_get(after, value_key(member))))
            return true;
    return false;
}

static void count_generation(struct work *work)
{
    if (!work->form->generations || !value_exists(work->before))
        return;
    struct value metadata = work_metadata(work), old = work_metadata_before(work);
    bool deleted = value_exists(value_get(metadata, STR("deletionTimestamp"))) !=
                   value_exists(value_get(old, STR("deletionTimestamp")));
    if (deleted || desired_differs(work, work->before, doc_root(work->after)))
        value_set_int(metadata, STR("generation"), value_int_or(value_get(old, STR("generation")), 0) + 1);
}

static bool differs(const struct work *work, bool was_draft)
{
    if (!value_exists(work->before) || work->gone || was_draft != work->draft)
        return true;
    /* The number is the only thing that the version before has and this one not yet. */
    struct value metadata = work_metadata(work),
                 number = value_get(work_metadata_before(work), STR("resourceVersion"));
    value_set_copy(metadata, STR("resourceVersion"), number);
    bool same = value_equal(work->before, doc_root(work->after));
    value_unset(metadata, STR("resourceVersion"));
    return !same;
}

/* Members that come behind the metadata are written behind the version's number. */
static void write_split(struct value root, struct buf *out, size_t *split)
{
    buf_add_char(out, '{');
    bool first = true;
    value_each (member, root) {
        buf_add_text(out, first ? "" : ",");
        first = false;
        json_write_string(out, value_key(member));
        buf_add_char(out, ':');
        if (!str_is(value_key(member), "metadata")) {
            value_write(out, member);
            continue;
        }
        buf_add_char(out, '{');
        bool numbered = false, first_inside = true;
        value_each (inside, member) {
            if (!numbered && str_compare(value_key(inside), STR("resourceVersion")) > 0) {
                buf_add_text(out, first_inside ? "\"resourceVersion\":\"" : ",\"resourceVersion\":\"");
                *split = out->length;
                buf_add_char(out, '"');
                numbered = true;
                first_inside = false;
            }
            buf_add_text(out, first_inside ? "" : ",");
            first_inside = false;
            json_write_string(out, value_key(inside));
            buf_add_char(out, ':');
            value_write(out, inside);
        }
        if (!numbered) {
            buf_add_text(out, ",\"resourceVersion\":\"");
            *split = out->length;
            buf_add_char(out, '"');
        }
        buf_add_char(out, '}');
    }
    buf_add_char(out, '}');
}

static void make_tombstone(struct work *work)
{
    struct value root = doc_root(work->after);
    value_each (member, root) {
        struct str key = value_key(member);
        if (!str_is(key, "apiVersion") && !str_is(key, "kind") && !str_is(key, "metadata"))
            value_remove(member);
    }
    value_unset(work_metadata(work), STR("annotations"));
}

static void fill_result(struct work *work, struct edit_result *result)
{
    const struct edit_base *base = work->base;
    struct value root = doc_root(work->after);
    result->gone = work->gone;
    result->flags = work->draft ? VERSION_DRAFT : 0;
    bool was_draft = base->before != NULL && (base->before->flags & VERSION_DRAFT) != 0;
    struct value before = was_draft ? VALUE_ABSENT : work->before;
    if (!work->gone) {
        autobuf struct buf line = {0};
        if (work->draft) {
            autobuf struct buf missing = {0};
            object_missing(base->kind, root, &missing);
            buf_add_text(&line, "Draft");
            if (missing.length != 0)
                buf_addf(&line, " missing: %s", missing.at);
            else
                buf_add_text(&line, " complete: echo live > ctl");
        } else {
            status_line(base->kind, root, &line);
        }
        const char *old = base->before != NULL ? base->before->status : NULL;
        result->status_new = line.length != 0 && (old == NULL || strcmp(old, line.at) != 0);
        if (line.length != 0)
            result->status = buf_take(&line);
    }
    /* What has been observed is said as its status line: "pods/web-1: Running ready=1/1". */
    bool observed = work->edit->type == EDIT_STATUS && !work->gone;
    result->subject = observed && result->status_new
                          ? subject_of_status(base->kind, base->namespace, base->name, result->status)
                          : subject_describe(base->kind, base->namespace, base->name, before,
                                             work->gone ? VALUE_ABSENT : root);
    if (work->gone)
        make_tombstone(work);
    value_sort(root);
    write_split(root, &result->text, &result->split);
    result->document = take_pointer(work->after);
}

/* The findings of a sentence are separated by "; " (check.h). */
static bool next_finding(struct str *rest, struct str *finding)
{
    if (rest->at == NULL)
        return false;
    const char *end = memmem(rest->at, rest->length, "; ", 2);
    *finding = (struct str){rest->at, end != NULL ? (size_t)(end - rest->at) : rest->length};
    *rest = end != NULL ? (struct str){end + 2, rest->length - finding->length - 2} : STR_NONE;
    return true;
}

/* Is everything that is wrong now among what was wrong before? */
static bool finds_nothing_new(const char *now, const char *before)
{
    struct str rest = str_of(now), finding, known;
    while (next_finding(&rest, &finding)) {
        struct str all = str_of(before);
        bool found = false;
        while (!found && next_finding(&all, &known))
            found = str_equal(known, finding);
        if (!found)
            return false;
    }
    return true;
}

/* What a stricter release would not have taken must still be changed, ended and removed: a change is only to
 * blame for what hasn't been wrong before. */
static int check_object(const struct work *work, struct value root, bool was_draft, struct error **err)
{
    const struct kind *kind = work->base->kind;
    autoerror struct error *now = NULL, *before = NULL;
    int status = object_validate(kind, root, work->draft, &now);
    if (status == 0 || (value_exists(work->before) && !was_draft &&
                        object_validate(kind, work->before, false, &before) < 0 &&
                        finds_nothing_new(error_message(now), error_message(before))))
        return 0;
    error_move(err, take_pointer(now));
    return status;
}

/* A definition has to define a kind. It is read where there is something new in it. */
static int read_definition(const struct work *work, struct edit_result *result, struct error **err)
{
    struct value root = doc_root(work->after);
    if (!work->base->kind->defines || work->draft ||
        value_equal(value_at(work->before, "spec"), value_at(root, "spec")))
        return 0;
    result->defines = kind_reading_new(work->base->kind->kinds, root, err);
    return result->defines != NULL ? 0 : -EINVAL;
}

/* Drafts aren't acted upon: they are admitted when they become objects. */
static bool is_admitted(const struct work *work)
{
    return !work->draft && work->edit->type != EDIT_STATUS && !edits[work->edit->type].trusts;
}

static struct review review_of(const struct work *work, bool is_new)
{
    return (struct review){.kind = work->base->kind,
                           .policies = work->base->policies,
                           .namespace = work->base->namespace,
                           .name = work->base->name,
                           .before = is_new ? VALUE_ABSENT : work->before,
                           .object = doc_root(work->after)};
}

/* Defaults, then all the rules. What is too large is refused as that, whatever else is wrong with it. */
static int complete_and_check(struct work *work, bool was_draft, struct error **err)
{
    const struct kind *kind = work->base->kind;
    const struct schema *schema = work->form->schema;
    struct value root = doc_root(work->after);
    schema_prune_nulls(schema, root);
    secrets_blank_applied(schema, work_metadata(work));
    if (work->draft)
        schema_scaffold(schema, root);
    schema_default(schema, root);
    bool is_new = !value_exists(work->before) || was_draft, admitted = is_admitted(work);
    const struct review review = review_of(work, is_new);
    int status = admitted ? admission_complete(&review, err) : 0;
    if (status == 0)
        status = check_object(work, root, was_draft, err);
    if (status == 0 && !is_new)
        status = object_validate_update(kind, work->before, root, err);
    if (status == 0)
        status = edit_check_finalizers(work, err);
    if (status == 0 && admitted)
        status = admission_check(&review, err);
    if (status == 0)
        return 0;
    autobuf struct buf text = {0};
    value_write(&text, root);
    if (text.length <= OBJECT_LIMIT)
        return status;
    if (err != NULL)
        error_free(take_pointer(*err));
    return refuse_size(text.length, err);
}

static int run(struct work *work, struct edit_result *result, struct error **err)
{
    const struct edit_base *base = work->base;
    const struct edit *edit = work->edit;
    bool was_draft = base->before != NULL && (base->before->flags & VERSION_DRAFT) != 0;
    work->draft = was_draft;
    work->before = base->document;
    if (base->before != NULL && !value_exists(work->before)) {
        work->parsed = doc_parse(version_text(base->before), err);
        if (work->parsed == NULL)
            return error_wrap(err, "the stored object is damaged");
        work->before = doc_root(work->parsed);
    }
    if (base->before == NULL && !edits[edit->type].makes) {
        return error_make(err, ENOENT, STR_FORMAT "/" STR_FORMAT " does not exist",
                          STR_ARGS(base->kind->plural), STR_ARGS(base->name));
    }
    int status = check_preconditions(work, err);
    if (status < 0)
        return status;
    bool makes_document = edits[edit->type].makes;
    if (!makes_document)
        work->after = doc_copy(work->before);
    status = edits[edit->type].edit(work, err);
    if (status < 0)
        return status;
    struct value root = doc_root(work->after);
    if (!edits[edit->type].trusts)
        managed_put_back(base, edit, work->now_ms, work->before, root);
    if (edits[edit->type].keeps_status && work->form->status != NULL)
        managed_put_back_status(edit, work->before, root);
    value_unset(work_metadata(work), STR("resourceVersion"));
    if (!work->gone) {
        status = complete_and_check(work, was_draft, err);
        if (status == 0)
            status = read_definition(work, result, err);
        if (status < 0)
            return status;
        edit_end_if_released(work);
    }
    count_generation(work);
    if (!differs(work, was_draft)) {
        result->unchanged = true;
        return 0;
    }
    fill_result(work, result);
    return result->text.length <= OBJECT_LIMIT ? 0 : refuse_size(result->text.length, err);
}

int edit_compute(const struct edit_base *base, const struct edit *edit, int64_t now_ms,
                 struct edit_result *result, struct error **err)
{
    struct work work = {.base = base, .form = kind_form(base->kind), .edit = edit, .now_ms = now_ms};
    *result = (struct edit_result){0};
    int status = run(&work, result, err);
    doc_free(work.parsed);
    doc_free(work.after);
    if (status < 0)
        edit_result_free(result);
    return status;
}

void edit_result_free(struct edit_result *result)
{
    if (!result->lent) {
        buf_free(&result->text);
        version_drop(result->version);
    }
    free(result->status);
    free(result->subject);
    doc_free(result->document);
    kind_reading_free(result->defines);
    *result = (struct edit_result){0};
}
