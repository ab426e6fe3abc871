#include "fsd/order.h"

#include "lib/large.h"

#define PART 64

struct entry {
    int64_t number;
    void *item;
};

struct order_part {
    size_t count;
    struct entry entries[PART];
};

void order_free(struct order *order)
{
    for (size_t i = 0; i < order->count; i++)
        free(order->parts[i]);
    large_free(order->parts, order->capacity);
    *order = (struct order){0};
}

static int64_t last_number(const struct order_part *part)
{
    return part->entries[part->count - 1].number;
}

/* The first part that ends above the number, or the count. */
static size_t part_above(const struct order *order, int64_t number)
{
    return sorted_place(order->count, i, last_number(order->parts[i]) > number);
}

static size_t entry_above(const struct order_part *part, int64_t number)
{
    return sorted_place(part->count, i, part->entries[i].number > number);
}

static struct order_part *insert_part(struct order *order, size_t place)
{
    large_grow(order->parts, order->count, order->capacity);
    memmove(order->parts + place + 1, order->parts + place, (order->count - place) * sizeof(*order->parts));
    order->count++;
    return order->parts[place] = memory_zeroed(1, sizeof(struct order_part));
}

static void remove_part(struct order *order, size_t place)
{
    free(order->parts[place]);
    order->count--;
    memmove(order->parts + place, order->parts + place + 1, (order->count - place) * sizeof(*order->parts));
}

static void move_entries(struct order_part *to, struct order_part *from, size_t first)
{
    memcpy(to->entries + to->count, from->entries + first, (from->count - first) * sizeof(*from->entries));
    to->count += from->count - first;
    from->count = first;
}

/* Where the number belongs, with room for it. */
static struct order_part *make_room(struct order *order, int64_t number)
{
    size_t place = part_above(order, number);
    if (place == order->count && place > 0 && order->parts[place - 1]->count < PART)
        place--;
    if (place == order->count)
        return insert_part(order, place);
    struct order_part *part = order->parts[place];
    if (part->count < PART)
        return part;
    struct order_part *upper = insert_part(order, place + 1);
    move_entries(upper, part, PART / 2);
    return last_number(part) > number ? part : upper;
}

void order_add(struct order *order, int64_t number, void *item)
{
    struct order_part *part = make_room(order, number);
    size_t place = entry_above(part, number);
    memmove(part->entries + place + 1, part->entries + place, (part->count - place) * sizeof(*part->entries));
    part->entries[place] = (struct entry){number, item};
    part->count++;
}

static void join_if_small(struct order *order, size_t place)
{
    if (place + 1 >= order->count || order->parts[place]->count + order->parts[place + 1]->count > PART / 2)
        return;
    move_entries(order->parts[place], order->parts[place + 1], 0);
    remove_part(order, place + 1);
}

void order_remove(struct order *order, int64_t number)
{
    size_t place = part_above(order, number - 1);
    if (place == order->count)
        return;
    struct order_part *part = order->parts[place];
    size_t entry = entry_above(part, number - 1);
    if (part->entries[entry].number != number)
        return;
    part->count--;
    memmove(part->entries + entry, part->entries + entry + 1, (part->count - entry) * sizeof(*part->entries));
    if (part->count == 0) {
        remove_part(order, place);
        return;
    }
    join_if_small(order, place);
    if (place > 0)
        join_if_small(order, place - 1);
}

void *order_after(const struct order *order, int64_t number)
{
    size_t place = part_above(order, number);
    if (place == order->count)
        return NULL;
    const struct order_part *part = order->parts[place];
    return part->entries[entry_above(part, number)].item;
}
