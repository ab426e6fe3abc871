#include "fsd/special.h"

#include "fsd/apply.h"
#include "fsd/bulk.h"
#include "fsd/ctl.h"
#include "fsd/discovery.h"
#include "fsd/documents.h"
#include "fsd/errors.h"
#include "fsd/fsd.h"
#include "fsd/lists.h"
#include "fsd/txn.h"

#define IN(type) (1u << (type))

/* ---- /k8s/README ---- */

static const char readme[] =
    "This directory is a container cluster. Its objects are Kubernetes' own; each is a directory here.\n"
    "\n"
    "  cp web.yaml /k8s/apply                     create or update what a manifest says\n"
    "  ls /k8s/pods                               the pods of the namespace default\n"
    "  cat /k8s/pods/.table                       … as a table, with reasons\n"
    "  cat /k8s/deployments/web/manifest.yaml     an object whole; write it to replace the object\n"
    "  echo 3 > /k8s/deployments/web/replicas     one field; the error, if any, is yours at once\n"
    "  tail -f /k8s/deployments/web/status        what happens to it, a line each\n"
    "  tail -f /k8s/pods/mine/containers/main/log what a container writes (podtree logs: of many)\n"
    "  mkdir /k8s/pods/mine                       a draft: fill its files in any order,\n"
    "  mkdir /k8s/pods/mine/containers/main       … its status says what is missing,\n"
    "  echo live > /k8s/pods/mine/ctl             … and then it counts\n"
    "  rm -r /k8s/deployments/web                 delete it (rmdir does, too)\n"
    "  tail /k8s/errors                           why something of yours was refused, or did nothing\n"
    "\n"
    "  namespaces/<ns>/<plural>/<name>/   where objects are; deployments -> namespaces/default/deployments\n"
    "  nodes/<name>/                      the machines; nodes/<name>/pods/ what runs there\n"
    "  all/<plural>/                      one kind in all namespaces\n"
    "  <object>/observed/                 what is (.status); all else is what should be\n"
    "  <object>/ctl                       verbs: cat it to see which\n"
    "  api/<short name>/                  a kind: explain (each field), template.yaml (to begin with)\n"
    "  .json .yaml .table                 unlisted, in every directory of objects: the whole of it\n";

static void text_readme(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)fsd, (void)place, (void)node;
    buf_add_text(out, readme);
}

static void measure_readme(struct fsd *fsd, const struct place *place, uint32_t node, size_t *size,
                           int64_t *time_ms)
{
    (void)place, (void)node;
    *size = sizeof(readme) - 1;
    *time_ms = fsd->started_ms;
}

/* ---- manifest.yaml ---- */

static struct object *object_of(struct fsd *fsd, const struct place *place)
{
    struct object *object = object_by_id(fsd->objects, place->object);
    return object != NULL && object_is_visible(object) ? object : NULL;
}

static void text_manifest(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)node;
    struct object *object = object_of(fsd, place);
    if (object != NULL)
        document_manifest(fsd->documents, object->committed, out);
}

static void measure_manifest(struct fsd *fsd, const struct place *place, uint32_t node, size_t *size,
                             int64_t *time_ms)
{
    (void)node;
    struct object *object = object_of(fsd, place);
    *size = object != NULL ? document_manifest_size(fsd->documents, object->committed) : 0;
    *time_ms = object != NULL ? object->committed->time_ms : 0;
}

/* ---- streams ---- */

static void text_stream(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)node;
    struct object *object = object_of(fsd, place);
    if (object != NULL)
        buf_add_str(
            out,
            buf_str(
                &object->streams[strcmp(place->special->name, "events") == 0 ? STREAM_EVENTS : STREAM_STATUS]
                     .text));
}

static void measure_stream(struct fsd *fsd, const struct place *place, uint32_t node, size_t *size,
                           int64_t *time_ms)
{
    (void)node;
    struct object *object = object_of(fsd, place);
    bool events = strcmp(place->special->name, "events") == 0;
    *size = object != NULL ? object->streams[events ? STREAM_EVENTS : STREAM_STATUS].text.length : 0;
    *time_ms = object != NULL ? object->committed->time_ms : 0;
}

static void text_all_events(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)place, (void)node;
    buf_add_str(out, buf_str(&fsd->events.text));
}

static void measure_all_events(struct fsd *fsd, const struct place *place, uint32_t node, size_t *size,
                               int64_t *time_ms)
{
    (void)place, (void)node;
    *size = fsd->events.text.length;
    *time_ms = fsd->events_time_ms;
}

static void text_errors(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)node;
    int64_t time_ms;
    buf_add_str(out, errors_text(fsd->memory, (uid_t)place->number, &time_ms));
}

static void measure_errors(struct fsd *fsd, const struct place *place, uint32_t node, size_t *size,
                           int64_t *time_ms)
{
    (void)node;
    *size = errors_text(fsd->memory, (uid_t)place->number, time_ms).length;
}

/* ---- .version ---- */

static void text_version(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)node;
    buf_addf(out, "%lld\n", (long long)objects_newest(fsd->objects, place->kind, place->namespace));
}

static void measure_version(struct fsd *fsd, const struct place *place, uint32_t node, size_t *size,
                            int64_t *time_ms)
{
    autobuf struct buf text = {0};
    text_version(fsd, place, node, &text);
    *size = text.length;
    *time_ms = txn_time_ms(fsd);
}

/* ---- the table ---- */

/* Directories whose objects are of one kind. */
#define OF_OBJECTS (IN(PLACE_KIND) | IN(PLACE_ALL_KIND) | IN(PLACE_ALL_NAMESPACE) | IN(PLACE_BOUND))

static const struct special specials[] = {
    {"README", IN(PLACE_ROOT), SPECIAL_TEXT, true, false, text_readme, measure_readme, NULL, NULL, PART_NONE},
    {"apply", IN(PLACE_ROOT), SPECIAL_COLLECT, true, true, apply_text, NULL, NULL, apply_write, PART_NONE},
    {"errors", IN(PLACE_ROOT), SPECIAL_LINK, true, false, NULL, NULL, NULL, NULL, PART_NONE},
    {"events", IN(PLACE_ROOT), SPECIAL_STREAM, true, false, text_all_events, measure_all_events, NULL, NULL,
     PART_NONE},

    {"manifest.yaml", IN(PLACE_OBJECT), SPECIAL_TEXT, true, true, text_manifest, measure_manifest, NULL,
     manifest_write, PART_YAML},
    {"status", IN(PLACE_OBJECT), SPECIAL_STREAM, true, false, text_stream, measure_stream, NULL, NULL,
     PART_NONE},
    {"events", IN(PLACE_OBJECT), SPECIAL_STREAM, true, false, text_stream, measure_stream, NULL, NULL,
     PART_NONE},
    {"ctl", IN(PLACE_OBJECT), SPECIAL_COMMAND, true, true, ctl_text, NULL, NULL, ctl_write, PART_NONE},

    {"explain", IN(PLACE_API_KIND), SPECIAL_TEXT, true, false, discovery_explain, discovery_measure, NULL,
     NULL, PART_NONE},
    {"schema.json", IN(PLACE_API_KIND), SPECIAL_TEXT, true, false, discovery_schema, discovery_measure, NULL,
     NULL, PART_NONE},
    {"template.yaml", IN(PLACE_API_KIND), SPECIAL_TEXT, true, false, discovery_template, discovery_measure,
     NULL, NULL, PART_NONE},
    {"verbs", IN(PLACE_API_KIND), SPECIAL_TEXT, true, false, discovery_verbs, NULL, NULL, NULL, PART_NONE},

    {".json", IN(PLACE_OBJECT) | IN(PLACE_FIELD), SPECIAL_LIST, false, false, NULL, NULL, more_field_json,
     NULL, PART_JSON},
    {".yaml", IN(PLACE_OBJECT) | IN(PLACE_FIELD), SPECIAL_LIST, false, false, NULL, NULL, more_field_yaml,
     NULL, PART_YAML},
    {".json", OF_OBJECTS | IN(PLACE_ROOT) | IN(PLACE_ALL) | IN(PLACE_OWNED), SPECIAL_LIST, false, false, NULL,
     NULL, more_json, NULL, PART_NONE},
    {".yaml", OF_OBJECTS | IN(PLACE_ROOT) | IN(PLACE_ALL) | IN(PLACE_OWNED), SPECIAL_LIST, false, false, NULL,
     NULL, more_yaml, NULL, PART_NONE},
    {".table", OF_OBJECTS, SPECIAL_LIST, false, false, NULL, NULL, more_table, NULL, PART_NONE},
    {".version", IN(PLACE_KIND) | IN(PLACE_ALL_KIND), SPECIAL_STREAM, false, false, text_version,
     measure_version, NULL, NULL, PART_NONE},
    {".bulk", IN(PLACE_KIND) | IN(PLACE_ALL_KIND), SPECIAL_COLLECT, false, true, NULL, NULL, NULL, bulk_write,
     PART_NONE},
};

/* These have no name of their own in a directory. */
const struct special special_since = {"",   0,    SPECIAL_LIST, false, false,
                                      NULL, NULL, more_since,   NULL,  PART_NONE};
const struct special special_since_meta = {"",   0,    SPECIAL_LIST,    false, false,
                                           NULL, NULL, more_since_meta, NULL,  PART_NONE};
const struct special special_errors_of_user = {
    "", 0, SPECIAL_STREAM, false, false, text_errors, measure_errors, NULL, NULL, PART_NONE};

bool special_is_here(const struct special *special, const struct place *directory)
{
    return (special->where & IN(directory->type)) != 0;
}

const struct special *special_at(size_t index)
{
    return index < COUNT(specials) ? &specials[index] : NULL;
}

const struct special *special_find(const struct place *directory, struct str name)
{
    for (size_t i = 0; i < COUNT(specials); i++)
        if (special_is_here(&specials[i], directory) && str_is(name, specials[i].name))
            return &specials[i];
    return NULL;
}
