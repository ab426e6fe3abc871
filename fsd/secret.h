/* Secret values: how one is encrypted, and which values of a document are (x-podtree-secret). Pure functions
 * of key and document, for any thread.
 *
 * In memory a document has the values as they are. What goes to the disk, the store and the history alike,
 * has them sealed: "sealed:1:<name of the key>:<base64>", which is no base64 and therefore never mistaken for
 * a value. */
#ifndef PODTREE_SECRET_H
#define PODTREE_SECRET_H

#include "fsd/kind.h"

#define SECRET_KEY_BYTES  32
#define SECRET_NAME_BYTES 8
#define SECRET_SEALED     STR("sealed:1:")

/* What one secret number becomes. The name says which key a value was sealed with, and nothing of the key. */
struct secret_key {
    unsigned char values[SECRET_KEY_BYTES], nonces[SECRET_KEY_BYTES];
    char name[SECRET_NAME_BYTES + 1];
};

void secret_key_derive(struct secret_key *key, const unsigned char number[SECRET_KEY_BYTES]);
/* Wipes it. */
void secret_key_forget(struct secret_key *key);

static inline bool secret_is_sealed(struct str text)
{
    return str_starts(text, SECRET_SEALED);
}
/* The name of the key that a sealed value was sealed with. */
struct str secret_key_name(struct str sealed);

/* A value belongs to a place: an object's uid and the path in it. What is sealed for one place opens at no
 * other, and the same value at the same place is always sealed to the same text. */
struct secret_place {
    struct str uid, path;
};
void secret_seal(const struct secret_key *key, struct secret_place place, struct str value, struct buf *out);
/* False, and nothing is added, where it was sealed with another key, for another place, or has been changed.
 */
bool secret_open(const struct secret_key *key, struct secret_place place, struct str sealed, struct buf *out);

/* All secret values of a document, in place. What is sealed already stays as it is. */
void secrets_seal_all(const struct secret_key *key, const struct schema *schema, struct value object);
/* Opens what is sealed, with the one of the keys that it was sealed with. How many values can't be. `blame`:
 * the name of the key of one that can't, inside the document. */
size_t secrets_open_all(const struct secret_key *keys, size_t count, const struct schema *schema,
                        struct value object, struct str *blame);
/* Empties the values: what is left says which there are. */
void secrets_blank_all(const struct schema *schema, struct value object);

/* The annotation of apply must not have them either: what it has there is emptied, and what is no document is
 * taken out. */
void secrets_blank_applied(const struct schema *schema, struct value metadata);

#endif
