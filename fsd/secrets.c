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
    char *path; /* of the key */
    struct secret_key key;
    bool usable;
    bool missing;          /* there is no file */
    struct error *problem; /* why it isn't usable */
    struct unreadable unreadable[NAMED_AT_MOST];
    size_t unreadable_count;
};

/* ---- the key ---- */

static bool read_digits(struct str text, unsigned char number[SECRET_KEY_BYTES])
{
    size_t length = 0;
    text = str_trim(text);
    return text.length == 2 * SECRET_KEY_BYTES &&
           sodium_hex2bin(number, SECRET_KEY_BYTES, text.at, text.length, NULL, &length, NULL) == 0 &&
           length == SECRET_KEY_BYTES;
}

static void warn_of_readers(const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && (status.st_mode & 077) != 0)
        log_warning("%s has the mode %04o: others may read it", path, (unsigned)status.st_mode & 07777);
}

static int read_key(struct secrets *secrets, struct error **err)
{
    autobuf struct buf text = {0};
    unsigned char number[SECRET_KEY_BYTES];
    int result = file_read(secrets->path, &text, err);
    if (result < 0)
        return result;
    if (!read_digits(buf_str(&text), number))
        return error_make(err, EINVAL, "%s is no key: it has to be %d hexadecimal digits", secrets->path,
                          2 * SECRET_KEY_BYTES);
    warn_of_readers(secrets->path);
    secret_key_derive(&secrets->key, number);
    sodium_memzero(number, sizeof(number));
    sodium_memzero(text.at, text.length);
    return 0;
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
        secret_key_derive(&secrets->key, number);
    sodium_memzero(number, sizeof(number));
    sodium_memzero(text, sizeof(text));
    return result;
}

struct secrets *secrets_new(const char *state)
{
    struct secrets *secrets = memory_zeroed(1, sizeof(*secrets));
    secrets->path = path_format("%s/" SECRETS_KEY_FILE, state);
    int result = read_key(secrets, &secrets->problem);
    secrets->usable = result == 0;
    secrets->missing = result == -ENOENT;
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
    secret_key_forget(&secrets->key);
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
    if (secrets->usable)
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
    if (!kind->schema->secrets)
        return record->document;
    autodoc struct doc *doc = doc_parse(record->document, NULL);
    if (doc == NULL)
        return record->document;
    struct str key_name;
    if (secrets_open_all(secrets->usable ? &secrets->key : NULL, kind->schema, doc_root(doc), &key_name) != 0)
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
        if (secrets->usable)
            buf_addf(&sentence, "%s is %s", secrets->path, secrets->key.name);
        else
            buf_add_text(&sentence, error_message(secrets->problem));
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
        secrets->usable = make_key(secrets, &secrets->problem) == 0;
    }
    if (!secrets->usable)
        log_error("secrets can't be stored: %s", error_message(secrets->problem));
    say_unreadable(secrets, memory);
}

/* ---- to the disk ---- */

static char *seal(const struct secrets *secrets, const struct kind *kind, const struct version *version,
                  size_t *length)
{
    autodoc struct doc *doc = doc_parse(version_text(version), NULL);
    struct buf text = {0};
    secrets_seal_all(&secrets->key, kind->schema, doc_root(doc));
    value_write(&text, doc_root(doc));
    *length = text.length;
    return buf_take(&text);
}

/* Without a key nothing with plain values has been admitted: what is here came from the disk as it is. */
struct str secrets_stored_text(const struct secrets *secrets, const struct kind *kind,
                               struct version *version)
{
    if (!kind->schema->secrets || !secrets->usable || (version->flags & VERSION_GONE) != 0)
        return version_text(version);
    if (version->sealed == NULL)
        version->sealed = seal(secrets, kind, version, &version->sealed_length);
    return (struct str){version->sealed, version->sealed_length};
}
