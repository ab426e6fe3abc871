#include "nodeagent/names.h"

#include <errno.h>

#define CLUSTER_DOMAIN "cluster.local"

static struct str in_spec(struct value pod, const char *member)
{
    return value_str(value_at(pod, "spec", member));
}

static bool in_machines_network(struct value pod)
{
    return value_true(value_at(pod, "spec", "hostNetwork"));
}

/* Nothing when it has no subdomain. */
static void add_domain(struct buf *out, struct value pod)
{
    struct str subdomain = in_spec(pod, "subdomain");
    if (subdomain.length != 0)
        buf_addf(out, "." STR_FORMAT "." STR_FORMAT ".svc." CLUSTER_DOMAIN, STR_ARGS(subdomain),
                 STR_ARGS(value_str(value_at(pod, "metadata", "namespace"))));
}

/* ---- the host name ---- */

int names_hostname(struct value pod, const char *machine, char hostname[NAMES_HOSTNAME], struct error **err)
{
    struct str wanted = in_spec(pod, "hostname");
    if (in_machines_network(pod))
        wanted = str_of(machine);
    else if (wanted.length == 0)
        wanted = value_str(value_at(pod, "metadata", "name"));
    /* Names of pods may be longer than labels of host names, which end with no dot or dash. */
    size_t length = wanted.length < 63 ? wanted.length : 63;
    while (length > 0 && (wanted.at[length - 1] == '-' || wanted.at[length - 1] == '.'))
        length--;
    autobuf struct buf whole = {0};
    buf_add(&whole, wanted.at, length);
    if (value_true(value_at(pod, "spec", "setHostnameAsFQDN")) && !in_machines_network(pod))
        add_domain(&whole, pod);
    if (whole.length >= NAMES_HOSTNAME)
        return error_make(err, EINVAL,
                          "Failed to construct FQDN from Pod hostname and cluster domain, FQDN %s is too "
                          "long (64 characters is the max, %zu characters requested).",
                          whole.at, whole.length);
    memcpy(hostname, whole.length != 0 ? whole.at : "", whole.length);
    hostname[whole.length] = '\0';
    return 0;
}

/* ---- /etc/hosts ---- */

static void add_aliases(struct buf *out, struct value pod)
{
    struct value aliases = value_at(pod, "spec", "hostAliases");
    if (value_count(aliases) != 0)
        buf_add_text(out, "\n# Entries added by HostAliases.\n");
    value_each (alias, aliases) {
        buf_add_str(out, value_str(value_get(alias, STR("ip"))));
        value_each (name, value_get(alias, STR("hostnames")))
            buf_addf(out, "\t" STR_FORMAT, STR_ARGS(value_str(name)));
        buf_add_char(out, '\n');
    }
}

void names_hosts(struct buf *out, struct value pod, const char *hostname, const char *address,
                 struct str machine)
{
    if (in_machines_network(pod)) {
        buf_add_str(out, machine);
    } else {
        autobuf struct buf domain = {0};
        add_domain(&domain, pod);
        buf_add_text(out, "127.0.0.1\tlocalhost\n"
                          "::1\tlocalhost ip6-localhost ip6-loopback\n"
                          "fe00::0\tip6-localnet\n"
                          "fe00::0\tip6-mcastprefix\n"
                          "fe00::1\tip6-allnodes\n"
                          "fe00::2\tip6-allrouters\n");
        buf_addf(out, "%s\t", address != NULL ? address : "127.0.1.1");
        if (domain.length != 0 && strchr(hostname, '.') == NULL)
            buf_addf(out, "%s%s\t", hostname, domain.at);
        buf_addf(out, "%s\n", hostname);
    }
    add_aliases(out, pod);
}

/* ---- /etc/resolv.conf ---- */

bool names_asks_cluster(struct value pod)
{
    struct str policy = in_spec(pod, "dnsPolicy");
    bool first = policy.length == 0 || str_is(policy, "ClusterFirst");
    return str_is(policy, "ClusterFirstWithHostNet") || (first && !in_machines_network(pod));
}

/* What there are several of, and Kubernetes' limits: what is beyond them is left out, and that is said. */
enum list { SERVERS, SEARCHES, LISTS };
static const struct {
    struct str member, cut; /* of the resolver: the list, and whether something was left out */
    size_t most, characters;
    const char *sentence;
} lists[LISTS] = {
    [SERVERS] =
        {{"nameservers", 11},
         {"nameserversCut", 14},
         3,
         SIZE_MAX,
         "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver "
         "line is:"},
    [SEARCHES] = {{"searches", 8},
                  {"searchesCut", 11},
                  32,
                  2048,
                  "Search Line limits were exceeded, some search paths have been omitted, the applied search "
                  "line is:"},
};

static void add_new(struct value resolver, enum list list, struct str text)
{
    struct value array = value_get(resolver, lists[list].member);
    size_t characters = text.length;
    if (text.length == 0)
        return;
    value_each (member, array) {
        if (str_equal(value_str(member), text))
            return;
        characters += value_str(member).length + 1;
    }
    if (value_count(array) < lists[list].most && characters <= lists[list].characters)
        value_append_str(array, text);
    else
        value_set_bool(resolver, lists[list].cut, true);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line; false at its end. */
static bool take_word(struct str *line, struct str *word)
{
    while (line->length != 0 && is_space(line->at[0]))
        *line = str_cut(*line, 1, line->length);
    size_t length = 0;
    while (length < line->length && !is_space(line->at[length]))
        length++;
    *word = str_cut(*line, 0, length);
    *line = str_cut(*line, length, line->length);
    return length != 0;
}

/* An option, which is "name" or "name:value", in place of another of its name. */
static void set_option(struct value options, struct str option)
{
    struct str value = option, name = option;
    str_split(&value, ':', &name);
    value_set_str(options, name, value.at != NULL ? value : STR(""));
}

/* The last search line counts, as for the resolver itself. */
static void take_line(struct value resolver, struct str line)
{
    struct str keyword, word;
    if (!take_word(&line, &keyword))
        return;
    bool search = str_is(keyword, "search") || str_is(keyword, "domain");
    if (search)
        value_set_array(resolver, lists[SEARCHES].member);
    while (take_word(&line, &word)) {
        if (search)
            add_new(resolver, SEARCHES, word);
        else if (str_is(keyword, "nameserver"))
            add_new(resolver, SERVERS, word);
        else if (str_is(keyword, "options"))
            set_option(value_get(resolver, STR("options")), word);
    }
}

static void take_config(struct value resolver, struct value config)
{
    for (enum list list = 0; list < LISTS; list++)
        value_each (text, value_get(config, lists[list].member))
            add_new(resolver, list, value_str(text));
    value_each (option, value_get(config, STR("options")))
        value_set_str(value_get(resolver, STR("options")), value_str(value_get(option, STR("name"))),
                      value_exists(value_get(option, STR("value")))
                          ? value_str(value_get(option, STR("value")))
                          : STR(""));
}

static void write_resolver(struct buf *out, struct value resolver)
{
    struct value searches = value_get(resolver, STR("searches"));
    struct value options = value_get(resolver, STR("options"));
    if (value_count(searches) != 0) {
        buf_add_text(out, "search");
        value_each (domain, searches)
            buf_addf(out, " " STR_FORMAT, STR_ARGS(value_str(domain)));
        buf_add_char(out, '\n');
    }
    value_each (server, value_get(resolver, STR("nameservers")))
        buf_addf(out, "nameserver " STR_FORMAT "\n", STR_ARGS(value_str(server)));
    if (value_count(options) == 0)
        return;
    buf_add_text(out, "options");
    value_each (option, options) {
        struct str value = value_str(option);
        buf_addf(out, " " STR_FORMAT "%s" STR_FORMAT, STR_ARGS(value_key(option)),
                 value.length != 0 ? ":" : "", STR_ARGS(value));
    }
    buf_add_char(out, '\n');
}

static void say_what_is_left_out(struct buf *out, struct value resolver)
{
    for (size_t i = 0; i < LISTS; i++) {
        if (!value_true(value_get(resolver, lists[i].cut)))
            continue;
        buf_addf(out, "%s%s", out->length != 0 ? "; " : "", lists[i].sentence);
        value_each (text, value_get(resolver, lists[i].member))
            buf_addf(out, " " STR_FORMAT, STR_ARGS(value_str(text)));
    }
}

void names_resolver(struct buf *out, struct buf *left_out, struct value pod, struct str machine)
{
    autodoc struct doc *doc = doc_new();
    struct value resolver = doc_root(doc);
    struct str line;
    for (size_t i = 0; i < LISTS; i++)
        value_set_array(resolver, lists[i].member);
    value_set_object(resolver, STR("options"));
    if (!str_is(in_spec(pod, "dnsPolicy"), "None"))
        while (str_split(&machine, '\n', &line))
            take_line(resolver, line);
    take_config(resolver, value_at(pod, "spec", "dnsConfig"));
    write_resolver(out, resolver);
    say_what_is_left_out(left_out, resolver);
}
