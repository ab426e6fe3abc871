#include "reconcilers/gc.h"

/* Manifests say a kind's name, the tree its plural: ReplicaSet of apps/v1 is replicasets or replicasets.apps.
 * The plural is formed by the rule of Kubernetes' own clients. */

struct owned_kinds *owned_kinds_new(struct str names)
{
    struct owned_kinds *kinds = memory_zeroed(1, sizeof(*kinds));
    size_t capacity = 0;
    struct str name;
    while (str_split(&names, '\n', &name)) {
        if (name.length == 0)
            continue;
        array_grow(kinds->kinds, kinds->count, capacity);
        kinds->kinds[kinds->count++] = owned_kind_new(name);
    }
    return kinds;
}

void owned_kinds_free(struct owned_kinds *kinds)
{
    if (kinds == NULL)
        return;
    for (size_t i = 0; i < kinds->count; i++)
        owned_kind_free(kinds->kinds[i]);
    free(kinds->kinds);
    free(kinds);
}

static void add_plural(struct buf *out, struct str kind)
{
    for (size_t i = 0; i < kind.length; i++)
        buf_add_char(out,
                     kind.at[i] >= 'A' && kind.at[i] <= 'Z' ? (char)(kind.at[i] - 'A' + 'a') : kind.at[i]);
    if (str_is(kind, "Endpoints"))
        return;
    if (str_ends(kind, STR("s"))) {
        buf_add_text(out, "es");
    } else if (str_ends(kind, STR("y"))) {
        out->length--;
        buf_add_text(out, "ies");
    } else {
        buf_add_text(out, "s");
    }
}

const struct owned_kind *owned_kinds_find(const struct owned_kinds *kinds, struct str api_version,
                                          struct str kind)
{
    autobuf struct buf plural = {0}, full = {0};
    add_plural(&plural, kind);
    struct str version = api_version, group;
    bool has_group = str_split(&version, '/', &group) && version.at != NULL;
    buf_add_str(&full, buf_str(&plural));
    if (has_group) {
        buf_add_char(&full, '.');
        buf_add_str(&full, group);
    }
    for (size_t i = 0; i < kinds->count; i++) {
        struct str resource = str_of(kinds->kinds[i]->view.resource);
        if (str_equal(resource, buf_str(&full)) || str_equal(resource, buf_str(&plural)))
            return kinds->kinds[i];
    }
    return NULL;
}
