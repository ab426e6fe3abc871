/* Edits in rows: what each is made of, and what comes of it. */
#ifndef PODTREE_TEST_EDIT_ROWS_H
#define PODTREE_TEST_EDIT_ROWS_H

#include "fsd/admission.h"
#include "fsd/edit.h"
#include "fsd/validate.h"
#include "lib/clock.h"
#include "tests/unit/fsd/kinds.h"
#include "tests/unit/fsd/patch.h"

#define NOW "2026-01-31T12:00:00Z"
#define UID "00000000-0000-4000-8000-000000000001"

/* One edit of one object, and what comes of it. Objects are called default/web (namespaces: web), have uid
 * UID and version 7; `before` is what else they say. */
struct row {
    const char *kind, *before; /* NULL: there is no object yet */
    bool draft;
    struct edit edit;
    const char *document; /* of the edit, as YAML */
    const char *verb;
    int number;          /* a refusal: its errno … */
    const char *says;    /* … and sentence; else the subject */
    const char *changes; /* the merge patch from the version before to the new one; NULL: nothing changes */
    bool gone;
    uint32_t flags;
};

#define WEB                                                   \
    "spec: {replicas: 2, selector: {matchLabels: {app: x}}, " \
    "template: {metadata: {labels: {app: x}}, spec: {containers: [{name: a, image: b}]}}}"
#define POD         "spec: {nodeName: n1, containers: [{name: a, image: b}]}"
#define STRANGE_POD "spec: {nodeName: n1, dnsPolicy: Odd, containers: [{name: a, image: b}]}"
#define WAITING_POD "spec: {containers: [{name: a, image: b}]}"
#define CONF(rest)  "{apiVersion: v1, kind: ConfigMap" rest "}"

static inline int64_t now_ms(void)
{
    int64_t now;
    assert_true(clock_parse(STR(NOW), &now));
    return now;
}

static inline void set_default(struct value v, struct str key, const char *text)
{
    if (!value_exists(value_get(v, key)))
        value_set_str(v, key, str_of(text));
}

/* The version before, complete, as an earlier edit would have left it. */
static inline struct version *version_before(const struct kind *kind, const char *before, bool draft)
{
    autodoc struct doc *doc = must_yaml(before);
    struct value root = doc_root(doc), metadata = value_ensure_object(root, STR("metadata"));
    value_set_str(root, STR("apiVersion"), kind_form(kind)->api_version);
    value_set_str(root, STR("kind"), kind->name);
    set_default(metadata, STR("name"), "web");
    if (kind->namespaced)
        set_default(metadata, STR("namespace"), "default");
    set_default(metadata, STR("uid"), UID);
    set_default(metadata, STR("creationTimestamp"), "2026-01-01T00:00:00Z");
    if (kind_form(kind)->spec != NULL)
        value_set_int(metadata, STR("generation"), 1);
    value_set_str(metadata, STR("resourceVersion"), STR("7"));
    schema_default(kind_form(kind)->schema, root);
    /* What is filled in at every change. */
    const struct review review = {.kind = kind, .before = root, .object = root};
    if (!draft)
        assert_int_equal(admission_complete(&review, NULL), 0);
    value_sort(root);
    autobuf struct buf text = {0};
    value_write(&text, root);
    struct record record = {.version = 7, .document = buf_str(&text), .draft = draft};
    return version_from_record(kind, &record);
}

static inline const struct verb *verb_of(const struct kind *kind, const char *name)
{
    for (size_t i = 0; name != NULL && i < kind->verb_count; i++)
        if (str_is(kind->verbs[i].name, name))
            return &kind->verbs[i];
    assert_null(name);
    return NULL;
}

static inline struct doc *document_of_result(const struct edit_result *result)
{
    autobuf struct buf text = {0};
    buf_add(&text, result->text.at, result->split);
    buf_add_text(&text, "8");
    buf_add(&text, result->text.at + result->split, result->text.length - result->split);
    autoerror struct error *err = NULL;
    struct doc *doc = doc_parse(buf_str(&text), &err);
    if (doc == NULL)
        fail_msg("%s: %s", error_message(err), text.at);
    struct value version = value_at(doc_root(doc), "metadata", "resourceVersion");
    assert_true(value_is(version, "8"));
    value_remove(version);
    return doc;
}

/* What has come of it, in words that are compared with those of the row. */
static inline void tell(struct buf *out, int number, const char *says, bool gone, uint32_t flags,
                        const char *changes)
{
    if (number != 0)
        buf_addf(out, "%s: %s", strerrorname_np(number), says);
    else if (gone)
        buf_addf(out, "%s (gone)", says);
    else if (changes == NULL)
        buf_add_text(out, "unchanged");
    else
        buf_addf(out, "%s\n%s%s", says, (flags & VERSION_DRAFT) != 0 ? "draft " : "", changes);
}

/* What is kept as the version's document must be what its text says, down to the order of members. */
static inline void expect_document_as_text(const struct edit_result *result, struct doc *text)
{
    autobuf struct buf is = {0}, should = {0};
    yaml_write(&is, doc_root(result->document));
    yaml_write(&should, doc_root(text));
    assert_string_equal(is.at, should.at);
}

static inline void tell_result(struct buf *out, const struct version *before,
                               const struct edit_result *result)
{
    if (result->unchanged) {
        tell(out, 0, NULL, false, 0, NULL);
        return;
    }
    autodoc struct doc *old = before != NULL ? doc_parse(version_text(before), NULL) : doc_new();
    autodoc struct doc *new = document_of_result(result);
    value_unset(value_get(doc_root(old), STR("metadata")), STR("resourceVersion"));
    expect_document_as_text(result, new);
    autofree char *changes = changes_between(doc_root(old), doc_root(new));
    tell(out, 0, result->subject, result->gone, result->flags, changes);
}

static inline void do_row(const struct row *row, bool at_hand, struct buf *is)
{
    const struct kind *kind = must_kind(row->kind);
    struct version *before = row->before != NULL ? version_before(kind, row->before, row->draft) : NULL;
    autodoc struct doc *document = row->document != NULL ? must_yaml(row->document) : NULL;
    autodoc struct doc *parsed = at_hand && before != NULL ? doc_parse(version_text(before), NULL) : NULL;
    struct edit edit = row->edit;
    edit.document = doc_root(document);
    edit.verb = verb_of(kind, row->verb);
    struct edit_base base = {.kind = kind,
                             .namespace = kind->namespaced ? STR("default") : STR(""),
                             .name = STR("web"),
                             .before = before,
                             .document = doc_root(parsed),
                             .new_uid = before == NULL ? STR(UID) : STR_NONE};
    autoresult struct edit_result result;
    autoerror struct error *err = NULL;
    int status = edit_compute(&base, &edit, now_ms(), &result, &err);
    if (status < 0)
        tell(is, -status, error_message(err), false, 0, NULL);
    else
        tell_result(is, before, &result);
    version_drop(before);
}

static inline bool row_is_right(const struct row *row)
{
    autobuf struct buf is = {0}, as_well = {0}, should = {0};
    autodoc struct doc *wanted = row->changes != NULL ? must_yaml(row->changes) : NULL;
    autofree char *changes = wanted != NULL ? as_json(doc_root(wanted)) : NULL;
    tell(&should, row->number, row->says, row->gone, row->flags, changes);
    do_row(row, false, &is);
    do_row(row, true, &as_well);
    if (str_equal(buf_str(&is), buf_str(&should)) && str_equal(buf_str(&as_well), buf_str(&should)))
        return true;
    print_error("%s before: %s\ndocument: %s\nis:     %s\nshould: %s\n\n", row->kind,
                row->before != NULL ? row->before : "nothing", row->document != NULL ? row->document : "none",
                is.at, should.at);
    return false;
}

static inline void check_rows(const struct row *rows, size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++)
        wrong += !row_is_right(&rows[i]);
    assert_int_equal(wrong, 0);
}
#define RUN(rows) check_rows(rows, COUNT(rows))

#endif
