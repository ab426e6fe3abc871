/* Rules of Secrets: what the types want to have in data, as Kubernetes' validation of them has it. */
#include "fsd/rules.h"
#include "fsd/secret.h"
#include "lib/base64.h"

#define ACCOUNT_NAME "kubernetes.io/service-account.name"

/* What a key has to be, beyond being there. */
enum wanted { ANYTHING, NOT_EMPTY, JSON_OBJECT };

static const struct type {
    const char *name;
    bool one_is_enough;
    struct {
        const char *key;
        enum wanted wanted;
    } keys[2];
} types[] = {
    {"kubernetes.io/dockercfg", false, {{".dockercfg", JSON_OBJECT}}},
    {"kubernetes.io/dockerconfigjson", false, {{".dockerconfigjson", JSON_OBJECT}}},
    {"kubernetes.io/basic-auth", true, {{"username", ANYTHING}, {"password", ANYTHING}}},
    {"kubernetes.io/ssh-auth", false, {{"ssh-privatekey", NOT_EMPTY}}},
    {"kubernetes.io/tls", false, {{"tls.crt", ANYTHING}, {"tls.key", ANYTHING}}},
};

static bool is_json_object(struct str encoded)
{
    autobuf struct buf text = {0};
    autodoc struct doc *doc = base64_decode(encoded, &text) ? doc_parse(buf_str(&text), NULL) : NULL;
    return value_type(doc_root(doc)) == VALUE_OBJECT;
}

static void check_key(struct check *check, const struct step *data, struct value entry, const char *key,
                      enum wanted wanted, struct str type)
{
    struct step step = STEP_KEY(data, str_of(key));
    struct str text = value_str(entry);
    if (!value_exists(entry) || (wanted == NOT_EMPTY && text.length == 0))
        check_lacks(check, &step, "is required when type is " STR_FORMAT, STR_ARGS(type));
    else if (wanted == JSON_OBJECT && !secret_is_sealed(text) && !is_json_object(text))
        check_say(check, &step, "must be a JSON object");
}

static void check_keys(struct check *check, const struct step *data_step, struct value data,
                       const struct type *type)
{
    struct str name = str_of(type->name);
    for (size_t i = 0; type->one_is_enough && i < COUNT(type->keys); i++)
        if (value_exists(value_get(data, str_of(type->keys[i].key))))
            return;
    for (size_t i = 0; i < COUNT(type->keys) && type->keys[i].key != NULL; i++)
        check_key(check, data_step, value_get(data, str_of(type->keys[i].key)), type->keys[i].key,
                  type->keys[i].wanted, name);
}

static void secret_type(struct check *check, const struct step *at, struct value secret)
{
    struct value type = value_at(secret, "type");
    struct step data = STEP_MEMBER(at, STR("data"));
    for (size_t i = 0; i < COUNT(types); i++)
        if (value_is(type, types[i].name))
            check_keys(check, &data, value_at(secret, "data"), &types[i]);
    /* All else of such a token is put in by whoever makes tokens. */
    struct step metadata = STEP_MEMBER(at, STR("metadata"));
    struct step annotations = STEP_MEMBER(&metadata, STR("annotations"));
    struct step account = STEP_KEY(&annotations, STR(ACCOUNT_NAME));
    if (value_is(type, "kubernetes.io/service-account-token") &&
        value_str(value_at(secret, "metadata", "annotations", ACCOUNT_NAME)).length == 0)
        check_lacks(check, &account, "is required when type is " STR_FORMAT, STR_ARGS(value_str(type)));
}

const struct rule rules_of_secrets[] = {
    {"secretType", secret_type, NULL},
    {NULL, NULL, NULL},
};
