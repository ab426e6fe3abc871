#include "fsd/secrets.h"

#include "fsd/errors.h"
#include "fsd/secret.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include <errno.h>
#include <sodium.h>
#include <sys/random.h>
#include <sys/stat.h>

#define NAMED_AT_MOST 20 /* of the objects that can't be opened */

struct unreadable {
    char *path, *key_name;
};

struct secrets {
    char *path; /* of the keys */
    struct secret_key *keys;
    size_t key_count, key_capacity; /* none: nothing can be sealed, nor opened */
    bool missing;                   /* there is no file */
    struct error *problem;          /* why there is none */
    struct unreadable unreadable[NAMED_AT_MOST];
    size_t unreadable_count;
};

/* ---- the key ---- */

static bool read_digits(struct str text, unsigned char number[SECRET_KEY_BYTES])
{
    size_t length = 0;
    return text.length == 2 * SECRET_KEY_BYTES &&
           sodium_hex2bin(number, SECRET_KEY_BYTES, text.at, text.length, NULL, &length, NULL) == 0 &&
           length == SECRET_KEY_BYTES;
}

static void add_key(struct secrets *secrets, unsigned char number[SECRET_KEY_BYTES])
{
    array_grow(secrets->keys, secrets->key_count, secrets->key_capacity);
    secret_key_derive(&secrets->keys[secrets->key_count++], number);
    sodium_memzero(number, SECRET_KEY_BYTES);
}

static void forget_keys(struct secrets *secrets)
{
    for (size_t i = 0; i < secrets->key_count; i++)
        secret_key_forget(&secrets->keys[i]);
    secrets->key_count = 0;
}

static void warn_of_readers(const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && (status.st_mode & 077) != 0)
        log_warning("%s has the mode %04o: others may read it", path, (unsigned)status.st_mode & 07777);
}

/* One bad line, and none of them counts: it may be the one that is needed. */
static int take_keys(struct secrets *secrets, struct str text, struct error **err)
{
    struct str line;
    unsigned char number[SECRET_KEY_BYTES];
    for (int at = 1; str_split(&text, '\n', &line); at++) {
        line = str_trim(line);
        if (line.length == 0)
            continue;
        if (!read_digits(line, number))
            return error_make(err, EINVAL, "line %d of %s is no key: it has to be %d hexadecimal digits", at,
                              secrets->path, 2 * SECRET_KEY_BYTES);
        add_key(secrets, number);
    }
    return secrets->key_count != 0 ? 0 : error_make(err, EINVAL, "%s has no key", secrets->path);
}

static int read_keys(struct secrets *secrets, struct error **err)
{
    autobuf struct buf text = {0};
    int result = file_read(secrets->path, &text, err);
    if (result < 0)
        return result;
    result = take_keys(secrets, buf_str(&text), err);
    if (text.at != NULL)
        sodium_memzero(text.at, text.length);
    if (result < 0)
        forget_keys(secrets);
    else
        warn_of_readers(secrets->path);
    return result;
}

static int make_key(struct secrets *secrets, struct error **err)
{
    unsigned char number[SECRET_KEY_BYTES];
    char text[2 * SECRET_KEY_BYTES + 2];
    if (getrandom(number, sizeof(number), 0) != sizeof(number))
        abort(); /* cannot happen for so few */
    sodium_bin2hex(text, sizeof(text) - 1, number, sizeof(number));
    text[sizeof(text) - 2] = '\n';
    text[sizeof(text) - 1] = '\0';
    int result = file_replace(secrets->path, str_of(text), 0600, FILE_DURABLE, err);
    if (result == 0)
        add_key(secrets, number);
    sodium_memzero(number, sizeof(number));
    sodium_memzero(text, sizeof(text));
    return result;
}

struct secrets *secrets_new(const char *state)
{
    struct secrets *secrets = memory_zeroed(1, sizeof(*secrets));
    secrets->path = path_format("%s/" SECRETS_KEY_FILE, state);
    secrets->missing = read_keys(secrets, &secrets->problem) == -ENOENT;
    if (secrets->missing) {
        error_free(take_pointer(secrets->problem));
        error_make(&secrets->problem, EIO, "%s is missing", secrets->path);
    }
    return secrets;
}

void secrets_free(struct secrets *secrets)
{
    if (secrets == NULL)
        return;
    for (size_t i = 0; i < secrets->unreadable_count && i < NAMED_AT_MOST; i++) {
        free(secrets->unreadable[i].path);
        free(secrets->unreadable[i].key_name);
    }
    forget_keys(secrets);
    free(secrets->keys);
    error_free(secrets->problem);
    free(secrets->path);
    free(secrets);
}

bool secrets_are_open(const struct secrets *secrets)
{
    return secrets->unreadable_count == 0;
}

int secrets_check(const struct secrets *secrets, struct error **err)
{
    if (secrets->key_count != 0)
        return 0;
    return error_make(err, EIO, "values can't be encrypted, and so not be stored: %s",
                      error_message(secrets->problem));
}

/* ---- from the disk ---- */

static void note_unreadable(struct secrets *secrets, const struct kind *kind, const struct record *record,
                            struct str key_name)
{
    size_t place = secrets->unreadable_count++;
    if (place >= NAMED_AT_MOST)
        return;
    autobuf struct buf path = {0};
    if (kind->namespaced)
        buf_addf(&path, "/namespaces/" STR_FORMAT, STR_ARGS(record->namespace));
    buf_addf(&path, "/" STR_FORMAT "/" STR_FORMAT, STR_ARGS(kind->directory), STR_ARGS(record->name));
    secrets->unreadable[place] = (struct unreadable){buf_take(&path), str_dup(key_name)};
}

struct str secrets_load(struct secrets *secrets, const struct kind *kind, const struct record *record,
                        struct buf *scratch)
{
    const struct schema *schema = kind_form(kind)->schema;
    if (!schema->secrets)
        return record->document;
    autodoc struct doc *doc = doc_parse(record->document, NULL);
    if (doc == NULL)
        return record->document;
    struct str key_name;
    if (secrets_open_all(secrets->keys, secrets->key_count, schema, doc_root(doc), &key_name) != 0)
        note_unreadable(secrets, kind, record, key_name);
    value_write(scratch, doc_root(doc));
    return buf_str(scratch);
}

static void say(struct memory *memory, struct str path, const char *sentence)
{
    log_error(STR_FORMAT ": %s", STR_ARGS(path), sentence);
    errors_add(memory, 0, clock_wall_ms(), path, sentence);
}

static void say_unreadable(const struct secrets *secrets, struct memory *memory)
{
    for (size_t i = 0; i < secrets->unreadable_count && i < NAMED_AT_MOST; i++) {
        const struct unreadable *unreadable = &secrets->unreadable[i];
        autobuf struct buf sentence = {0};
        buf_addf(&sentence, "can't be decrypted: it was encrypted with the key %s, and ",
                 unreadable->key_name);
        if (secrets->key_count == 0)
            buf_add_text(&sentence, error_message(secrets->problem));
        else
            buf_addf(&sentence, "%s has ", secrets->path);
        for (size_t k = 0; k < secrets->key_count; k++)
            buf_addf(&sentence, "%s%s", k > 0 ? ", " : "", secrets->keys[k].name);
        buf_add_text(&sentence, "; put the key back, and start podtree again");
        say(memory, str_of(unreadable->path), sentence.at);
    }
    if (secrets->unreadable_count > NAMED_AT_MOST) {
        autobuf struct buf sentence = {0};
        buf_addf(&sentence, "%zu more can't be decrypted", secrets->unreadable_count - NAMED_AT_MOST);
        say(memory, STR("/"), sentence.at);
    }
}

void secrets_loaded(struct secrets *secrets, struct memory *memory)
{
    if (secrets->missing && secrets->unreadable_count == 0) {
        error_free(take_pointer(secrets->problem));
        make_key(secrets, &secrets->problem);
    }
    if (secrets->key_count == 0)
        log_error("secrets can't be stored: %s", error_message(secrets->problem));
    say_unreadable(secrets, memory);
}

/* ---- to the disk ---- */

static char *seal(const struct secrets *secrets, const struct kind *kind, const struct version *version,
                  size_t *length)
{
    autodoc struct doc *doc = doc_parse(version_text(version), NULL);
    struct buf text = {0};
    secrets_seal_all(&secrets->keys[0], kind_form(kind)->schema, doc_root(doc));
    value_write(&text, doc_root(doc));
    *length = text.length;
    return buf_take(&text);
}

/* Without a key nothing with plain values has been admitted: what is here came from the disk as it is. */
struct str secrets_stored_text(const struct secrets *secrets, const struct kind *kind,
                               struct version *version)
{
    if (!kind_form(kind)->schema->secrets || secrets->key_count == 0 || (version->flags & VERSION_GONE) != 0)
        return version_text(version);
    if (version->sealed == NULL)
        version->sealed = seal(secrets, kind, version, &version->sealed_length);
    return (struct str){version->sealed, version->sealed_length};
}
