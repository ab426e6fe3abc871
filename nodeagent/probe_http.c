#include "nodeagent/probe_http.h"

#include <strings.h>

/* ---- addresses ---- */

void probe_url_set(struct probe_url *url, bool tls, struct str host, int64_t port, struct str path)
{
    autobuf struct buf text = {0};
    if (path.length == 0 || path.at[0] != '/')
        buf_add_char(&text, '/');
    for (size_t i = 0; i < path.length && path.at[i] != '#'; i++)
        if ((unsigned char)path.at[i] <= ' ' || path.at[i] == 0x7f)
            buf_addf(&text, "%%%02X", (unsigned char)path.at[i]);
        else
            buf_add_char(&text, path.at[i]);
    *url = (struct probe_url){.tls = tls, .host = str_dup(host), .port = port, .path = buf_take(&text)};
}

void probe_url_free(struct probe_url *url)
{
    free(url->host);
    free(url->path);
    *url = (struct probe_url){0};
}

void probe_url_write_authority(struct buf *out, const struct probe_url *url)
{
    bool brackets = strchr(url->host, ':') != NULL;
    buf_addf(out, brackets ? "[%s]:%lld" : "%s:%lld", url->host, (long long)url->port);
}

void probe_url_write(struct buf *out, const struct probe_url *url)
{
    buf_add_text(out, url->tls ? "https://" : "http://");
    probe_url_write_authority(out, url);
    buf_add_text(out, url->path);
}

static bool starts_ignoring_case(struct str text, struct str prefix)
{
    return text.length >= prefix.length && strncasecmp(text.at, prefix.at, prefix.length) == 0;
}

/* host, host:port, [address]:port; without a port that of the scheme. */
static bool split_authority(struct str authority, bool tls, struct str *host, int64_t *port)
{
    struct str rest = authority;
    *port = tls ? 443 : 80;
    if (str_starts(authority, STR("["))) {
        rest.at++;
        rest.length--;
        if (!str_split(&rest, ']', host) || rest.at == NULL)
            return false;
        if (rest.length == 0)
            return host->length > 0;
        if (rest.at[0] != ':')
            return false;
        rest = str_cut(rest, 1, rest.length);
    } else if (!str_split(&rest, ':', host) || rest.at == NULL) {
        return host->length > 0;
    }
    return host->length > 0 && str_to_int64(rest, port) && *port > 0 && *port < 65536;
}

/* What is behind "http:", beginning with the two slashes. */
static bool follow_authority(bool tls, struct str rest, struct probe_url *next)
{
    size_t end = 2;
    while (end < rest.length && strchr("/?#", rest.at[end]) == NULL)
        end++;
    struct str host = STR_NONE;
    int64_t port = 0;
    if (!split_authority(str_cut(rest, 2, end - 2), tls, &host, &port))
        return false;
    probe_url_set(next, tls, host, port, str_cut(rest, end, rest.length));
    return true;
}

bool probe_url_follow(const struct probe_url *base, struct str location, struct probe_url *next)
{
    location = str_trim(location);
    if (starts_ignoring_case(location, STR("http://")))
        return follow_authority(false, str_cut(location, 5, location.length), next);
    if (starts_ignoring_case(location, STR("https://")))
        return follow_authority(true, str_cut(location, 6, location.length), next);
    if (str_starts(location, STR("//")))
        return follow_authority(base->tls, location, next);
    if (location.length == 0)
        return false;
    /* Relative to the path's last slash, or to its query. */
    autobuf struct buf path = {0};
    size_t keep = location.at[0] == '/' ? 0 : strcspn(base->path, "?");
    while (location.at[0] != '?' && keep > 0 && base->path[keep - 1] != '/')
        keep--;
    buf_add(&path, base->path, keep);
    buf_add_str(&path, location);
    probe_url_set(next, base->tls, str_of(base->host), base->port, buf_str(&path));
    return true;
}

/* ---- the request ---- */

/* What would end the line ends the value. */
static void add_header(struct buf *out, struct str name, struct str value)
{
    for (size_t i = 0; i < value.length; i++)
        if (value.at[i] == '\r' || value.at[i] == '\n' || value.at[i] == '\0')
            value.length = i;
    buf_addf(out, STR_FORMAT ": " STR_FORMAT "\r\n", STR_ARGS(name), STR_ARGS(value));
}

static bool is_header(struct value header, const char *name)
{
    struct str given = value_str(value_get(header, STR("name")));
    return given.length == strlen(name) && starts_ignoring_case(given, str_of(name));
}

static struct value find_header(struct value headers, const char *name)
{
    value_each (header, headers)
        if (is_header(header, name))
            return value_get(header, STR("value"));
    return VALUE_ABSENT;
}

/* The header that the probe gives, else ours; an empty one is left out. */
static void add_default(struct buf *out, struct value headers, const char *name, const char *ours)
{
    struct value given = find_header(headers, name);
    struct str value = value_exists(given) ? value_str(given) : str_of(ours);
    if (value.length > 0)
        add_header(out, str_of(name), value);
}

void probe_http_write(struct buf *out, const struct probe_url *url, const struct probe_http_request *request)
{
    static const char *const ours[] = {"Host", "User-Agent", "Accept", "Connection"};
    autobuf struct buf authority = {0};
    probe_url_write_authority(&authority, url);
    struct str host = value_str(find_header(request->headers, "Host"));
    buf_addf(out, "GET %s HTTP/1.1\r\n", url->path);
    add_header(out, STR("Host"), host.length > 0 ? host : buf_str(&authority));
    add_default(out, request->headers, "User-Agent", request->user_agent);
    add_default(out, request->headers, "Accept", "*/*");
    value_each (header, request->headers) {
        bool left_out = request->anonymous && is_header(header, "Authorization");
        for (size_t i = 0; i < COUNT(ours); i++)
            left_out = left_out || is_header(header, ours[i]);
        if (!left_out)
            add_header(out, value_str(value_get(header, STR("name"))),
                       value_str(value_get(header, STR("value"))));
    }
    buf_add_text(out, "Connection: close\r\n\r\n");
}

/* ---- the answer ---- */

/* The value of a header in a head; STR_NONE when it isn't there. */
static struct str answer_header(struct str head, struct str name)
{
    struct str line;
    while (str_split(&head, '\n', &line))
        if (line.length > name.length && line.at[name.length] == ':' && starts_ignoring_case(line, name))
            return str_trim(str_cut(line, name.length + 1, line.length));
    return STR_NONE;
}

/* "HTTP/1.1 200 OK"; 0 when it isn't that. */
static int read_status(struct str head)
{
    struct str line, version, number = STR_NONE;
    int64_t status = 0;
    if (!str_split(&head, '\n', &line))
        return 0;
    line = str_trim(line);
    if (!str_split(&line, ' ', &version) || !str_starts(version, STR("HTTP/1.")) ||
        !str_split(&line, ' ', &number))
        return 0;
    return number.length == 3 && str_to_int64(number, &status) && status >= 100 ? (int)status : 0;
}

/* Where the head's empty line ends; 0: it hasn't come. */
static size_t head_length(struct str received)
{
    for (size_t i = 0; i + 1 < received.length; i++)
        if (received.at[i] == '\n') {
            if (received.at[i + 1] == '\n')
                return i + 2;
            if (i + 2 < received.length && received.at[i + 1] == '\r' && received.at[i + 2] == '\n')
                return i + 3;
        }
    return 0;
}

static bool body_is_complete(int status, struct str head, struct str body)
{
    struct str encoding = answer_header(head, STR("Transfer-Encoding"));
    int64_t length = 0;
    if (status == 204 || status == 304 || body.length >= PROBE_HTTP_BODY_BYTES)
        return true;
    if (encoding.length > 0)
        return str_equal(body, STR("0\r\n\r\n")) || str_ends(body, STR("\r\n0\r\n\r\n"));
    return str_to_int64(answer_header(head, STR("Content-Length")), &length) && length >= 0 &&
           body.length >= (size_t)length;
}

/* Fills the answer whose head comes first; returns that head's length, 0 while it is incomplete. */
static size_t read_answer(struct str received, bool closed, struct probe_http_answer *answer)
{
    size_t sure = received.length < 7 ? received.length : 7;
    *answer = (struct probe_http_answer){.progress = HTTP_INCOMPLETE};
    size_t length = head_length(received);
    struct str head = str_cut(received, 0, length), rest = str_cut(received, length, received.length);
    if (length > 0)
        answer->status = read_status(head);
    if (!str_starts(STR("HTTP/1."), str_cut(received, 0, sure)) || (length > 0 && answer->status == 0)) {
        answer->progress = HTTP_MALFORMED;
        return 0;
    }
    if (length == 0)
        return 0;
    answer->location = answer_header(head, STR("Location"));
    answer->body = str_cut(rest, 0, PROBE_HTTP_BODY_BYTES);
    answer->progress = closed || answer->status == 101 || body_is_complete(answer->status, head, rest)
                           ? HTTP_COMPLETE
                           : HTTP_HEAD;
    return length;
}

struct probe_http_answer probe_http_read(struct str received, bool closed)
{
    struct probe_http_answer answer;
    struct str rest = received;
    size_t length;
    /* "Continue" and the like come before the answer. */
    while ((length = read_answer(rest, closed, &answer)) > 0 && answer.status < 200 && answer.status != 101)
        rest = str_cut(rest, length, rest.length);
    bool hopeless = closed ? received.length > 0 : received.length > PROBE_HTTP_HEAD_BYTES;
    if (answer.progress == HTTP_INCOMPLETE && hopeless)
        answer.progress = HTTP_MALFORMED;
    return answer;
}
