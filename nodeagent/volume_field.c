#include "nodeagent/volume_field.h"

#include "lib/quantity.h"
#include <errno.h>

/* ---- maps as lines ---- */

/* Characters that Go's %q doesn't print as they are: control characters, spaces but the usual one, invisible
 * marks, those that have no meaning of their own. */
static const struct {
    uint32_t first, last;
} unprintable[] = {
    {0x80, 0xa0},     {0xad, 0xad},       {0x1680, 0x1680},    {0x180e, 0x180e}, {0x2000, 0x200f},
    {0x2028, 0x202f}, {0x205f, 0x206f},   {0x3000, 0x3000},    {0xd800, 0xf8ff}, {0xfeff, 0xfeff},
    {0xfff0, 0xfffb}, {0xe0000, 0xe00ff}, {0xf0000, 0x10ffff},
};

static bool is_printable(uint32_t character)
{
    for (size_t i = 0; i < COUNT(unprintable); i++)
        if (character >= unprintable[i].first && character <= unprintable[i].last)
            return false;
    return true;
}

/* The character whose bytes begin here; documents are UTF-8, so what begins is whole. */
static uint32_t decode(const char *at, size_t *length)
{
    unsigned char first = (unsigned char)at[0];
    *length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t character = *length == 1 ? first : first & (0xffU >> (*length + 1));
    for (size_t i = 1; i < *length; i++)
        character = character << 6 | ((unsigned char)at[i] & 0x3f);
    return character;
}

/* As Go's %q writes it. */
static void add_quoted(struct buf *out, struct str text)
{
    static const char named[] = "\aa\bb\ff\nn\rr\tt\vv\\\\\"\"";
    buf_add_char(out, '"');
    for (size_t i = 0, length; i < text.length; i += length) {
        uint32_t character = decode(text.at + i, &length);
        const char *name = NULL;
        for (size_t n = 0; n + 1 < sizeof(named) && name == NULL; n += 2)
            if (character == (unsigned char)named[n])
                name = named + n + 1;
        if (name != NULL)
            buf_addf(out, "\\%c", *name);
        else if (character < 0x20 || character == 0x7f)
            buf_addf(out, "\\x%02x", character);
        else if (is_printable(character))
            buf_add(out, text.at + i, length);
        else
            buf_addf(out, character > 0xffff ? "\\U%08x" : "\\u%04x", character);
    }
    buf_add_char(out, '"');
}

static int compare_lines(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* kubelet sorts the lines of whatever it puts into such a file, not only of maps (pkg/volume/downwardapi,
 * sortLines). */
static void add_sorted(struct buf *out, struct str text)
{
    autofree struct str *lines = NULL;
    size_t count = 0, capacity = 0;
    struct str line;
    while (str_split(&text, '\n', &line)) {
        array_grow(lines, count, capacity);
        lines[count++] = line;
    }
    if (count != 0)
        qsort(lines, count, sizeof(*lines), compare_lines);
    for (size_t i = 0; i < count; i++) {
        if (i != 0)
            buf_add_char(out, '\n');
        buf_add_str(out, lines[i]);
    }
}

static void add_map(struct buf *out, struct value map)
{
    autobuf struct buf lines = {0};
    value_each (member, map) {
        if (lines.length != 0)
            buf_add_char(&lines, '\n');
        buf_add_str(&lines, value_key(member));
        buf_add_char(&lines, '=');
        add_quoted(&lines, value_str(member));
    }
    add_sorted(out, buf_str(&lines));
}

/* ---- fields ---- */

static const char *const texts[] = {"name", "namespace", "uid"};
static const char *const maps[] = {"labels", "annotations"};

/* The KEY of what['KEY']. */
static bool subscript(struct str path, const char *what, struct str *key)
{
    struct str name = str_of(what);
    if (!str_starts(path, name))
        return false;
    struct str rest = str_cut(path, name.length, path.length);
    if (!str_starts(rest, STR("['")) || !str_ends(rest, STR("']")) || rest.length < 5)
        return false;
    *key = str_cut(rest, 2, rest.length - 4);
    return true;
}

int volume_field(struct value pod, struct str path, struct buf *out, struct error **err)
{
    struct value metadata = value_get(pod, STR("metadata"));
    struct str key, name = str_starts(path, STR("metadata.")) ? str_cut(path, 9, path.length) : STR("");
    for (size_t i = 0; i < COUNT(texts); i++)
        if (str_is(name, texts[i])) {
            add_sorted(out, value_str(value_get(metadata, name)));
            return 0;
        }
    for (size_t i = 0; i < COUNT(maps); i++) {
        struct value map = value_get(metadata, str_of(maps[i]));
        if (str_is(name, maps[i]))
            add_map(out, map);
        else if (subscript(name, maps[i], &key))
            add_sorted(out, value_str(value_get(map, key)));
        else
            continue;
        return 0;
    }
    return error_make(err, EINVAL, "unsupported fieldPath: " STR_FORMAT, STR_ARGS(path));
}

/* ---- resources ---- */

static struct value find_container(struct value pod, struct str name)
{
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < COUNT(lists); i++)
        value_each (container, value_at(pod, "spec", lists[i]))
            if (str_equal(value_str(value_get(container, STR("name"))), name))
                return container;
    return VALUE_ABSENT;
}

/* In thousandths for cpu, whole units for all else. */
static bool amount(struct str resource, struct value quantity, int64_t *number)
{
    struct str text = value_str(quantity);
    return str_is(resource, "cpu") ? quantity_milli(text, number) : quantity_units(text, number);
}

static bool is_zero(struct str resource, struct value quantity)
{
    int64_t number;
    return amount(resource, quantity, &number) && number == 0;
}

/* Where a request isn't set, the limit is: the tree's defaulting says the same. */
static struct value find_quantity(struct value container, struct str list, struct str resource,
                                  struct value allocatable)
{
    struct value resources = value_get(container, STR("resources"));
    struct value limit = value_get(value_get(resources, STR("limits")), resource);
    if (str_is(list, "limits"))
        return value_exists(limit) && !is_zero(resource, limit) ? limit : value_get(allocatable, resource);
    struct value request = value_get(value_get(resources, STR("requests")), resource);
    return value_exists(request) ? request : limit;
}

static bool is_known(struct str list, struct str resource)
{
    static const char *const resources[] = {"cpu", "memory", "ephemeral-storage"};
    bool known = str_starts(resource, STR("hugepages-"));
    for (size_t i = 0; i < COUNT(resources); i++)
        known |= str_is(resource, resources[i]);
    return known && (str_is(list, "limits") || str_is(list, "requests"));
}

int volume_resource(struct value pod, struct value reference, struct value allocatable, struct buf *out,
                    struct error **err)
{
    struct str name = value_str(value_get(reference, STR("containerName")));
    struct str whole = value_str(value_get(reference, STR("resource"))), resource = whole, list = STR("");
    struct value container = find_container(pod, name);
    if (!value_exists(container))
        return error_make(err, EINVAL, "container " STR_FORMAT " not found", STR_ARGS(name));
    if (!str_split(&resource, '.', &list) || !is_known(list, resource))
        return error_make(err, EINVAL, "unsupported container resource : " STR_FORMAT, STR_ARGS(whole));
    int64_t number = 0, divisor = 0;
    struct value quantity = find_quantity(container, list, resource, allocatable);
    if (value_exists(quantity) && !amount(resource, quantity, &number))
        return error_make(err, EINVAL, STR_FORMAT " is no quantity", STR_ARGS(value_str(quantity)));
    if (!amount(resource, value_get(reference, STR("divisor")), &divisor) || divisor <= 0)
        divisor = str_is(resource, "cpu") ? 1000 : 1;
    buf_addf(out, "%lld", (long long)(number / divisor + (number % divisor != 0)));
    return 0;
}
