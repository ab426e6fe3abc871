/* podtree-manifest: reads one manifest and prints the object that the tree would make of it, with its
 * defaults, as JSON; or says what is wrong with it. For who has to know before there is a tree: the node
 * agent about its static pods. */
#include "fsd/validate.h"
#include "installed.h"
#include "lib/file.h"
#include "lib/options.h"
#include "lib/yaml.h"
#include <errno.h>
#include <stdio.h>

static const char *directory = PKGDATADIR "/kinds", *wanted;

static const struct option_row options[] = {
    {.name = "kinds", .argument = "DIR", .help = "where the kinds are", .text = &directory},
    {.name = "kind", .argument = "NAME", .help = "what it has to be: Pod", .text = &wanted},
    {0},
};

static const struct usage usage = {
    .synopsis = "podtree-manifest [options] FILE",
    .about = "Prints the object that the tree would make of a manifest.\n",
    .options = options,
    .least = 1,
    .most = 1,
};

static struct doc *read_manifest(const char *path, struct error **err)
{
    autobuf struct buf text = {0};
    return file_read(path, &text, err) == 0 ? yaml_parse(buf_str(&text), err) : NULL;
}

static int complete(const struct kinds *kinds, struct value manifest, struct error **err)
{
    const struct kind *kind = kinds_by_manifest(kinds, manifest, err);
    if (kind == NULL)
        return -EINVAL;
    if (wanted != NULL && !str_is(kind->name, wanted))
        return error_make(err, EINVAL, "kind: it has to be %s, not " STR_FORMAT, wanted,
                          STR_ARGS(kind->name));
    schema_prune_nulls(kind_form(kind)->schema, manifest);
    schema_default(kind_form(kind)->schema, manifest);
    int result = object_validate(kind, manifest, false, err);
    if (result == 0)
        result = object_check_name(kind, value_str(value_at(manifest, "metadata", "name")), err);
    if (result == 0)
        value_sort(manifest);
    return result;
}

static int work(const char *path, struct error **err)
{
    autodoc struct doc *manifest = read_manifest(path, err);
    struct kinds *kinds = NULL;
    autobuf struct buf text = {0};
    int result = manifest != NULL ? kinds_load(directory, &kinds, err) : -EINVAL;
    if (result == 0)
        result = complete(kinds, doc_root(manifest), err);
    if (result == 0) {
        value_write(&text, doc_root(manifest));
        buf_add_char(&text, '\n');
        if (fwrite(text.at, 1, text.length, stdout) != text.length || fflush(stdout) != 0)
            result = error_errno(err, errno, "cannot write");
    }
    kinds_free(kinds);
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
        result = work(words[0], &error);
    if (result < 0)
        fprintf(stderr, "%s\n", error_message(error));
    return result == 0 ? 0 : 1;
}
