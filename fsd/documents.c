#include "fsd/documents.h"

#include "lib/yaml.h"

#define KEPT       256
#define KEPT_FEW   8
#define KEPT_BYTES (2u << 20) /* of text: more than that only in few */

struct entry {
    struct version *version; /* held */
    struct doc *doc;
    struct buf manifest; /* empty: not kept */
    uint64_t used;
};

/* The entries in use come first. */
struct documents {
    struct entry entries[KEPT];
    size_t count;
    size_t bytes;
    uint64_t clock;
};

struct documents *documents_new(void)
{
    return memory_zeroed(1, sizeof(struct documents));
}

static void drop(struct documents *documents, struct entry *entry)
{
    doc_free(entry->doc);
    documents->bytes -= entry->version->length + entry->manifest.length;
    buf_free(&entry->manifest);
    version_drop(entry->version);
    *entry = documents->entries[--documents->count];
}

void documents_free(struct documents *documents)
{
    while (documents != NULL && documents->count > 0)
        drop(documents, &documents->entries[0]);
    free(documents);
}

static struct entry *find(const struct documents *documents, const struct version *version)
{
    for (size_t i = 0; i < documents->count; i++)
        if (documents->entries[i].version == version)
            return (struct entry *)&documents->entries[i];
    return NULL;
}

static struct entry *oldest(struct documents *documents)
{
    struct entry *found = &documents->entries[0];
    for (size_t i = 1; i < documents->count; i++)
        if (documents->entries[i].used < found->used)
            found = &documents->entries[i];
    return found;
}

static struct entry *add(struct documents *documents, struct version *version, struct doc *doc)
{
    while (documents->count == KEPT || (documents->count >= KEPT_FEW && documents->bytes > KEPT_BYTES))
        drop(documents, oldest(documents));
    struct entry *entry = &documents->entries[documents->count++];
    *entry = (struct entry){.version = version_hold(version), .doc = doc};
    documents->bytes += version->length;
    return entry;
}

struct value document_of(struct documents *documents, struct version *version)
{
    struct entry *entry = find(documents, version);
    if (entry == NULL) /* what the store had was parsed before it was written */
        entry = add(documents, version, doc_parse(version_text(version), NULL));
    entry->used = ++documents->clock;
    return doc_root(entry->doc);
}

void document_keep(struct documents *documents, struct version *version, struct doc *doc)
{
    struct entry *entry = find(documents, version);
    if (entry == NULL)
        entry = add(documents, version, doc);
    else
        doc_free(doc);
    entry->used = ++documents->clock;
}

void document_keep_manifest(struct documents *documents, struct version *version, struct buf *manifest)
{
    struct entry *entry = find(documents, version);
    version->manifest_size = manifest->length;
    if (entry == NULL || entry->manifest.length != 0) {
        buf_free(manifest);
        return;
    }
    entry->manifest = *manifest;
    documents->bytes += manifest->length;
    *manifest = (struct buf){0};
}

bool document_is_kept(const struct documents *documents, const struct version *version, bool manifest)
{
    const struct entry *entry = find(documents, version);
    return entry != NULL && (!manifest || entry->manifest.length != 0);
}

void document_manifest(struct documents *documents, struct version *version, struct buf *out)
{
    const struct entry *entry = find(documents, version);
    if (entry != NULL && entry->manifest.length != 0) {
        buf_add_str(out, buf_str(&entry->manifest));
        return;
    }
    size_t before = out->length;
    yaml_write(out, document_of(documents, version));
    version->manifest_size = out->length - before;
}

size_t document_manifest_size(struct documents *documents, struct version *version)
{
    if (version->manifest_size == 0) {
        autobuf struct buf text = {0};
        document_manifest(documents, version, &text);
    }
    return version->manifest_size;
}
