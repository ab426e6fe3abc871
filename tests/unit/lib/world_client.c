#include "tests/unit/lib/world_private.h"

#include <errno.h>
#include <stdio.h>

/* Clients of the simulated tree: each input or output is a step, and a client may die in any of them. */

static struct client *client_of(const struct tree *tree)
{
    return (struct client *)tree;
}

/* Counts a step. Returns whether it is the client's last. */
static bool is_last_step(struct client *client)
{
    if (client->steps_left == 0)
        return false;
    client->dead = --client->steps_left == 0;
    return client->dead;
}

static int dead(struct error **err)
{
    return error_make(err, EIO, "the client is dead");
}

static void client_follow(struct tree *tree, const char *resource, bool *changed)
{
    struct client *client = client_of(tree);
    if (client->following_count == COUNT(client->followings))
        abort();
    client->followings[client->following_count++] =
        (struct following){kind_of_resource(str_of(resource)), changed, true};
}

static int client_events(struct tree *tree, struct error **err)
{
    struct client *client = client_of(tree);
    if (client->dead)
        return dead(err);
    for (size_t i = 0; i < client->following_count; i++) {
        struct following *following = &client->followings[i];
        if (!following->news || (client->delayed && world_random(client->world, 3) != 0))
            continue;
        following->news = false;
        *following->changed = true;
    }
    return 0;
}

static int client_descriptor(struct tree *tree)
{
    (void)tree;
    return -1;
}

static int give_line(const struct item *item, bool metadata_only, tree_line_fn *line, void *context,
                     struct error **err)
{
    autobuf struct buf text = {0};
    if (metadata_only) {
        autodoc struct doc *copy = doc_copy(doc_root(item->doc));
        value_unset(doc_root(copy), STR("spec"));
        value_unset(doc_root(copy), STR("status"));
        value_write(&text, doc_root(copy));
    } else {
        value_write(&text, doc_root(item->doc));
    }
    return line(context, buf_str(&text), err);
}

/* A list has no tombstones. A client that dies gets a part of the answer. */
static int client_since(struct tree *tree, const char *resource, int64_t version, bool metadata_only,
                        tree_line_fn *line, void *context, struct error **err)
{
    struct client *client = client_of(tree);
    if (client->dead)
        return dead(err);
    client->reads++;
    bool last = is_last_step(client);
    size_t lines_left = last ? world_random(client->world, 4) : SIZE_MAX;
    const struct known_kind *kind = kind_of_resource(str_of(resource));
    for (const struct item *item = client->world->first; item != NULL; item = item->next) {
        if (item->kind != kind || item->version <= version || (item->deleted && version == 0))
            continue;
        if (lines_left-- == 0)
            return dead(err);
        int result = give_line(item, metadata_only, line, context, err);
        if (result < 0)
            return result;
    }
    if (last)
        return dead(err);
    char text[64];
    snprintf(text, sizeof(text), "{\"version\":\"%lld\"}", (long long)client->world->version);
    int result = line(context, str_of(text), err);
    return result < 0 ? result : 0;
}

static int client_get(struct tree *tree, const char *resource, const char *namespace, const char *name,
                      struct buf *object, struct error **err)
{
    struct client *client = client_of(tree);
    if (client->dead)
        return dead(err);
    struct value found = world_get(client->world, resource, namespace, name);
    if (!value_exists(found))
        return error_make(err, ENOENT, "no %s %s/%s", resource, namespace, name);
    value_write(object, found);
    return 0;
}

static int client_bulk(struct tree *tree, struct str requests, size_t count, struct buf *results,
                       struct error **err)
{
    struct client *client = client_of(tree);
    (void)count;
    if (client->dead)
        return dead(err);
    client->bulks++;
    bool last = is_last_step(client);
    if (last && world_random(client->world, 2) == 0)
        return dead(err);
    int result = world_bulk(client->world, requests, results, err);
    if (result == 0 && last)
        return dead(err);
    return result;
}

static int client_resources(struct tree *tree, struct buf *names, struct error **err)
{
    if (client_of(tree)->dead)
        return dead(err);
    for (size_t i = 0; i < known_kind_count; i++)
        buf_addf(names, "%s\n", known_kinds[i].resource);
    return 0;
}

static int64_t client_clock(struct tree *tree)
{
    return client_of(tree)->world->now_ms;
}

static void client_close(struct tree *tree)
{
    struct client *client = client_of(tree);
    struct client **link = &client->world->clients;
    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    free(client);
}

static const struct tree_operations client_operations = {
    .follow = client_follow,
    .events = client_events,
    .descriptor = client_descriptor,
    .since = client_since,
    .get = client_get,
    .bulk = client_bulk,
    .resources = client_resources,
    .wall_ms = client_clock,
    .clock_ms = client_clock,
    .close = client_close,
};

struct tree *world_client(struct world *world)
{
    struct client *client = memory_zeroed(1, sizeof(*client));
    client->tree.operations = &client_operations;
    client->world = world;
    client->next = world->clients;
    world->clients = client;
    return &client->tree;
}

void client_kill_after(struct tree *client, size_t steps)
{
    client_of(client)->steps_left = steps;
}

bool client_is_dead(const struct tree *client)
{
    return client_of(client)->dead;
}

void client_delay(struct tree *client, bool delay)
{
    client_of(client)->delayed = delay;
}

bool client_has_news(const struct tree *tree)
{
    const struct client *client = client_of(tree);
    for (size_t i = 0; i < client->following_count; i++)
        if (client->followings[i].news)
            return true;
    return false;
}

size_t client_reads(const struct tree *client)
{
    return client_of(client)->reads;
}

size_t client_bulks(const struct tree *client)
{
    return client_of(client)->bulks;
}
