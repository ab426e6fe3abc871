#include "fsd/custom.h"

#include "fsd/audit.h"
#include "fsd/discovery.h"
#include "fsd/documents.h"
#include "fsd/tell.h"
#include "fsd/txn.h"
#include "lib/log.h"

int custom_admit(const struct fsd *fsd, const struct kind_reading *reading, struct error **err)
{
    return reading != NULL ? kinds_check_names(fsd->kinds, kind_reading_kind(reading), err) : 0;
}

void custom_say(struct fsd *fsd, const struct object *definition, const struct kind_reading *reading)
{
    const struct asker self = {.identity = IDENTITY_FSD};
    struct str in_vain = reading != NULL ? kind_reading_in_vain(reading) : STR("");
    if (in_vain.length == 0)
        return;
    autobuf struct buf message = {0};
    autoerror struct error *error = NULL;
    buf_addf(&message, "kept and without effect: " STR_FORMAT, STR_ARGS(in_vain));
    if (txn_event(fsd, &self, definition, "Warning", STR("WithoutEffect"), buf_str(&message), &error) < 0)
        log_warning("%s: %s", definition->name, error_message(error));
}

/* ---- its directories ---- */

static void tell_below(struct fsd *fsd, uint32_t directory, const struct kind *kind, bool link, bool gone)
{
    if (directory != 0)
        tell_name(fsd, directory, kind->directory, link, gone);
}

/* They come and go with the namespace, too; here with the kind. */
static void tell_namespaces(struct fsd *fsd, const struct kind *kind, bool gone)
{
    uint32_t all = node_find(fsd->nodes, NODE_ROOT, STR("namespaces"));
    uint32_t namespace = all != 0 && kind->namespaced ? node_first(fsd->nodes, all) : 0;
    for (; namespace != 0; namespace = node_next(fsd->nodes, namespace))
        if (node_record(fsd->nodes, namespace)->object != 0)
            tell_below(fsd, namespace, kind, false, gone);
}

static void tell_kind(struct fsd *fsd, const struct kind *kind, bool gone)
{
    tell_below(fsd, NODE_ROOT, kind, kind->namespaced, gone);
    tell_below(fsd, node_find(fsd->nodes, NODE_ROOT, STR("all")), kind, !kind->namespaced, gone);
    tell_namespaces(fsd, kind, gone);
    discovery_tell(fsd, kind, gone ? kind_form(kind) : NULL, gone ? NULL : kind_form(kind));
}

/* ---- definitions ---- */

/* plural.group */
static const struct kind *defined_by(const struct fsd *fsd, const struct object *definition)
{
    const struct kind *kind = kinds_by_directory(fsd->kinds, str_of(definition->name));
    return kind != NULL && str_is(kind->qualified, definition->name) ? kind : NULL;
}

static struct kind_reading *read_again(struct fsd *fsd, const struct object *definition, struct version *now)
{
    autoerror struct error *error = NULL;
    struct kind_reading *reading = kind_reading_new(fsd->kinds, document_of(fsd->documents, now), &error);
    if (reading == NULL)
        log_error("%s defines no kind: %s", definition->name, error_message(error));
    return reading;
}

/* Draws the line between a definition that has changed and one of which only the rest has. */
static bool is_news(struct fsd *fsd, const struct version *before, struct version *now)
{
    if (before == NULL)
        return true;
    struct value was = document_of(fsd->documents, (struct version *)before),
                 is = document_of(fsd->documents, now);
    return !value_equal(value_at(was, "metadata", "generation"), value_at(is, "metadata", "generation"));
}

static void put(struct fsd *fsd, const struct object *definition, struct kind_reading *reading, bool tells)
{
    autoerror struct error *error = NULL;
    bool is_new = false;
    if (reading == NULL)
        return;
    if (custom_admit(fsd, reading, &error) < 0) { /* two came at once */
        log_error("%s defines no kind: %s", definition->name, error_message(error));
        kind_reading_free(reading);
        return;
    }
    const struct kind *known = defined_by(fsd, definition);
    const struct kind_form *before = known != NULL ? kind_form(known) : NULL;
    const struct kind *kind = kinds_put(fsd->kinds, reading, &is_new);
    objects_add_kind(fsd->objects, kind);
    if (tells && is_new) {
        tell_kind(fsd, kind, false);
    } else if (tells) {
        audit_kind(fsd, kind);
        discovery_tell(fsd, kind, before, kind_form(kind));
    }
}

static void note_end(struct fsd *fsd, const struct object *definition)
{
    const struct kind *kind = defined_by(fsd, definition);
    if (kind != NULL)
        kinds_end(fsd->kinds, kind, (definition->committed->flags & VERSION_TERMINATING) != 0);
}

void custom_load(struct fsd *fsd, const struct object *definition)
{
    if ((definition->committed->flags & VERSION_DRAFT) == 0)
        put(fsd, definition, read_again(fsd, definition, definition->committed), false);
    note_end(fsd, definition);
}

static void take_away(struct fsd *fsd, const struct object *definition)
{
    const struct kind *kind = defined_by(fsd, definition);
    if (kind == NULL)
        return;
    kinds_remove(fsd->kinds, kind);
    tell_kind(fsd, kind, true);
}

void custom_published(struct fsd *fsd, struct object *definition, const struct version *before)
{
    struct version *now = definition->committed;
    if ((now->flags & VERSION_GONE) != 0) {
        take_away(fsd, definition);
        return;
    }
    if (!version_is_live(now))
        return;
    struct kind_reading *reading = take_pointer(now->defines);
    if (reading == NULL && (defined_by(fsd, definition) == NULL || is_news(fsd, before, now)))
        reading = read_again(fsd, definition, now);
    put(fsd, definition, reading, true);
    note_end(fsd, definition);
}

void custom_take_over(struct fsd *fsd)
{
    const struct kind *definitions = kinds_by_directory(fsd->kinds, STR(CUSTOM_DEFINITIONS));
    const struct object *definition;
    int64_t version = (int64_t)fsd->memory->header->announced;
    while (!fsd->memory->fresh && definitions != NULL &&
           (definition = objects_after(fsd->objects, definitions, version)) != NULL) {
        const struct kind *kind = defined_by(fsd, definition);
        if (kind != NULL)
            tell_kind(fsd, kind, false);
        version = definition->committed->number;
    }
}
