#include "nodeagent/pull_secret.h"

#include "lib/base64.h"
#include "nodeagent/image_name.h"
#include <fnmatch.h>

#define DOCKER         "docker.io"
#define DOCKER_DEFAULT "index.docker.io" /* what `docker login` writes where no registry is named */

/* One entry of a Secret. */
struct entry {
    struct str host, path; /* "*.example:5000", "/team" or nothing */
    char *password;        /* base64 of user:password */
};

struct entries {
    struct entry *at;
    size_t count, capacity;
};

static void entries_free(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        free(entries->at[i].password);
    free(entries->at);
}

/* ---- what a Secret says ---- */

static struct str without_prefix(struct str text, const char *prefix)
{
    size_t length = strlen(prefix);
    return str_starts(text, str_of(prefix)) ? str_cut(text, length, text.length) : text;
}

/* "https://host:5000/v1/team" to host and path: what stands for a version of the protocol is no path. */
static void split_name(struct str name, struct entry *entry)
{
    name = without_prefix(without_prefix(name, "https://"), "http://");
    struct str rest = name;
    str_split(&rest, '/', &entry->host);
    entry->path = str_cut(name, entry->host.length, name.length);
    if (str_starts(entry->path, STR("/v1/")) || str_starts(entry->path, STR("/v2/")))
        entry->path = str_cut(entry->path, 3, entry->path.length);
    if (str_is(entry->path, "/"))
        entry->path = STR_NONE;
}

static char *password_of(struct value entry)
{
    struct str ready = value_str(value_get(entry, STR("auth")));
    if (ready.length != 0)
        return str_dup(ready);
    autobuf struct buf plain = {0}, encoded = {0};
    buf_addf(&plain, STR_FORMAT ":" STR_FORMAT, STR_ARGS(value_str(value_get(entry, STR("username")))),
             STR_ARGS(value_str(value_get(entry, STR("password")))));
    base64_encode(buf_str(&plain), &encoded);
    return buf_take(&encoded);
}

/* The part of the Secret with the registries. */
static struct doc *read_secret(struct value secret)
{
    static const struct {
        const char *type, *key;
        bool inside; /* an object "auths" is around them */
    } types[] = {{"kubernetes.io/dockerconfigjson", ".dockerconfigjson", true},
                 {"kubernetes.io/dockercfg", ".dockercfg", false}};
    for (size_t i = 0; i < COUNT(types); i++) {
        autobuf struct buf text = {0};
        struct value data = value_at(secret, "data", types[i].key);
        if (!value_is(value_get(secret, STR("type")), types[i].type) ||
            !base64_decode(value_str(data), &text))
            continue;
        autodoc struct doc *doc = doc_parse(buf_str(&text), NULL);
        if (doc != NULL)
            return doc_copy(types[i].inside ? value_at(doc_root(doc), "auths") : doc_root(doc));
    }
    return NULL;
}

/* ---- what fits the image ---- */

/* "docker.io/library/busybox" of "busybox" and the like. */
static char *full_name(struct str image)
{
    autodoc struct doc *doc = doc_new();
    value_set_str(doc_root(doc), STR("name"), image);
    value_set_str(doc_root(doc), STR("digest"), STR("-"));
    char *full = image_reference(doc_root(doc));
    *strrchr(full, '@') = '\0';
    return full;
}

/* Part by part between the dots, so that a star stands for one part. What stands behind a colon must be the
 * same: a star is for no port. */
static bool hosts_match(struct str pattern, struct str host)
{
    struct str wanted_port = pattern, port = host, wanted, part;
    str_split(&wanted_port, ':', &pattern);
    str_split(&port, ':', &host);
    if (!str_equal(wanted_port, port))
        return false;
    for (;;) {
        bool more = str_split(&pattern, '.', &wanted), has_more = str_split(&host, '.', &part);
        if (!more || !has_more)
            return more == has_more;
        autofree char *glob = str_dup(wanted), *text = str_dup(part);
        if (fnmatch(glob, text, 0) != 0)
            return false;
    }
}

static bool fits(const struct entry *entry, struct str full)
{
    struct str rest = full, host = STR_NONE;
    str_split(&rest, '/', &host);
    struct str path = str_cut(full, host.length, full.length);
    return hosts_match(entry->host, host) && str_starts(path, entry->path);
}

static bool is_default(const struct entry *entry, struct str full)
{
    return str_is(entry->host, DOCKER_DEFAULT) && entry->path.length == 0 &&
           str_starts(full, STR(DOCKER "/"));
}

static void add_fitting(struct entries *found, struct value auths, struct str full)
{
    value_each (auth, auths) {
        struct entry entry = {0};
        split_name(value_key(auth), &entry);
        if (!fits(&entry, full) && !is_default(&entry, full))
            continue;
        entry.password = password_of(auth);
        array_grow(found->at, found->count, found->capacity);
        found->at[found->count++] = entry;
    }
}

/* As Kubernetes sorts them: by bytes, from the end, so that a longer path comes before a shorter one. */
static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = str_compare(y->host, x->host);
    return order != 0 ? order : str_compare(y->path, x->path);
}

static void write_entry(struct value files, const struct entry *entry, struct str full)
{
    struct str rest = full, host = STR_NONE;
    str_split(&rest, '/', &host);
    struct value auths = value_set_object(value_append_object(files), STR("auths"));
    value_set_str(value_set_object(auths, host), STR("auth"), str_of(entry->password));
}

struct str pull_account(struct value pod)
{
    struct str name = value_str(value_at(pod, "spec", "serviceAccountName"));
    if (value_count(value_at(pod, "spec", "imagePullSecrets")) != 0)
        return STR_NONE;
    return name.length != 0 ? name : STR("default");
}

/* Kubernetes' admission copies them from the account into the pod. */
struct value pull_references(struct value pod, references_find_fn *find, void *context)
{
    struct value own = value_at(pod, "spec", "imagePullSecrets");
    struct str account = pull_account(pod);
    if (account.length == 0 || find == NULL)
        return own;
    return value_get(find(context, "ServiceAccount", account), STR("imagePullSecrets"));
}

struct doc *pull_secrets(struct value pod, struct str image, references_find_fn *find, void *context,
                         struct buf *missing)
{
    struct doc *files = doc_new();
    struct value array = value_set_array(doc_root(files), STR("files"));
    autofree char *full = full_name(image);
    struct entries cleanup(entries_free) found = {0};
    /* The names in the entries are borrowed from what they were read from. */
    autodoc struct doc *read = doc_new();
    struct value kept = value_set_array(doc_root(read), STR("secrets"));
    value_each (reference, pull_references(pod, find, context)) {
        struct str name = value_str(value_get(reference, STR("name")));
        struct value secret = find != NULL ? find(context, "Secret", name) : VALUE_ABSENT;
        autodoc struct doc *auths = read_secret(secret);
        if (auths != NULL)
            value_append_copy(kept, doc_root(auths));
        else
            buf_addf(missing, "%s" STR_FORMAT, missing->length != 0 ? ", " : "", STR_ARGS(name));
    }
    value_each (auths, kept)
        add_fitting(&found, auths, str_of(full));
    if (found.count > 1)
        qsort(found.at, found.count, sizeof(found.at[0]), compare_entries);
    for (size_t i = 0; i < found.count; i++)
        write_entry(array, &found.at[i], str_of(full));
    return files;
}
