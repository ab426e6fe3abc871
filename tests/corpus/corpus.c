/* Real manifests, and what a Kubernetes 1.32 server made of each, against what the tree makes of them.
 *
 * A case is a line of JSON (README.md): a manifest, whether it was accepted, and then the object. It is equal
 * when the verdict is the same and so is the object; what the server chose at random doesn't count, nor its
 * status, nor whether what is empty is there. */
#include "fsd/validate.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/options.h"
#include "lib/yaml.h"
#include <errno.h>
#include <stdio.h>

static const char *directory = "fsd/kinds", *only;
static int64_t floor_wanted;
static bool listed;

static const struct option_row options[] = {
    {.name = "kinds", .argument = "DIR", .help = "where the kinds are", .text = &directory},
    {.name = "case",
     .argument = "TEXT",
     .help = "only the cases with that in their names, with both objects",
     .text = &only},
    {.name = "list", .help = "say of each case that differs how", .flag = &listed},
    {.name = "floor", .argument = "N", .help = "fail when fewer are equal", .number = &floor_wanted},
    {0},
};

static const struct usage usage = {
    .synopsis = "corpus [options] FILE.jsonl.xz...",
    .about = "Compares what the tree makes of manifests with what Kubernetes made of them.\n",
    .options = options,
    .least = 1,
    .most = 16,
};

static struct {
    int64_t cases, equal;
} counts;

/* ---- comparing ---- */

static bool is_empty(struct value v)
{
    enum value_type type = value_type(v);
    if (!value_exists(v) || type == VALUE_NULL)
        return true;
    if (type != VALUE_OBJECT && type != VALUE_ARRAY)
        return false;
    value_each (child, v)
        if (type == VALUE_ARRAY || !is_empty(child))
            return false;
    return true;
}

static bool differ(struct buf *where, struct value ours, struct value theirs, struct buf *out)
{
    autobuf struct buf a = {0}, b = {0};
    if (value_exists(ours))
        value_write(&a, ours);
    if (value_exists(theirs))
        value_write(&b, theirs);
    buf_addf(out, "%s: ours %.300s, theirs %.300s", where->length != 0 ? where->at : ".",
             a.length != 0 ? a.at : "absent", b.length != 0 ? b.at : "absent");
    return false;
}

static bool compare(struct buf *where, struct value ours, struct value theirs, struct buf *out);

static bool compare_member(struct buf *where, struct value ours, struct value theirs, struct str key,
                           struct buf *out)
{
    size_t length = where->length;
    buf_addf(where, "." STR_FORMAT, STR_ARGS(key));
    bool same = compare(where, value_get(ours, key), value_get(theirs, key), out);
    where->length = length;
    where->at[length] = '\0';
    return same;
}

static bool compare_objects(struct buf *where, struct value ours, struct value theirs, struct buf *out)
{
    value_each (member, theirs)
        if (!compare_member(where, ours, theirs, value_key(member), out))
            return false;
    value_each (member, ours)
        if (!value_exists(value_get(theirs, value_key(member))) &&
            !compare_member(where, ours, theirs, value_key(member), out))
            return false;
    return true;
}

/* Returns false, and the first difference. */
static bool compare(struct buf *where, struct value ours, struct value theirs, struct buf *out)
{
    if (is_empty(ours) && is_empty(theirs))
        return true;
    if (value_type(ours) != value_type(theirs))
        return differ(where, ours, theirs, out);
    if (value_type(ours) == VALUE_OBJECT)
        return compare_objects(where, ours, theirs, out);
    if (value_type(ours) != VALUE_ARRAY)
        return value_equal(ours, theirs) || differ(where, ours, theirs, out);
    if (value_count(ours) != value_count(theirs))
        return differ(where, ours, theirs, out);
    size_t i = 0, length = where->length;
    value_each (element, ours) {
        buf_addf(where, "[%zu]", i);
        bool same = compare(where, element, value_element(theirs, i++), out);
        where->length = length;
        if (!same)
            return false;
    }
    return true;
}

/* What the server chose, where the manifest didn't. */
static void forget_chosen(struct value manifest, struct value object)
{
    static const char *const spec[] = {"clusterIP", "clusterIPs", "healthCheckNodePort"};
    value_remove(value_at(object, "status"));
    if (!value_exists(value_at(manifest, "metadata", "name")))
        value_remove(value_at(object, "metadata", "name"));
    if (!value_is(value_at(object, "kind"), "Service"))
        return;
    for (size_t i = 0; i < COUNT(spec); i++)
        if (!value_exists(value_get(value_at(manifest, "spec"), str_of(spec[i]))))
            value_remove(value_get(value_at(object, "spec"), str_of(spec[i])));
    size_t i = 0;
    value_each (port, value_at(object, "spec", "ports"))
        if (value_int_or(value_at(value_element(value_at(manifest, "spec", "ports"), i++), "nodePort"), 0) ==
            0)
            value_remove(value_at(port, "nodePort"));
}

/* ---- a case ---- */

/* What apply does with a document, but for what depends on other objects. */
static int complete(const struct kinds *kinds, struct value document, struct error **err)
{
    const struct kind *kind = kinds_by_manifest(kinds, document, err);
    if (kind == NULL)
        return -EINVAL;
    struct value metadata = value_get(document, STR("metadata"));
    if (kind->namespaced && value_type(metadata) == VALUE_OBJECT &&
        (!value_exists(value_get(metadata, STR("namespace"))) ||
         value_is(value_get(metadata, STR("namespace")), "")))
        value_setf(metadata, STR("namespace"), "default");
    schema_prune_nulls(kind_form(kind)->schema, document);
    schema_default(kind_form(kind)->schema, document);
    return object_validate(kind, document, false, err);
}

static void judge(const struct kinds *kinds, struct value expected, struct buf *finding)
{
    struct str text = value_str(value_at(expected, "manifest"));
    bool accepted = value_is(value_at(expected, "verdict"), "accepted");
    autoerror struct error *error = NULL;
    autodoc struct doc *manifest = yaml_parse(text, &error);
    autodoc struct doc *ours = manifest != NULL ? doc_copy(doc_root(manifest)) : NULL;
    int result = ours != NULL ? complete(kinds, doc_root(ours), &error) : -EINVAL;
    if ((result == 0) != accepted) {
        buf_addf(finding, "%s here: %s", accepted ? "refused" : "accepted",
                 accepted                                      ? error_message(error)
                 : value_exists(value_at(expected, "message")) ? value_str(value_at(expected, "message")).at
                                                               : "");
    } else if (accepted) {
        autobuf struct buf where = {0};
        autodoc struct doc *theirs = doc_copy(value_at(expected, "object"));
        forget_chosen(doc_root(manifest), doc_root(ours));
        forget_chosen(doc_root(manifest), doc_root(theirs));
        compare(&where, doc_root(ours), doc_root(theirs), finding);
    }
    if (only != NULL) {
        autobuf struct buf made = {0};
        if (ours != NULL)
            yaml_write(&made, doc_root(ours));
        printf("%s" STR_FORMAT "\n%s\n", made.at != NULL ? made.at : "", STR_ARGS(text),
               result == 0 ? "" : error_message(error));
    }
}

static void run_case(const struct kinds *kinds, struct value expected)
{
    struct str name = value_str(value_at(expected, "case"));
    if (only != NULL && strstr(name.at, only) == NULL)
        return;
    autobuf struct buf finding = {0};
    judge(kinds, expected, &finding);
    counts.cases++;
    counts.equal += finding.length == 0;
    if (finding.length != 0 && (listed || only != NULL))
        printf(STR_FORMAT ": %s\n", STR_ARGS(name), finding.at);
}

static int run_file(const struct kinds *kinds, const char *path, struct error **err)
{
    autofree char *command = path_format("xz --decompress --stdout '%s'", path);
    FILE *lines = popen(command, "r");
    if (lines == NULL)
        return error_errno(err, errno, "cannot run xz");
    autofree char *line = NULL;
    size_t size = 0;
    int result = 0;
    for (ssize_t length; result == 0 && (length = getline(&line, &size, lines)) > 0;) {
        autodoc struct doc *doc = doc_parse((struct str){line, (size_t)length}, err);
        result = doc != NULL ? 0 : -EINVAL;
        if (doc != NULL)
            run_case(kinds, doc_root(doc));
    }
    if (pclose(lines) != 0 && result == 0)
        result = error_make(err, EIO, "cannot read %s", path);
    return result;
}

static int work(char **files, int count, struct error **err)
{
    struct kinds *kinds = NULL;
    int result = kinds_load(directory, &kinds, err);
    int64_t since = clock_ms();
    for (int i = 0; i < count && result == 0; i++)
        result = run_file(kinds, files[i], err);
    kinds_free(kinds);
    printf("%lld of %lld cases are equal, in %lld ms\n", (long long)counts.equal, (long long)counts.cases,
           (long long)(clock_ms() - since));
    if (result == 0 && counts.equal < floor_wanted)
        result = error_make(err, EINVAL, "at least %lld were equal before", (long long)floor_wanted);
    return result;
}

int main(int argc, char **argv)
{
    autoerror struct error *error = NULL;
    char **words;
    int count, result = options_parse(&usage, argc, argv, &words, &count, &error);
    if (result > 0)
        return 0;
    if (result == 0)
        result = work(words, count, &error);
    if (result < 0)
        fprintf(stderr, "%s\n", error_message(error));
    return result == 0 ? 0 : 1;
}
