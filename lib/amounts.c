#include "lib/amounts.h"

#include "lib/map.h"
#include "lib/quantity.h"
#include <stdio.h>

/* ---- which there are ---- */

static void format_plain(int64_t number, char out[32])
{
    snprintf(out, 32, "%lld", (long long)number);
}

struct unit {
    bool (*read)(struct str text, int64_t *amount);
    void (*format)(int64_t amount, char out[32]);
};
static const struct unit thousandths = {quantity_milli, quantity_format_cpu};
static const struct unit bytes = {quantity_units, quantity_format_bytes};
static const struct unit plain = {quantity_units, format_plain};

static const struct {
    const char *name;
    const struct unit *unit;
} natives[RESOURCE_NATIVE] = {
    [RESOURCE_CPU] = {"cpu", &thousandths},
    [RESOURCE_MEMORY] = {"memory", &bytes},
    [RESOURCE_STORAGE] = {"ephemeral-storage", &bytes},
    [RESOURCE_PODS] = {"pods", &plain},
};

#define HUGE_PAGES "hugepages-"

/* Met so far. Nothing is ever taken out: numbers stand in sums. */
struct named {
    struct map_node by_name;
    int number;
};
static struct map numbers;
static struct named **met;
static size_t met_count, met_capacity;

static bool is_in_domain(struct str name, const char *domain)
{
    return memmem(name.at, name.length, domain, strlen(domain)) != NULL;
}

bool resource_is_extended(struct str name)
{
    return is_in_domain(name, "/") && !is_in_domain(name, "kubernetes.io/") &&
           !str_starts(name, STR("requests."));
}

static bool is_counted(struct str name)
{
    return str_starts(name, STR(HUGE_PAGES)) || str_starts(name, STR("attachable-volumes-")) ||
           is_in_domain(name, "kubernetes.io/") || resource_is_extended(name);
}

static int number_of_named(struct str name)
{
    struct named *known = map_entry(map_find(&numbers, name), struct named, by_name);
    if (known != NULL)
        return known->number;
    if (!is_counted(name))
        return -1;
    array_grow(met, met_count, met_capacity);
    known = memory_zeroed(1, sizeof(*known));
    known->by_name.key = (struct str){str_dup(name), name.length};
    known->number = RESOURCE_NATIVE + (int)met_count;
    map_insert(&numbers, &known->by_name);
    met[met_count++] = known;
    return known->number;
}

int resource_number(struct str name)
{
    for (int i = 0; i < RESOURCE_NATIVE; i++)
        if (natives[i].name != NULL && str_is(name, natives[i].name))
            return i;
    return number_of_named(name);
}

struct str resource_name(int resource)
{
    return resource < RESOURCE_NATIVE ? str_of(natives[resource].name)
                                      : met[resource - RESOURCE_NATIVE]->by_name.key;
}

static const struct unit *unit_of(int resource)
{
    bool huge = resource >= RESOURCE_NATIVE && str_starts(resource_name(resource), STR(HUGE_PAGES));
    return resource < RESOURCE_NATIVE ? natives[resource].unit : huge ? &bytes : &plain;
}

/* ---- sums ---- */

/* Nobody has as much (9 PB); so sums of what was read don't overflow. */
#define MOST ((int64_t)1 << 53)

/* Where it stands, or belongs. */
static size_t find(const struct amounts *amounts, int resource)
{
    size_t i = 0;
    while (i < amounts->count && amounts->others[i].resource < resource)
        i++;
    return i;
}

static bool stands_at(const struct amounts *amounts, size_t i, int resource)
{
    return i < amounts->count && amounts->others[i].resource == resource;
}

int64_t amounts_get(const struct amounts *amounts, int resource)
{
    if (resource < RESOURCE_NATIVE)
        return amounts->native[resource];
    size_t i = find(amounts, resource);
    return stands_at(amounts, i, resource) ? amounts->others[i].amount : 0;
}

void amounts_set(struct amounts *amounts, int resource, int64_t amount)
{
    if (resource < RESOURCE_NATIVE) {
        amounts->native[resource] = amount;
        return;
    }
    size_t i = find(amounts, resource);
    if (!stands_at(amounts, i, resource)) {
        array_grow(amounts->others, amounts->count, amounts->capacity);
        memmove(amounts->others + i + 1, amounts->others + i, (amounts->count - i) * sizeof(struct amount));
        amounts->count++;
    }
    amounts->others[i] = (struct amount){resource, amount};
}

static int64_t sum(int64_t a, int64_t b)
{
    int64_t result;
    return !__builtin_add_overflow(a, b, &result) ? result : a < 0 ? INT64_MIN : INT64_MAX;
}

static void drop_nothing(struct amounts *amounts)
{
    size_t kept = 0;
    for (size_t i = 0; i < amounts->count; i++)
        if (amounts->others[i].amount != 0)
            amounts->others[kept++] = amounts->others[i];
    amounts->count = kept;
}

void amounts_add(struct amounts *amounts, const struct amounts *more, int times)
{
    for (int i = 0; i < RESOURCE_NATIVE; i++)
        amounts->native[i] = sum(amounts->native[i], times * more->native[i]);
    for (size_t i = 0; i < more->count; i++) {
        int resource = (int)more->others[i].resource;
        amounts_set(amounts, resource, sum(amounts_get(amounts, resource), times * more->others[i].amount));
    }
    if (more->count != 0)
        drop_nothing(amounts);
}

void amounts_raise(struct amounts *amounts, const struct amounts *others)
{
    for (int i = 0; i < RESOURCE_NATIVE; i++)
        if (others->native[i] > amounts->native[i])
            amounts->native[i] = others->native[i];
    for (size_t i = 0; i < others->count; i++)
        if (others->others[i].amount > amounts_get(amounts, (int)others->others[i].resource))
            amounts_set(amounts, (int)others->others[i].resource, others->others[i].amount);
}

void amounts_clear(struct amounts *amounts)
{
    free(amounts->others);
    *amounts = (struct amounts){0};
}

/* ---- documents ---- */

void amounts_read(struct amounts *amounts, struct value list)
{
    value_each (quantity, list) {
        int resource = resource_number(value_key(quantity));
        int64_t amount;
        if (resource >= 0 && unit_of(resource)->read(value_str(quantity), &amount))
            amounts_set(amounts, resource, amount < MOST ? amount : MOST);
    }
}

static void write_amount(struct value list, int resource, int64_t amount)
{
    char text[32];
    unit_of(resource)->format(amount, text);
    value_set_str(list, resource_name(resource), str_of(text));
}

void amounts_write(const struct amounts *amounts, struct value list)
{
    for (int i = 0; i < RESOURCE_NATIVE; i++)
        if (natives[i].name != NULL)
            write_amount(list, i, amounts->native[i]);
    for (size_t i = 0; i < amounts->count; i++)
        write_amount(list, (int)amounts->others[i].resource, amounts->others[i].amount);
}
