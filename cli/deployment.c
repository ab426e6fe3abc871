#include "cli/deployment.h"

#include "lib/name.h"
#include <errno.h>
#include <inttypes.h>

#define LAST_PORT 65535

int deployment_check(const struct deployment_wish *wish, struct error **err)
{
    if (!name_is_label(str_of(wish->name))) /* it is a label's value as well */
        return error_make(
            err, EINVAL,
            "%s is no name: lower case letters, digits and dashes, at most %d, a letter or digit "
            "at both ends",
            wish->name, NAME_LABEL_AT_MOST);
    if (wish->image == NULL)
        return error_make(err, EINVAL, "--image is missing: which image shall run?");
    for (const char *c = wish->image; *c != '\0'; c++)
        if (*c <= ' ')
            return error_make(err, EINVAL, "--image: %s has white space in it", wish->image);
    if (wish->replicas > INT32_MAX)
        return error_make(err, EINVAL, "--replicas: %" PRId64 " is too much", wish->replicas);
    if (wish->port > LAST_PORT)
        return error_make(err, EINVAL, "--port: must be 1 to %d, not %" PRId64, LAST_PORT, wish->port);
    return 0;
}

static void add_container(struct value containers, const struct deployment_wish *wish)
{
    struct value container = value_append_object(containers);
    value_set_str(container, STR("name"), str_of(wish->name));
    value_set_str(container, STR("image"), str_of(wish->image));
    if (wish->command_count > 0) {
        struct value command = value_set_array(container, STR("command"));
        for (int i = 0; i < wish->command_count; i++)
            value_append_str(command, str_of(wish->command[i]));
    }
    if (wish->port != 0) {
        struct value port = value_append_object(value_set_array(container, STR("ports")));
        value_set_int(port, STR("containerPort"), wish->port);
    }
}

static void add_label(struct value parent, struct str key, const struct deployment_wish *wish)
{
    value_set_str(value_set_object(parent, key), STR("app"), str_of(wish->name));
}

void deployment_write(const struct deployment_wish *wish, struct buf *out)
{
    autodoc struct doc *doc = doc_new();
    struct value root = doc_root(doc);
    value_set_str(root, STR("apiVersion"), STR("apps/v1"));
    value_set_str(root, STR("kind"), STR("Deployment"));
    struct value metadata = value_set_object(root, STR("metadata"));
    value_set_str(metadata, STR("name"), str_of(wish->name));
    add_label(metadata, STR("labels"), wish);
    struct value spec = value_set_object(root, STR("spec"));
    value_set_int(spec, STR("replicas"), wish->replicas);
    add_label(value_set_object(spec, STR("selector")), STR("matchLabels"), wish);
    struct value template = value_set_object(spec, STR("template"));
    add_label(value_set_object(template, STR("metadata")), STR("labels"), wish);
    add_container(value_set_array(value_set_object(template, STR("spec")), STR("containers")), wish);
    value_write(out, root);
}
