/* XChaCha20-Poly1305 with a nonce that is computed from key, place and value, rather than drawn (a synthetic
 * one). So sealing is a function: the store, the history and a batch that is written a second time get the
 * same text for the same value, without anybody having to remember what was written before, and git shows no
 * difference where there is none. Two values have the same nonce only where all three are the same. What it
 * tells whoever has the repository and not the key is that a value came back to what it once was at the same
 * place; drawn nonces would hide that, and nothing else.
 *
 * The length of a short value is hidden by padding. */
#include "fsd/secret.h"

#include "fsd/merge.h"
#include "lib/base64.h"
#include <sodium.h>

#define CONTEXT     "podtree1" /* of the keys that are derived */
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES   crypto_aead_xchacha20poly1305_ietf_ABYTES
#define PADDED_TO   32

_Static_assert(SECRET_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES &&
                   SECRET_KEY_BYTES == crypto_kdf_KEYBYTES &&
                   SECRET_KEY_BYTES >= crypto_generichash_KEYBYTES_MIN,
               "one length fits all");

/* ---- keys ---- */

static void derive(unsigned char *out, size_t length, uint64_t which,
                   const unsigned char number[SECRET_KEY_BYTES])
{
    if (crypto_kdf_derive_from_key(out, length, which, CONTEXT, number) != 0)
        abort(); /* only for a length that is out of bounds */
}

void secret_key_derive(struct secret_key *key, const unsigned char number[SECRET_KEY_BYTES])
{
    if (sodium_init() < 0)
        abort(); /* the kernel has no random numbers */
    unsigned char name[crypto_kdf_BYTES_MIN];
    derive(key->values, sizeof(key->values), 1, number);
    derive(key->nonces, sizeof(key->nonces), 2, number);
    derive(name, sizeof(name), 3, number);
    sodium_bin2hex(key->name, sizeof(key->name), name, SECRET_NAME_BYTES / 2);
}

void secret_key_forget(struct secret_key *key)
{
    sodium_memzero(key, sizeof(*key));
}

struct str secret_key_name(struct str sealed)
{
    struct str rest = str_cut(sealed, SECRET_SEALED.length, sealed.length), name;
    return secret_is_sealed(sealed) && str_split(&rest, ':', &name) ? name : STR_NONE;
}

/* ---- one value ---- */

/* With NULs between, which neither has. */
static void write_place(struct secret_place place, struct buf *out)
{
    buf_add_str(out, place.uid);
    buf_add_char(out, '\0');
    buf_add_str(out, place.path);
    buf_add_char(out, '\0');
}

static void make_nonce(const struct secret_key *key, struct str place, struct str padded,
                       unsigned char nonce[NONCE_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, key->nonces, sizeof(key->nonces), NONCE_BYTES);
    crypto_generichash_update(&state, (const unsigned char *)place.at, place.length);
    crypto_generichash_update(&state, (const unsigned char *)padded.at, padded.length);
    crypto_generichash_final(&state, nonce, NONCE_BYTES);
}

static void pad(struct str value, struct buf *out)
{
    size_t length;
    buf_add_str(out, value);
    unsigned char *room = (unsigned char *)buf_reserve(out, PADDED_TO) - out->length;
    if (sodium_pad(&length, room, value.length, PADDED_TO, value.length + PADDED_TO) != 0)
        abort(); /* only where there is no room */
    out->length = length;
}

static void wipe(struct buf *plain)
{
    if (plain->at != NULL)
        sodium_memzero(plain->at, plain->length);
    buf_free(plain);
}

void secret_seal(const struct secret_key *key, struct secret_place place, struct str value, struct buf *out)
{
    autobuf struct buf at = {0}, sealed = {0};
    cleanup(wipe) struct buf padded = {0};
    write_place(place, &at);
    pad(value, &padded);
    size_t length = NONCE_BYTES + padded.length + TAG_BYTES;
    unsigned char *nonce = (unsigned char *)buf_reserve(&sealed, length);
    make_nonce(key, buf_str(&at), buf_str(&padded), nonce);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE_BYTES, NULL, (unsigned char *)padded.at,
                                               padded.length, (unsigned char *)at.at, at.length, NULL, nonce,
                                               key->values);
    sealed.length = length;
    buf_add_str(out, SECRET_SEALED);
    buf_addf(out, "%s:", key->name);
    base64_encode(buf_str(&sealed), out);
}

bool secret_open(const struct secret_key *key, struct secret_place place, struct str sealed, struct buf *out)
{
    struct str name = secret_key_name(sealed);
    if (!str_is(name, key->name))
        return false;
    autobuf struct buf bytes = {0}, at = {0};
    cleanup(wipe) struct buf padded = {0};
    struct str text = str_cut(sealed, SECRET_SEALED.length + name.length + 1, sealed.length);
    if (!base64_decode(text, &bytes) || bytes.length < NONCE_BYTES + TAG_BYTES)
        return false;
    write_place(place, &at);
    const unsigned char *nonce = (const unsigned char *)bytes.at;
    size_t length = bytes.length - NONCE_BYTES;
    unsigned char *plain = (unsigned char *)buf_reserve(&padded, length);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, nonce + NONCE_BYTES, length,
                                                   (unsigned char *)at.at, at.length, nonce,
                                                   key->values) != 0)
        return false;
    padded.length = length - TAG_BYTES;
    if (sodium_unpad(&length, plain, padded.length, PADDED_TO) != 0)
        return false;
    buf_add(out, plain, length);
    return true;
}

/* ---- the values of a document ---- */

struct walk {
    const struct secret_key *keys; /* the first one seals */
    size_t key_count;
    struct str uid;
    struct buf path;
    size_t unreadable;
    struct str blame;
};

typedef void walk_visit(struct walk *walk, struct value v);

static void walk_below(struct walk *walk, const struct schema *schema, struct value v, walk_visit *visit)
{
    if (schema == NULL || !schema->secrets)
        return;
    if (schema->secret && value_type(v) == VALUE_STRING)
        visit(walk, v);
    if (value_type(v) != VALUE_OBJECT)
        return;
    value_each (member, v) {
        size_t length = walk->path.length;
        buf_addf(&walk->path, "/" STR_FORMAT, STR_ARGS(value_key(member)));
        walk_below(walk, schema_member(schema, value_key(member)), member, visit);
        walk->path.length = length;
    }
}

static void walk_document(struct walk *walk, const struct schema *schema, struct value object,
                          walk_visit *visit)
{
    walk->uid = value_str(value_at(object, "metadata", "uid"));
    walk_below(walk, schema, object, visit);
    buf_free(&walk->path);
}

static void put(struct value v, struct str text)
{
    autodoc struct doc *doc = doc_new();
    value_replace(v, value_set_str(doc_root(doc), STR("value"), text));
}

static void seal_value(struct walk *walk, struct value v)
{
    if (secret_is_sealed(value_str(v)))
        return;
    autobuf struct buf sealed = {0};
    struct secret_place place = {walk->uid, buf_str(&walk->path)};
    secret_seal(&walk->keys[0], place, value_str(v), &sealed);
    put(v, buf_str(&sealed));
}

static void open_value(struct walk *walk, struct value v)
{
    struct secret_place place = {walk->uid, buf_str(&walk->path)};
    struct str sealed = value_str(v);
    cleanup(wipe) struct buf text = {0};
    if (!secret_is_sealed(sealed))
        return;
    for (size_t i = 0; i < walk->key_count; i++)
        if (secret_open(&walk->keys[i], place, sealed, &text)) {
            put(v, buf_str(&text));
            return;
        }
    walk->unreadable++;
    walk->blame = secret_key_name(sealed);
}

static void blank_value(struct walk *walk, struct value v)
{
    (void)walk;
    put(v, STR(""));
}

void secrets_seal_all(const struct secret_key *key, const struct schema *schema, struct value object)
{
    struct walk walk = {.keys = key, .key_count = 1};
    walk_document(&walk, schema, object, seal_value);
}

size_t secrets_open_all(const struct secret_key *keys, size_t count, const struct schema *schema,
                        struct value object, struct str *blame)
{
    struct walk walk = {.keys = keys, .key_count = count};
    walk_document(&walk, schema, object, open_value);
    *blame = walk.blame;
    return walk.unreadable;
}

void secrets_blank_all(const struct schema *schema, struct value object)
{
    struct walk walk = {0};
    walk_document(&walk, schema, object, blank_value);
}

void secrets_blank_applied(const struct schema *schema, struct value metadata)
{
    struct value applied = value_at(metadata, "annotations", MERGE_LAST_APPLIED);
    if (!schema->secrets || value_type(applied) != VALUE_STRING)
        return;
    autodoc struct doc *doc = doc_parse(value_str(applied), NULL);
    if (doc == NULL) {
        value_remove(applied);
        return;
    }
    autobuf struct buf text = {0};
    secrets_blank_all(schema, doc_root(doc));
    value_write(&text, doc_root(doc));
    put(applied, buf_str(&text));
}
