#include "fsd/documents.h"

#include "lib/yaml.h"

#define KEPT 12

struct entry {
    struct version *version; /* held */
    struct doc *doc;
    uint64_t used;
};

struct documents {
    struct entry entries[KEPT];
    uint64_t clock;
};

struct documents *documents_new(void)
{
    return memory_zeroed(1, sizeof(struct documents));
}

static void entry_clear(struct entry *entry)
{
    doc_free(entry->doc);
    version_drop(entry->version);
    *entry = (struct entry){0};
}

void documents_free(struct documents *documents)
{
    for (size_t i = 0; documents != NULL && i < KEPT; i++)
        entry_clear(&documents->entries[i]);
    free(documents);
}

struct value document_of(struct documents *documents, struct version *version)
{
    struct entry *oldest = &documents->entries[0];
    documents->clock++;
    for (size_t i = 0; i < KEPT; i++) {
        struct entry *entry = &documents->entries[i];
        if (entry->version == version) {
            entry->used = documents->clock;
            return doc_root(entry->doc);
        }
        if (entry->used < oldest->used)
            oldest = entry;
    }
    entry_clear(oldest);
    oldest->version = version_hold(version);
    oldest->doc =
        doc_parse(version_text(version), NULL); /* what the store had was parsed before it was written */
    oldest->used = documents->clock;
    return doc_root(oldest->doc);
}

void document_manifest(struct documents *documents, struct version *version, struct buf *out)
{
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
