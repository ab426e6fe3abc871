/* Reads YAML: libyaml's events become nodes of a document as they come.
 *
 * libyaml finds the structure and decodes text; what is decided here is what plain scalars mean
 * (yaml_scalar.h), anchors and merges, and everything that Kubernetes refuses. Text that repeats itself by
 * aliases can be tiny and unfold to gigabytes, so what aliases add is counted. */
#include "lib/yaml.h"

#include "lib/doc_private.h"
#include "lib/yaml_scalar.h"
#include <errno.h>
#include <yaml.h>

#define LARGEST_TEXT ((size_t)64 << 20)
#define MOST_NODES   1000000
#define MOST_ANCHORS 1000
/* Room to begin with: a stream may have very many small documents. */
#define FIRST_TEXT  400
#define FIRST_NODES 14

/* A place in the text, from 1. */
struct place {
    uint32_t line, column;
};

struct anchor {
    char *name;
    uint32_t at;
};

struct reader {
    yaml_parser_t parser;
    struct str text;
    struct doc *doc;
    struct place *places; /* by node; unknown for those that aliases made */
    size_t place_capacity;
    struct anchor *anchors;
    size_t anchor_count, anchor_capacity;
    int depth;
    struct error **err;
};

typedef yaml_event_t event_t;
#define autoevent cleanup(yaml_event_delete)

/* ---- errors ---- */

static struct place place_of(yaml_mark_t mark)
{
    return (struct place){(uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static bool fail(struct reader *r, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct reader *r, struct place place, const char *format, ...)
{
    autobuf struct buf sentence = {0};
    va_list args;
    va_start(args, format);
    buf_vaddf(&sentence, format, args);
    va_end(args);
    error_make(r->err, EINVAL, "line %u, column %u: %s", place.line, place.column, sentence.at);
    return false;
}

/* libyaml's sentences speak of its own insides; these speak of the text. */
static const struct sentence {
    const char *problem, *text;
    bool at_beginning; /* of what has no end, rather than where the end was missed */
} sentences[] = {
    {"mapping values are not allowed in this context",
     "a ':' can't stand here: check the indentation, or put the text in quotes", false},
    {"block sequence entries are not allowed in this context",
     "a '-' can't stand here: check the indentation, or put the text in quotes", false},
    {"block mapping entries are not allowed in this context", "a key can't stand here: check the indentation",
     false},
    {"mapping keys are not allowed in this context", "a '?' can't stand here: put the text in quotes", false},
    {"did not find expected key", "expected a key: check the indentation", false},
    {"did not find expected '-' indicator", "expected '- ': check the indentation", false},
    {"could not find expected ':'", "expected ':' behind the key", true},
    {"did not find expected ',' or ']'", "expected ',' or ']'", false},
    {"did not find expected ',' or '}'", "expected ',' or '}'", false},
    {"did not find expected node content", "expected a value", false},
    {"did not find expected <document start>",
     "the document ends here, but more text follows: expected '---'", false},
    {"did not find expected <stream-start>", "expected a document", false},
    {"found character that cannot start any token",
     "text that begins with this character must be in quotes (and tabs can't indent)", false},
    {"found a tab character where an indentation space is expected", "tabs can't indent: use spaces", false},
    {"found a tab character that violates indentation", "tabs can't indent: use spaces", false},
    {"found unexpected end of stream", "a quoted text has no closing quote", true},
    {"found unexpected document indicator", "a quoted text has no closing quote before the document ends",
     true},
    {"found unknown escape character", "no such escape in a text in double quotes", false},
    {"did not find expected hexdecimal number", "an escape with too few hexadecimal digits", false},
    {"found invalid Unicode character escape code", "an escape for a character that doesn't exist", false},
    {"did not find expected comment or line break", "expected the end of the line", false},
    {"found an indentation indicator equal to 0", "a text block can't be indented by 0", false},
    {"did not find expected alphabetic or numeric character", "expected a name of letters and digits", false},
    {"found undefined tag handle", "a tag that is not known", false},
    {"found duplicate %YAML directive", "the second %YAML directive", false},
    {"found incompatible YAML document", "a version of YAML that is not supported", false},
    {"found unknown directive name", "no such directive", false},
    {"control characters are not allowed", "control characters must be escaped in double quotes", false},
    {"invalid leading UTF-8 octet", "not valid UTF-8", false},
    {"incomplete UTF-8 octet sequence", "not valid UTF-8", false},
    {"invalid trailing UTF-8 octet", "not valid UTF-8", false},
    {"invalid length of a UTF-8 sequence", "not valid UTF-8", false},
    {"invalid Unicode character", "not valid UTF-8", false},
};

/* For errors in the encoding libyaml tells the byte, not the place. */
static struct place place_of_offset(struct str text, size_t offset)
{
    struct place place = {1, 1};
    for (size_t i = 0; i < offset && i < text.length; i++) {
        if (text.at[i] == '\n')
            place = (struct place){place.line + 1, 1};
        else if ((text.at[i] & 0xc0) != 0x80)
            place.column++;
    }
    return place;
}

static const struct sentence *find_sentence(const char *problem)
{
    for (size_t i = 0; i < COUNT(sentences); i++)
        if (strcmp(sentences[i].problem, problem) == 0)
            return &sentences[i];
    return NULL;
}

static bool fail_parser(struct reader *r)
{
    const yaml_parser_t *parser = &r->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        abort();
    const char *problem = parser->problem != NULL ? parser->problem : "this can't be read";
    const struct sentence *sentence = find_sentence(problem);
    struct place place = place_of(parser->problem_mark);
    if (parser->error == YAML_READER_ERROR)
        place = place_of_offset(r->text, parser->problem_offset);
    else if (sentence != NULL && sentence->at_beginning)
        place = place_of(parser->context_mark);
    return fail(r, place, "%s", sentence != NULL ? sentence->text : problem);
}

/* ---- events ---- */

static bool next_event(struct reader *r, event_t *event)
{
    return yaml_parser_parse(&r->parser, event) || fail_parser(r);
}

static const char *anchor_of(const event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return (const char *)event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return (const char *)event->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT:
        return (const char *)event->data.mapping_start.anchor;
    default:
        return NULL;
    }
}

static struct str scalar_text(const event_t *event)
{
    return (struct str){(const char *)event->data.scalar.value, event->data.scalar.length};
}

static bool is_plain(const event_t *event)
{
    return event->type == YAML_SCALAR_EVENT && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           event->data.scalar.tag == NULL;
}

static bool fail_tag(struct reader *r, const event_t *event, const char *tag)
{
    static const struct str core = STR("tag:yaml.org,2002:");
    bool short_form = str_starts(str_of(tag), core);
    return fail(r, place_of(event->start_mark), "the tag %s%s does not fit here", short_form ? "!!" : "",
                tag + (short_form ? core.length : 0));
}

/* ---- scalars ---- */

static bool is_whole(struct str number)
{
    for (size_t i = 0; i < number.length; i++)
        if (strchr(".eE", number.at[i]) != NULL)
            return false;
    return true;
}

/* What the tag makes of the text; *json as from yaml_resolve. VALUE_NONE where they don't fit. */
static enum value_type resolve_tagged(const char *tag, struct str text, struct str *json, struct buf *scratch)
{
    if (strcmp(tag, "!") == 0 || strcmp(tag, YAML_STR_TAG) == 0)
        return VALUE_STRING;
    if (strcmp(tag, YAML_FLOAT_TAG) == 0)
        return yaml_number(text, json, scratch) ? VALUE_NUMBER : VALUE_NONE;
    enum value_type type = yaml_resolve(text, json, scratch);
    const char *fitting = type == VALUE_NUMBER ? YAML_INT_TAG
                          : type == VALUE_BOOL ? YAML_BOOL_TAG
                                               : YAML_NULL_TAG;
    if (type == VALUE_STRING || strcmp(tag, fitting) != 0)
        return VALUE_NONE;
    return type == VALUE_NUMBER && !is_whole(*json) ? VALUE_NONE : type;
}

static bool read_scalar(struct reader *r, uint32_t at, const event_t *event)
{
    autobuf struct buf scratch = {0};
    struct str text = scalar_text(event), json = STR_NONE;
    const char *tag = (const char *)event->data.scalar.tag;
    enum value_type type = VALUE_STRING;
    if (tag != NULL)
        type = resolve_tagged(tag, text, &json, &scratch);
    else if (is_plain(event))
        type = yaml_resolve(text, &json, &scratch);
    switch (type) {
    case VALUE_NULL:
        doc_put_empty(r->doc, at, VALUE_NULL);
        return true;
    case VALUE_STRING:
        json = text;
        break;
    case VALUE_NONE:
        if (tag != NULL)
            return fail_tag(r, event, tag);
        return fail(r, place_of(event->start_mark), "the number " STR_FORMAT " is not supported",
                    STR_ARGS(text));
    default:
        break;
    }
    doc_put_text(r->doc, at, type, (struct str){doc_keep(r->doc, json), json.length});
    return true;
}

/* ---- anchors and aliases ---- */

/* An anchor is known from the end of its node on, so that no node can contain itself. */
static bool add_anchor(struct reader *r, const char *name, uint32_t at, struct place place)
{
    if (r->anchor_count == MOST_ANCHORS)
        return fail(r, place, "more than %d anchors", MOST_ANCHORS);
    array_grow(r->anchors, r->anchor_count, r->anchor_capacity);
    r->anchors[r->anchor_count++] = (struct anchor){str_dup(str_of(name)), at};
    return true;
}

static void forget_anchors(struct reader *r)
{
    while (r->anchor_count > 0)
        free(r->anchors[--r->anchor_count].name);
}

/* The newest of that name. */
static const struct anchor *find_anchor(const struct reader *r, const char *name)
{
    for (size_t i = r->anchor_count; i > 0; i--)
        if (strcmp(r->anchors[i - 1].name, name) == 0)
            return &r->anchors[i - 1];
    return NULL;
}

static int height_of(struct value v)
{
    int highest = 0;
    value_each (child, v) {
        int height = 1 + height_of(child);
        if (height > highest)
            highest = height;
    }
    return highest;
}

static bool check_size(struct reader *r, struct place place)
{
    return r->doc->count <= MOST_NODES || fail(r, place, "aliases make the document too large");
}

static bool read_alias(struct reader *r, uint32_t at, const event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct place place = place_of(event->start_mark);
    const struct anchor *anchor = find_anchor(r, name);
    if (anchor == NULL)
        return fail(r, place, "no value with the anchor &%s ends before this alias", name);
    struct value target = {r->doc, anchor->at};
    if (r->depth + height_of(target) > DOC_DEPTH)
        return fail(r, place, "nested more than %d levels deep", DOC_DEPTH);
    value_replace((struct value){r->doc, at}, target);
    return check_size(r, place);
}

/* ---- lists and maps ---- */

static bool read_node(struct reader *r, uint32_t at, const event_t *event);

static uint32_t append(struct reader *r, uint32_t parent, struct str key, const event_t *event)
{
    uint32_t at = doc_append(r->doc, parent, key);
    while (at >= r->place_capacity)
        array_grow(r->places, r->place_capacity, r->place_capacity);
    r->places[at] = place_of(event->start_mark);
    return at;
}

static bool begin_collection(struct reader *r, const event_t *event, const yaml_char_t *tag,
                             const char *fitting)
{
    if (tag != NULL && strcmp((const char *)tag, "!") != 0 && strcmp((const char *)tag, fitting) != 0)
        return fail_tag(r, event, (const char *)tag);
    if (++r->depth > DOC_DEPTH)
        return fail(r, place_of(event->start_mark), "nested more than %d levels deep", DOC_DEPTH);
    return true;
}

static bool read_sequence(struct reader *r, uint32_t at, const event_t *start)
{
    doc_put_empty(r->doc, at, VALUE_ARRAY);
    if (!begin_collection(r, start, start->data.sequence_start.tag, YAML_SEQ_TAG))
        return false;
    for (;;) {
        autoevent event_t event = {0};
        if (!next_event(r, &event))
            return false;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (!read_node(r, append(r, at, STR_NONE, &event), &event))
            return false;
    }
    r->depth--;
    return true;
}

/* The members of a map that << names; those that are there already win. */
static bool merge_one(struct reader *r, struct value object, struct value from, struct place place)
{
    if (value_type(from) != VALUE_OBJECT)
        return fail(r, place, "'<<' needs a map or a list of maps");
    value_each (member, from) {
        uint32_t at = doc_append(r->doc, object.at, value_key(member));
        value_replace((struct value){r->doc, at}, member);
    }
    return check_size(r, place);
}

/* Members of the same key are dropped at the end, the oldest stays: the map's own, then what stands first. */
static bool merge(struct reader *r, struct value object, uint32_t merged)
{
    struct value from = {r->doc, merged};
    struct place place = r->places[merged];
    value_remove(from);
    if (value_type(from) != VALUE_ARRAY) {
        if (!merge_one(r, object, from, place))
            return false;
    } else {
        value_each (map, from)
            if (!merge_one(r, object, map, place))
                return false;
    }
    doc_drop_repeated(object);
    return true;
}

static bool check_key(struct reader *r, const event_t *event)
{
    struct place place = place_of(event->start_mark);
    if (event->type != YAML_SCALAR_EVENT)
        return fail(r, place, "a key must be text");
    if (anchor_of(event) != NULL)
        return fail(r, place, "a key can't have an anchor");
    const char *tag = (const char *)event->data.scalar.tag;
    if (tag != NULL && strcmp(tag, "!") != 0 && strcmp(tag, YAML_STR_TAG) != 0)
        return fail_tag(r, event, tag);
    if (is_plain(event) && yaml_resolve(scalar_text(event), NULL, NULL) == VALUE_NULL)
        return fail(r, place, "a key can't be null: put it in quotes");
    return true;
}

/* Reads the value that belongs to the key; a merge goes to *merged. */
static bool read_member(struct reader *r, uint32_t object, const event_t *key, uint32_t *merged)
{
    autoevent event_t event = {0};
    struct str name = scalar_text(key);
    if (!check_key(r, key))
        return false;
    uint32_t at = append(r, object, (struct str){doc_keep(r->doc, name), name.length}, key);
    if (is_plain(key) && str_is(name, "<<")) {
        if (*merged != 0)
            return fail(r, r->places[at], "the key \"<<\" appears twice");
        *merged = at;
    }
    return next_event(r, &event) && read_node(r, at, &event);
}

static bool read_mapping(struct reader *r, uint32_t at, const event_t *start)
{
    struct value object = {r->doc, at};
    uint32_t merged = 0;
    doc_put_empty(r->doc, at, VALUE_OBJECT);
    if (!begin_collection(r, start, start->data.mapping_start.tag, YAML_MAP_TAG))
        return false;
    for (;;) {
        autoevent event_t event = {0};
        if (!next_event(r, &event))
            return false;
        if (event.type == YAML_MAPPING_END_EVENT)
            break;
        if (!read_member(r, at, &event, &merged))
            return false;
    }
    r->depth--;
    struct value repeated = doc_repeated(object);
    if (value_exists(repeated))
        return fail(r, r->places[repeated.at], "the key \"" STR_FORMAT "\" appears twice",
                    STR_ARGS(value_key(repeated)));
    return merged == 0 || merge(r, object, merged);
}

static bool read_node(struct reader *r, uint32_t at, const event_t *event)
{
    const char *anchor = anchor_of(event);
    bool good;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        good = read_scalar(r, at, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        good = read_sequence(r, at, event);
        break;
    case YAML_MAPPING_START_EVENT:
        good = read_mapping(r, at, event);
        break;
    default:
        good = read_alias(r, at, event);
    }
    return good && (anchor == NULL || add_anchor(r, anchor, at, place_of(event->start_mark)));
}

/* ---- documents ---- */

struct stream {
    struct doc **docs;
    int *lines;
    int count;
    size_t doc_capacity, line_capacity;
};

static void stream_free(struct stream *s)
{
    yaml_free_all(s->docs, s->count);
    free(s->lines);
}

void yaml_free_all(struct doc **docs, int count)
{
    for (int i = 0; i < count; i++)
        doc_free(docs[i]);
    free(docs);
}

/* Takes the document. */
static void stream_add(struct stream *s, struct doc *doc, int line)
{
    array_grow(s->docs, (size_t)s->count, s->doc_capacity);
    array_grow(s->lines, (size_t)s->count, s->line_capacity);
    s->docs[s->count] = doc;
    s->lines[s->count++] = line;
}

static bool is_nothing(const event_t *event)
{
    return is_plain(event) && event->data.scalar.anchor == NULL && event->data.scalar.length == 0;
}

/* Behind the start of a document: reads it to its end. */
static bool read_document(struct reader *r, struct stream *s)
{
    autoevent event_t event = {0}, end = {0};
    if (!next_event(r, &event))
        return false;
    autodoc struct doc *doc = r->doc = doc_make(FIRST_TEXT, FIRST_NODES);
    bool good = read_node(r, DOC_ROOT, &event) && next_event(r, &end); /* the end is DOCUMENT_END */
    forget_anchors(r);
    if (good && !is_nothing(&event))
        stream_add(s, take_pointer(doc), (int)event.start_mark.line + 1);
    return good;
}

static bool read_stream(struct reader *r, struct stream *s)
{
    for (;;) {
        autoevent event_t event = {0};
        if (!next_event(r, &event))
            return false;
        if (event.type == YAML_STREAM_END_EVENT)
            return true;
        if (event.type == YAML_DOCUMENT_START_EVENT && !read_document(r, s))
            return false;
    }
}

static int parse_stream(struct str text, struct stream *s, struct error **err)
{
    if (text.length > LARGEST_TEXT)
        return error_make(err, EFBIG, "the text has %zu bytes, more than %zu", text.length, LARGEST_TEXT);
    struct reader r = {.text = text, .err = err};
    if (!yaml_parser_initialize(&r.parser))
        abort(); /* no memory */
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.at != NULL ? text.at : ""),
                                 text.length);
    bool good = read_stream(&r, s);
    yaml_parser_delete(&r.parser);
    free(r.places);
    free(r.anchors);
    return good ? s->count : -EINVAL;
}

/* Editors of another world put a byte order mark before the text. */
static struct str without_byte_order_mark(struct str text)
{
    static const struct str mark = STR("\xef\xbb\xbf");
    return str_starts(text, mark) ? (struct str){text.at + mark.length, text.length - mark.length} : text;
}

/* An object of JSON, or a map of YAML that begins like one. */
static bool looks_like_json(struct str text)
{
    if (text.length == 0 || text.at[0] != '{')
        return false;
    struct str rest = str_trim((struct str){text.at + 1, text.length - 1});
    return rest.length > 0 && (rest.at[0] == '"' || rest.at[0] == '}');
}

struct doc *yaml_parse(struct str text, struct error **err)
{
    text = without_byte_order_mark(text);
    autoerror struct error *json_error = NULL;
    struct doc *doc = looks_like_json(text) ? doc_parse(text, &json_error) : NULL;
    if (doc != NULL)
        return doc;
    cleanup(stream_free) struct stream s = {0};
    int count = parse_stream(text, &s, json_error == NULL ? err : NULL);
    if (count == 1) {
        s.count = 0;
        return s.docs[0];
    }
    if (json_error != NULL)
        error_move(err, take_pointer(json_error));
    else if (count == 0)
        error_make(err, EINVAL, "line 1, column 1: there is no document here");
    else if (count > 1)
        error_make(err, EINVAL, "line %d, column 1: a second document begins here, only one is possible",
                   s.lines[1]);
    return NULL;
}

int yaml_parse_all(struct str text, struct doc ***docs, int **lines, struct error **err)
{
    text = without_byte_order_mark(text);
    cleanup(stream_free) struct stream s = {0};
    struct doc *json = looks_like_json(text) ? doc_parse(text, NULL) : NULL;
    if (json != NULL)
        stream_add(&s, json, 1);
    int count = json != NULL ? 1 : parse_stream(text, &s, err);
    if (count < 0)
        return count;
    *docs = take_pointer(s.docs);
    if (lines != NULL)
        *lines = take_pointer(s.lines);
    s.count = 0;
    return count;
}
