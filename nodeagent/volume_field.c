#include "nodeagent/volume_field.h"

#include "lib/utf8.h"
#include "nodeagent/downward.h"
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

/* As Go's %q writes it. */
static void add_quoted(struct buf *out, struct str text)
{
    static const char named[] = "\aa\bb\ff\nn\rr\tt\vv\\\\\"\"";
    buf_add_char(out, '"');
    const char *at = text.at, *end = text.at + text.length;
    uint32_t character;
    for (size_t length; (length = utf8_decode(at, end, &character)) != 0; at += length) {
        const char *name = NULL;
        for (size_t n = 0; n + 1 < sizeof(named) && name == NULL; n += 2)
            if (character == (unsigned char)named[n])
                name = named + n + 1;
        if (name != NULL)
            buf_addf(out, "\\%c", *name);
        else if (character < 0x20 || character == 0x7f)
            buf_addf(out, "\\x%02x", character);
        else if (is_printable(character))
            buf_add(out, at, length);
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

int volume_field(struct value pod, struct str path, struct buf *out, struct error **err)
{
    struct value metadata = value_get(pod, STR("metadata"));
    struct str name = str_starts(path, STR("metadata.")) ? str_cut(path, 9, path.length) : STR("");
    for (size_t i = 0; i < COUNT(texts); i++)
        if (str_is(name, texts[i])) {
            add_sorted(out, value_str(value_get(metadata, name)));
            return 0;
        }
    for (size_t i = 0; i < COUNT(maps); i++)
        if (str_is(name, maps[i])) {
            add_map(out, value_get(metadata, name));
            return 0;
        }
    autobuf struct buf text = {0};
    if (!downward_subscripted(pod, path, &text))
        return error_make(err, EINVAL, "unsupported fieldPath: " STR_FORMAT, STR_ARGS(path));
    add_sorted(out, buf_str(&text));
    return 0;
}
