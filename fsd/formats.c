#include "fsd/formats.h"

#include "lib/clock.h"
#include "lib/name.h"
#include "lib/quantity.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool qualified_name(struct str s, bool (*prefix_check)(struct str prefix))
{
    const char *slash = s.length != 0 ? memchr(s.at, '/', s.length) : NULL;
    if (slash != NULL) {
        struct str prefix = {s.at, (size_t)(slash - s.at)};
        if (!prefix_check(prefix))
            return false;
        s = (struct str){slash + 1, s.length - prefix.length - 1};
    }
    return name_is_made_of(s, "-_.", true, 63);
}

static bool label_key(struct str s)
{
    return qualified_name(s, name_is_subdomain);
}

static bool dns_subdomain_or_empty(struct str s)
{
    return s.length == 0 || name_is_subdomain(s);
}

static bool label_key_or_empty(struct str s)
{
    return s.length == 0 || label_key(s);
}

/* Kubernetes' own have no domain. */
static bool finalizer(struct str s)
{
    static const char *const standard[] = {"kubernetes", "orphan", "foregroundDeletion"};
    for (size_t i = 0; i < COUNT(standard); i++)
        if (str_is(s, standard[i]))
            return true;
    return s.length != 0 && memchr(s.at, '/', s.length) != NULL && label_key(s);
}

/* The prefix of an annotation's key may have capitals. */
static bool annotation_prefix(struct str s)
{
    if (s.length > 253)
        return false;
    char lowered[253];
    for (size_t i = 0; i < s.length; i++)
        lowered[i] = (char)(s.at[i] >= 'A' && s.at[i] <= 'Z' ? s.at[i] | 0x20 : s.at[i]);
    return name_is_subdomain((struct str){lowered, s.length});
}

static bool annotation_key(struct str s)
{
    return qualified_name(s, annotation_prefix);
}

static bool label_value(struct str s)
{
    return s.length == 0 || name_is_made_of(s, "-_.", true, 63);
}

static bool resource_name(struct str s)
{
    static const char *const standard[] = {"cpu", "memory", "ephemeral-storage", "storage", "pods"};
    for (size_t i = 0; i < COUNT(standard); i++)
        if (str_is(s, standard[i]))
            return true;
    return str_starts(s, STR("hugepages-")) || (memchr(s.at, '/', s.length) != NULL && label_key(s));
}

static bool config_key(struct str s)
{
    if (s.length == 0 || s.length > 253 || str_is(s, ".") || str_starts(s, STR("..")))
        return false;
    for (size_t i = 0; i < s.length; i++)
        if (!is_alphanumeric(s.at[i]) && s.at[i] != '-' && s.at[i] != '_' && s.at[i] != '.')
            return false;
    return true;
}

static bool env_name(struct str s)
{
    for (size_t i = 0; i < s.length; i++)
        if (s.at[i] < ' ' || s.at[i] > '~' || s.at[i] == '=')
            return false;
    return s.length != 0;
}

/* RFC 6335: at most 15 of a-z, 0-9 and -, at least one letter, no two hyphens in a row. */
static bool port_name(struct str s)
{
    bool letter = false;
    for (size_t i = 0; i < s.length; i++) {
        letter |= is_lower(s.at[i]);
        if (i != 0 && s.at[i] == '-' && s.at[i - 1] == '-')
            return false;
    }
    return letter && name_is_made_of(s, "-", false, 15);
}

static bool percent(struct str s)
{
    if (s.length < 2 || s.at[s.length - 1] != '%')
        return false;
    for (size_t i = 0; i < s.length - 1; i++)
        if (!is_digit(s.at[i]))
            return false;
    return true;
}

static bool ip(struct str s)
{
    char text[INET6_ADDRSTRLEN];
    if (s.length >= sizeof(text) || (s.length != 0 && memchr(s.at, '\0', s.length) != NULL))
        return false;
    memcpy(text, s.at != NULL ? s.at : "", s.length);
    text[s.length] = '\0';
    struct in6_addr address;
    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

static bool cidr(struct str s)
{
    struct str address;
    int64_t bits;
    if (!str_split(&s, '/', &address) || !ip(address) || s.length == 0 || !is_digit(s.at[0]) ||
        !str_to_int64(s, &bits))
        return false;
    return bits <= (memchr(address.at, ':', address.length) != NULL ? 128 : 32);
}

static bool has_parent_step(struct str s)
{
    struct str piece;
    while (str_split(&s, '/', &piece))
        if (str_is(piece, ".."))
            return true;
    return false;
}

static bool absolute_path(struct str s)
{
    return str_starts(s, STR("/"));
}

static bool relative_path(struct str s)
{
    return !str_starts(s, STR("/")) && !has_parent_step(s);
}

/* Names that begin so are kept for the versions of a volume's files. */
static bool file_path(struct str s)
{
    return relative_path(s) && !str_starts(s, STR(".."));
}

/* a.b or *.b */
static bool dns_wildcard(struct str s)
{
    return name_is_subdomain(str_starts(s, STR("*.")) ? (struct str){s.at + 2, s.length - 2} : s);
}

static bool host_pattern(struct str s)
{
    return dns_wildcard(s) && !ip(s);
}

/* As webhooks are called: a.example.com. */
static bool dns_three_parts(struct str s)
{
    size_t dots = 0;
    for (size_t i = 0; i < s.length; i++)
        dots += s.at[i] == '.';
    return dots >= 2 && name_is_subdomain(s);
}

static bool https_url(struct str s)
{
    static const char scheme[] = "https://";
    size_t length = sizeof(scheme) - 1;
    if (!str_starts(s, STR("https://")))
        return false;
    s = (struct str){s.at + length, s.length - length};
    return s.length != 0 && s.at[0] != '/' && memchr(s.at, '@', s.length) == NULL &&
           memchr(s.at, '#', s.length) == NULL && memchr(s.at, '?', s.length) == NULL;
}

static bool url_path(struct str s)
{
    struct str piece;
    if (s.length == 0 || s.at[0] != '/')
        return false;
    s = (struct str){s.at + 1, s.length - 1};
    if (s.length != 0 && s.at[s.length - 1] == '/')
        s.length--;
    while (s.length != 0 && str_split(&s, '/', &piece))
        if (!name_is_subdomain(piece))
            return false;
    return true;
}

static bool not_empty(struct str s)
{
    return s.length != 0;
}

static bool share(struct str s)
{
    int64_t number;
    return percent(s) && str_to_int64((struct str){s.at, s.length - 1}, &number) && number <= 100;
}

/* What can be counted, or shared out. */
static bool quota_name(struct str s)
{
    static const char *const standard[] = {"cpu",
                                           "memory",
                                           "ephemeral-storage",
                                           "requests.cpu",
                                           "requests.memory",
                                           "requests.storage",
                                           "requests.ephemeral-storage",
                                           "limits.cpu",
                                           "limits.memory",
                                           "limits.ephemeral-storage",
                                           "pods",
                                           "resourcequotas",
                                           "replicationcontrollers",
                                           "secrets",
                                           "persistentvolumeclaims",
                                           "configmaps",
                                           "services",
                                           "services.nodeports",
                                           "services.loadbalancers"};
    for (size_t i = 0; i < COUNT(standard); i++)
        if (str_is(s, standard[i]))
            return true;
    return str_starts(s, STR("hugepages-")) || str_starts(s, STR("requests.hugepages-")) ||
           (memchr(s.at, '/', s.length) != NULL && label_key(s));
}

static bool without_slash(struct str s)
{
    return memchr(s.at, '/', s.length) == NULL;
}

static bool path_inside(struct str s)
{
    return !has_parent_step(s);
}

static bool header_name(struct str s)
{
    for (size_t i = 0; i < s.length; i++)
        if (!is_alphanumeric(s.at[i]) && s.at[i] != '-')
            return false;
    return s.length != 0;
}

/* Segments of a-z, 0-9, - and _ with . or / between them. */
static bool sysctl(struct str s)
{
    if (s.length == 0 || s.length > 253)
        return false;
    bool begun = false;
    for (size_t i = 0; i < s.length; i++) {
        char c = s.at[i];
        bool plain = is_lower(c) || is_digit(c);
        bool separator = c == '.' || c == '/';
        if ((!plain && !separator && c != '-' && c != '_') || (!begun && !plain))
            return false;
        begun = !separator;
    }
    return is_lower(s.at[s.length - 1]) || is_digit(s.at[s.length - 1]);
}

static bool iscsi_name(struct str s)
{
    return str_starts(s, STR("iqn.")) || str_starts(s, STR("eui.")) || str_starts(s, STR("naa."));
}

static bool base64(struct str s)
{
    size_t padding = 0;
    while (padding < 2 && s.length > padding && s.at[s.length - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < s.length - padding; i++)
        if (!is_alphanumeric(s.at[i]) && s.at[i] != '+' && s.at[i] != '/')
            return false;
    return s.length % 4 == 0;
}

static bool date_time(struct str s)
{
    int64_t ms;
    return clock_parse(s, &ms);
}

/* As Go writes durations: 1h30m, 250ms, -1.5s. */
static bool duration(struct str s)
{
    static const char *const units[] = {"ns", "us", "µs", "ms", "s", "m", "h"};
    if (s.length != 0 && (s.at[0] == '-' || s.at[0] == '+'))
        s.at++, s.length--;
    if (str_is(s, "0"))
        return true;
    bool any = false;
    while (s.length != 0) {
        size_t digits = 0, dots = 0, i = 0;
        for (; i < s.length && (is_digit(s.at[i]) || s.at[i] == '.'); i++)
            *(s.at[i] == '.' ? &dots : &digits) += 1;
        s = (struct str){s.at + i, s.length - i};
        size_t unit = 0;
        while (unit < COUNT(units) && !str_starts(s, str_of(units[unit])))
            unit++;
        if (digits == 0 || dots > 1 || unit == COUNT(units))
            return false;
        size_t length = strlen(units[unit]);
        s = (struct str){s.at + length, s.length - length};
        any = true;
    }
    return any;
}

static bool quantity(struct str s)
{
    char text[QUANTITY_TEXT];
    return quantity_canonical(s, text);
}

/* Beginning with a letter, as the DNS had it first: so are services called. */
static bool dns_1035_label(struct str s)
{
    return name_is_label(s) && is_lower(s.at[0]);
}

/* The name of a kind: the same, with capitals too. */
static bool kind_name(struct str s)
{
    char lowered[64];
    for (size_t i = 0; i < s.length && i < sizeof(lowered); i++)
        lowered[i] = (char)(s.at[i] >= 'A' && s.at[i] <= 'Z' ? s.at[i] | 0x20 : s.at[i]);
    return s.length < sizeof(lowered) && dns_1035_label((struct str){lowered, s.length});
}

/* What can be an element of a path: so are roles called. */
static bool path_segment(struct str s)
{
    return s.length != 0 && !str_is(s, ".") && !str_is(s, "..") && memchr(s.at, '/', s.length) == NULL &&
           memchr(s.at, '%', s.length) == NULL;
}

/* Its jobs are called after it, with eleven characters more. */
static bool cron_job_name(struct str s)
{
    return s.length <= 52 && name_is_subdomain(s);
}

/* No address of the machine itself, nor one that means a group or nobody. */
static bool endpoint_ip(struct str s)
{
    unsigned char bytes[16];
    autofree char *text = str_dup(s);
    if (inet_pton(AF_INET, text, bytes) == 1)
        return bytes[0] != 127 && (bytes[0] & 0xf0) != 0xe0 && (bytes[0] != 169 || bytes[1] != 254) &&
               (bytes[0] | bytes[1] | bytes[2] | bytes[3]) != 0;
    return ip(s) && !str_is(s, "::") && !str_is(s, "::1") && !str_starts(s, STR("fe80:")) &&
           !str_starts(s, STR("ff"));
}

static bool csi_driver(struct str s)
{
    return name_is_made_of(s, "-.", true, 63);
}

/* example.com/nfs, or without a domain. */
static bool provisioner(struct str s)
{
    char lowered[253 + 1 + 63 + 1];
    if (s.length >= sizeof(lowered))
        return false;
    for (size_t i = 0; i < s.length; i++)
        lowered[i] = (char)(s.at[i] >= 'A' && s.at[i] <= 'Z' ? s.at[i] | 0x20 : s.at[i]);
    return label_key((struct str){lowered, s.length});
}

/* example.com/a/b */
static bool domain_prefixed_path(struct str s)
{
    struct str domain;
    if (!str_split(&s, '/', &domain) || s.length == 0)
        return false;
    return name_is_subdomain(domain);
}

/* One column of a schedule: numbers in their range or names, as lists, ranges and steps. */
struct schedule_column {
    int least, most;
    const char *names; /* three letters each, from `least` on */
};

static bool schedule_number(struct str text, const struct schedule_column *column, int64_t *number)
{
    for (size_t i = 0; column->names != NULL && text.length == 3 && column->names[i * 3] != '\0'; i++)
        if (strncasecmp(text.at, column->names + i * 3, 3) == 0) {
            *number = column->least + (int64_t)i;
            return true;
        }
    return str_to_int64(text, number) && *number >= column->least && *number <= column->most;
}

static bool schedule_range(struct str text, const struct schedule_column *column)
{
    struct str range, first;
    int64_t step, low, high;
    if (!str_split(&text, '/', &range) || (text.at != NULL && (!str_to_int64(text, &step) || step < 1)))
        return false;
    if (str_is(range, "*") || str_is(range, "?"))
        return true;
    if (!str_split(&range, '-', &first) || !schedule_number(first, column, &low))
        return false;
    return range.at == NULL || (schedule_number(range, column, &high) && low <= high);
}

/* Five columns, or @daily and the like, or @every 1h. */
static bool cron_schedule(struct str s)
{
    static const struct schedule_column columns[] = {{0, 59, NULL},
                                                     {0, 23, NULL},
                                                     {1, 31, NULL},
                                                     {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
                                                     {0, 6, "sunmontuewedthufrisat"}};
    static const char *const named[] = {"@yearly", "@annually", "@monthly", "@weekly",
                                        "@daily",  "@midnight", "@hourly"};
    for (size_t i = 0; i < COUNT(named); i++)
        if (str_is(s, named[i]))
            return true;
    if (str_starts(s, STR("@every ")))
        return duration((struct str){s.at + 7, s.length - 7});
    size_t count = 0;
    struct str column, part;
    while (str_split(&s, ' ', &column)) {
        if (column.length == 0)
            continue;
        if (count == COUNT(columns))
            return false;
        while (str_split(&column, ',', &part))
            if (!schedule_range(part, &columns[count]))
                return false;
        count++;
    }
    return count == COUNT(columns);
}

/* As the machine knows it. */
static bool time_zone(struct str s)
{
    char path[128];
    if (s.length == 0 || s.at[0] == '/' || str_is(s, "Local") || memmem(s.at, s.length, "..", 2) != NULL ||
        s.length > 64)
        return false;
    snprintf(path, sizeof(path), "/usr/share/zoneinfo/" STR_FORMAT, STR_ARGS(s));
    return access("/usr/share/zoneinfo", R_OK) < 0 || access(path, R_OK) == 0;
}

static const struct format formats[] = {
    {"cron-schedule", cron_schedule,
     "a schedule: minute, hour, day, month and day of the week, as 30 2 * * *, or @daily"},
    {"time-zone", time_zone, "a time zone as Europe/Zurich"},
    {"endpoint-ip", endpoint_ip, "an IP address, but none of loopback, link-local, multicast or nobody"},
    {"csi-driver", csi_driver,
     "at most 63 of letters, digits, - and ., beginning and ending with a letter or digit"},
    {"provisioner", provisioner, "a qualified name, perhaps behind a domain and a slash (example.com/nfs)"},
    {"domain-prefixed-path", domain_prefixed_path, "a domain, a slash and a path (example.com/ingress)"},
    {"dns-1035-label", dns_1035_label,
     "a DNS-1035 label: at most 63 of a-z, 0-9 and -, beginning with a letter and ending with a letter or "
     "digit"},
    {"kind", kind_name,
     "at most 63 of letters, digits and -, beginning with a letter and ending with a letter or digit"},
    {"path-segment", path_segment, "a name that isn't . or .., and has no / or % in it"},
    {"cron-job-name", cron_job_name,
     "a lowercase RFC 1123 subdomain of at most 52 of a-z, 0-9, - and ., each part beginning and ending with "
     "a "
     "letter or digit"},
    {"dns-label", name_is_label,
     "a lowercase RFC 1123 label: at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit"},
    {"dns-subdomain", name_is_subdomain,
     "a lowercase RFC 1123 subdomain: at most 253 of a-z, 0-9, - and ., each part beginning and ending with "
     "a "
     "letter or digit"},
    {"dns-subdomain-or-empty", dns_subdomain_or_empty, "empty or a lowercase RFC 1123 subdomain"},
    {"label-key", label_key,
     "a qualified name: at most 63 of letters, digits, -, _ and ., beginning and ending with a letter or "
     "digit, "
     "perhaps behind a DNS subdomain and a slash"},
    {"label-key-or-empty", label_key_or_empty, "empty or a qualified name, as labels' keys are"},
    {"finalizer", finalizer,
     "a name with a domain (example.com/backup), or orphan, foregroundDeletion or kubernetes"},
    {"annotation-key", annotation_key,
     "a qualified name: at most 63 of letters, digits, -, _ and ., beginning and ending with a letter or "
     "digit, "
     "perhaps behind a DNS subdomain and a slash"},
    {"label-value", label_value,
     "empty or at most 63 of letters, digits, -, _ and ., beginning and ending with a letter or digit"},
    {"resource-name", resource_name,
     "a resource: cpu, memory, ephemeral-storage, hugepages-<size>, or a name with a domain "
     "(example.com/gpu)"},
    {"config-key", config_key,
     "a file name: at most 253 of letters, digits, -, _ and ., not . or beginning with .."},
    {"env-name", env_name, "the name of an environment variable: printable ASCII characters other than ="},
    {"port-name", port_name,
     "the name of a port: at most 15 of a-z, 0-9 and single -, at least one letter, no - at the ends"},
    {"percent", percent, "a whole number or a percentage (25%)"},
    {"ip", ip, "an IP address"},
    {"cidr", cidr, "a network as address/bits (10.0.0.0/24)"},
    {"absolute-path", absolute_path, "an absolute path"},
    {"relative-path", relative_path, "a relative path without \"..\""},
    {"file-path", file_path, "a relative path without \"..\", also not at its beginning"},
    {"dns-wildcard", dns_wildcard, "a lowercase RFC 1123 subdomain, perhaps with *. before it"},
    {"host-pattern", host_pattern,
     "a lowercase RFC 1123 subdomain, perhaps with *. before it, and no IP address"},
    {"dns-three-parts", dns_three_parts, "a DNS name of at least three parts (a.example.com)"},
    {"https-url", https_url, "a URL that begins with https://, without user, query and fragment"},
    {"url-path", url_path, "a path of DNS names, beginning with /"},
    {"not-empty", not_empty, "not empty"},
    {"share", share, "a whole number or a percentage of at most 100%"},
    {"quota-name", quota_name,
     "what a quota can be of: cpu, memory, pods, services, requests.storage, …, or a name with a domain "
     "(count/jobs.batch)"},
    {"without-slash", without_slash, "a name without /"},
    {"path-inside", path_inside, "a path without \"..\""},
    {"header-name", header_name, "the name of an HTTP header: letters, digits and -"},
    {"sysctl", sysctl, "the name of a sysctl, as net.core.somaxconn"},
    {"iscsi-name", iscsi_name, "an iSCSI name, beginning with iqn., eui. or naa."},
    {"byte", base64, "base64"},
    {"date-time", date_time, "a time as 2026-01-31T12:00:00Z"},
    {"micro-time", date_time, "a time as 2026-01-31T12:00:00.000000Z"},
    {"duration", duration, "a duration as 1h30m or 250ms"},
    {"quantity", quantity, "a quantity as 100m, 1.5, 64Mi or 2G"},
};

const struct format *format_find(struct str name)
{
    for (size_t i = 0; i < COUNT(formats); i++)
        if (str_is(name, formats[i].name))
            return &formats[i];
    return NULL;
}
