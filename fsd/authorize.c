#include "fsd/authorize.h"

#include "fsd/secrets.h"
#include <errno.h>

/* ---- authorizers ---- */

static bool is_administrator(const struct call *call, const char *verb)
{
    (void)verb;
    return call->asker.uid == 0;
}

/* The group of the asking thread, and the further groups of its process, as /proc has them. */
static bool is_in_group(const struct call *call, const char *verb)
{
    (void)verb;
    gid_t wanted = call->fsd->group;
    if (wanted == (gid_t)-1)
        return false;
    if (call->asker.gid == wanted)
        return true;
    gid_t groups[256];
    int count = fuse_req_getgroups(call->request, 256, groups);
    for (int i = 0; i < count && i < 256; i++)
        if (groups[i] == wanted)
            return true;
    return false;
}

static const struct {
    const char *name;
    bool (*allows)(const struct call *call, const char *verb);
} authorizers[] = {
    {"administrator", is_administrator},
    {"group podtree", is_in_group},
};

bool authorize(const struct call *call, const char *verb)
{
    for (size_t i = 0; i < COUNT(authorizers); i++)
        if (authorizers[i].allows(call, verb))
            return true;
    return false;
}

/* ---- admission ---- */

struct review {
    const struct fsd *fsd;
    const struct kind *kind;
    const struct version *before;
    const struct edit_result *result;
};

/* An example of a row: an object says by an annotation that it wants to be refused. It shows that the chain
 * works, and lets a user see what a refusal by admission looks like. */
static int check_example(const struct review *review, struct error **err)
{
    static const char wish[] = "\"podtree.io/admission\":\"refuse\"";
    if (review->result->gone ||
        memmem(review->result->text.at, review->result->text.length, wish, sizeof(wish) - 1) == NULL)
        return 0;
    return error_make(
        err, EINVAL,
        "metadata.annotations[podtree.io/admission]: admission refuses the object, as it asks for");
}

/* What has secrets isn't taken where they can't be encrypted. */
static int check_secrets(const struct review *review, struct error **err)
{
    bool stored =
        kind_form(review->kind)->schema->secrets && !review->result->gone && !review->kind->memory_only;
    return stored ? secrets_check(review->fsd->secrets, err) : 0;
}

static const struct {
    const char *name;
    int (*check)(const struct review *review, struct error **err);
} admission[] = {
    {"example", check_example},
    {"secrets", check_secrets},
};

int admit(const struct fsd *fsd, const struct asker *asker, const struct kind *kind,
          const struct version *before, const struct edit_result *result, struct error **err)
{
    (void)asker;
    const struct review review = {fsd, kind, before, result};
    for (size_t i = 0; i < COUNT(admission); i++) {
        int status = admission[i].check(&review, err);
        if (status < 0)
            return status;
    }
    return 0;
}
