/* Real manifests, and what a Kubernetes 1.32 server made of each, against what the tree makes of them.
 *
 * A case is a line of JSON (README.md): a manifest, whether it was accepted, and then the object. It is equal
 * when the verdict is the same and so is the object; what the server chose at random doesn't count, nor its
 * status, nor whether what is empty is there. Without arguments it is a test: all files, and no fewer equal
 * ones than there have been (doc/differences.md says what the others are). */
#include "fsd/edit.h"
#include "fsd/validate.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/options.h"
#include "lib/yaml.h"
#include <errno.h>
#include <stdio.h>

#define FLOOR 3792

static const char *directory, *only;
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
    .synopsis = "corpus [options] [FILE.jsonl.xz...]",
    .about = "Compares what the tree makes of manifests with what Kubernetes made of them.\n",
    .options = options,
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

/* What is chosen when an object is made, where the manifest doesn't; and what only the server writes. */
static void forget_chosen(struct value manifest, struct value object)
{
    static const char *const managed[] = {"uid", "creationTimestamp", "resourceVersion", "generation"};
    static const char *const spec[] = {"clusterIP", "clusterIPs", "healthCheckNodePort"};
    value_unset(object, STR("status"));
    for (size_t i = 0; i < COUNT(managed); i++)
        value_unset(value_at(object, "metadata"), str_of(managed[i]));
    if (!value_is(value_at(object, "kind"), "Service"))
        return;
    for (size_t i = 0; i < COUNT(spec); i++)
        if (!value_exists(value_get(value_at(manifest, "spec"), str_of(spec[i]))))
            value_unset(value_at(object, "spec"), str_of(spec[i]));
    size_t i = 0;
    value_each (port, value_at(object, "spec", "ports"))
        if (value_int_or(value_at(value_element(value_at(manifest, "spec", "ports"), i++), "nodePort"), 0) ==
            0)
            value_unset(port, STR("nodePort"));
}

/* ---- a case ---- */

/* The object's uid shows in the labels of jobs. */
static struct str uid_of(struct value object)
{
    struct str uid = value_str(
        value_at(object, "spec", "template", "metadata", "labels", "batch.kubernetes.io/controller-uid"));
    return uid.length != 0 ? uid : STR("00000000-0000-0000-0000-000000000000");
}

/* What creating it does, but for what depends on other objects. A definition's kind is there from then on.
 * `expected`: for what is chosen. */
static struct doc *create(struct kinds *kinds, struct value manifest, struct value expected,
                          struct error **err)
{
    const struct kind *kind = kinds_by_manifest(kinds, manifest, err);
    if (kind == NULL)
        return NULL;
    struct str name = value_str(value_at(manifest, "metadata", "name"));
    struct str namespace = value_str(value_at(manifest, "metadata", "namespace"));
    if (name.length == 0)
        name = value_str(value_at(expected, "metadata", "name")); /* made from generateName */
    if (object_check_name(kind, name, err) < 0)
        return NULL;
    struct edit_base base = {.kind = kind,
                             .namespace = !kind->namespaced       ? STR("")
                                          : namespace.length != 0 ? namespace
                                                                  : STR("default"),
                             .name = name,
                             .new_uid = uid_of(expected)};
    struct edit edit = {.type = EDIT_CREATE, .document = manifest};
    autoresult struct edit_result result = {0};
    if (edit_compute(&base, &edit, 0, &result, err) < 0)
        return NULL;
    if (result.defines != NULL)
        kinds_put(kinds, take_pointer(result.defines), NULL);
    return take_pointer(result.document);
}

static void say_made(struct str manifest, struct doc *made, const struct error *error)
{
    autobuf struct buf text = {0};
    if (made != NULL)
        yaml_write(&text, doc_root(made));
    printf("%s" STR_FORMAT "\n%s\n", text.at != NULL ? text.at : "", STR_ARGS(manifest),
           made != NULL ? "" : error_message(error));
}

static void judge(struct kinds *kinds, struct value expected, struct buf *finding)
{
    struct str text = value_str(value_at(expected, "manifest"));
    bool accepted = value_is(value_at(expected, "verdict"), "accepted");
    autoerror struct error *error = NULL;
    autodoc struct doc *manifest = yaml_parse(text, &error);
    autodoc struct doc *ours =
        manifest != NULL ? create(kinds, doc_root(manifest), value_at(expected, "object"), &error) : NULL;
    if (only != NULL)
        say_made(text, ours, error);
    if (accepted && ours == NULL) {
        buf_addf(finding, "refused here: %s", error_message(error));
    } else if (!accepted && ours != NULL) {
        buf_add_text(finding, "accepted here: ");
        buf_add_str(finding, value_str(value_at(expected, "message")));
    } else if (accepted) {
        autobuf struct buf where = {0};
        autodoc struct doc *theirs = doc_copy(value_at(expected, "object"));
        forget_chosen(doc_root(manifest), doc_root(ours));
        forget_chosen(doc_root(manifest), doc_root(theirs));
        if (value_exists(value_at(expected, "object")))
            compare(&where, doc_root(ours), doc_root(theirs), finding);
    }
}

static void run_case(struct kinds *kinds, struct value expected)
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

static int run_file(struct kinds *kinds, const char *path, struct error **err)
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

static char *in_source(const char *path)
{
    const char *source = getenv("srcdir");
    return path_format("%s/%s", source != NULL ? source : ".", path);
}

static int run_all(struct kinds *kinds, struct error **err)
{
    static const char *const files[] = {"by-field", "kubernetes-examples", "microservices-demo",
                                        "custom-kinds"};
    int result = 0;
    for (size_t i = 0; i < COUNT(files) && result == 0; i++) {
        autofree char *name = path_format("tests/corpus/%s.jsonl.xz", files[i]), *path = in_source(name);
        result = run_file(kinds, path, err);
    }
    return result;
}

static int work(char **files, int count, struct error **err)
{
    autofree char *built_in = in_source("fsd/kinds");
    struct kinds *kinds = NULL;
    int result = kinds_load(directory != NULL ? directory : built_in, &kinds, err);
    int64_t since = clock_ms();
    for (int i = 0; i < count && result == 0; i++)
        result = run_file(kinds, files[i], err);
    if (count == 0 && result == 0) {
        result = run_all(kinds, err);
        floor_wanted = floor_wanted != 0 || only != NULL ? floor_wanted : FLOOR;
    }
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
