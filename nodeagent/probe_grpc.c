#include "nodeagent/probe_grpc.h"

#include "lib/clock.h"
#include <ctype.h>
#include <nghttp2/nghttp2.h>

/* An answer is two bytes; whoever sends more than this has something else to say. */
#define RESPONSE_BYTES 4096
/* A message comes behind a byte that tells whether it is compressed and its length in four. */
#define MESSAGE_HEADER 5

/* https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
enum code {
    CODE_OK = 0,
    CODE_CANCELED = 1,
    CODE_UNKNOWN = 2,
    CODE_DEADLINE = 4,
    CODE_DENIED = 7,
    CODE_EXHAUSTED = 8,
    CODE_UNIMPLEMENTED = 12,
    CODE_INTERNAL = 13,
    CODE_UNAVAILABLE = 14,
    CODE_UNAUTHENTICATED = 16,
};
static const char *const code_names[] = {
    "OK",       "Canceled",        "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",   "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",      "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated",
};

struct probe_grpc {
    const struct probe_url *to;
    int64_t timeout_ms;
    nghttp2_session *session;
    struct buf request; /* what is still to be sent of it */
    enum probe_grpc_progress progress;
    /* the answer */
    int http_status; /* 0: none has come */
    bool is_grpc;    /* so its content type says */
    char *content_type;
    bool has_code;
    int64_t code;
    struct buf message, response;
};

/* ---- the end ---- */

static void answer(struct probe_grpc *call)
{
    call->progress = GRPC_ANSWERED;
}

/* It ends without the server's word. */
static void end_with(struct probe_grpc *call, enum code code, const char *what, const char *detail)
{
    call->has_code = true;
    call->code = code;
    buf_clear(&call->message);
    buf_addf(&call->message, "%s%s", what, detail);
    answer(call);
}

void probe_grpc_lose(struct probe_grpc *call, const char *why)
{
    if (call->progress == GRPC_CONNECTING)
        call->progress = GRPC_UNCONNECTED;
    else if (call->progress == GRPC_CALLING)
        end_with(call, CODE_UNAVAILABLE, "error reading from server: ", why);
}

/* As in grpc-go's table of HTTP/2's errors. */
static enum code code_of_reset(uint32_t error)
{
    switch (error) {
    case NGHTTP2_REFUSED_STREAM:
        return CODE_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return CODE_CANCELED;
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return CODE_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return CODE_DENIED;
    default:
        return CODE_INTERNAL;
    }
}

/* ---- what nghttp2 calls ---- */

static ssize_t on_request_wanted(nghttp2_session *session, int32_t stream, uint8_t *out, size_t length,
                                 uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct probe_grpc *call = context;
    (void)session, (void)stream, (void)source;
    if (length > call->request.length)
        length = call->request.length;
    memcpy(out, call->request.at, length);
    buf_drop(&call->request, length);
    if (call->request.length == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)length;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'         ? c - '0'
           : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                        : -1;
}

/* A message in words comes percent-encoded. */
static void set_message(struct probe_grpc *call, struct str value)
{
    buf_clear(&call->message);
    for (size_t i = 0; i < value.length; i++) {
        int high = value.at[i] == '%' && i + 2 < value.length ? hex_digit(value.at[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(value.at[i + 2]) : -1;
        buf_add_char(&call->message, low >= 0 ? (char)(high * 16 + low) : value.at[i]);
        i += low >= 0 ? 2 : 0;
    }
}

/* application/grpc, alone or with what is behind it: +proto, ;charset … */
static bool is_grpc_type(struct str type)
{
    static const struct str base = {"application/grpc", 16};
    return str_starts(type, base) &&
           (type.length == base.length || strchr("+;", type.at[base.length]) != NULL);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name_at,
                     size_t name_length, const uint8_t *value_at, size_t value_length, uint8_t flags,
                     void *context)
{
    struct probe_grpc *call = context;
    struct str name = {(const char *)name_at, name_length}, value = {(const char *)value_at, value_length};
    int64_t number;
    (void)session, (void)frame, (void)flags;
    if (str_is(name, ":status") && str_to_int64(value, &number)) {
        call->http_status = (int)number;
    } else if (str_is(name, "content-type")) {
        free(call->content_type);
        call->content_type = str_dup(value);
        call->is_grpc = is_grpc_type(value);
    } else if (str_is(name, "grpc-status")) {
        call->has_code = true;
        call->code = str_to_int64(value, &number) ? number : CODE_UNKNOWN;
    } else if (str_is(name, "grpc-message")) {
        set_message(call, value);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
                   size_t length, void *context)
{
    struct probe_grpc *call = context;
    (void)session, (void)flags, (void)stream;
    size_t room = RESPONSE_BYTES - call->response.length;
    buf_add(&call->response, bytes, length < room ? length : room);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct probe_grpc *call = context;
    (void)session;
    if (frame->hd.type == NGHTTP2_SETTINGS && call->progress == GRPC_CONNECTING)
        call->progress = GRPC_CALLING;
    return 0;
}

static int on_stream_closed(nghttp2_session *session, int32_t stream, uint32_t error, void *context)
{
    struct probe_grpc *call = context;
    (void)session, (void)stream;
    if (call->progress != GRPC_CALLING)
        return 0;
    if (error == NGHTTP2_NO_ERROR || call->has_code)
        answer(call);
    else
        end_with(call, code_of_reset(error),
                 "stream terminated by RST_STREAM with error code: ", nghttp2_http2_strerror(error));
    return 0;
}

/* ---- the beginning ---- */

static nghttp2_session *open_session(struct probe_grpc *call)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_session *session = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        abort(); /* there is no memory, as in lib/str.h */
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_closed);
    if (nghttp2_session_client_new(&session, callbacks, call) != 0)
        abort();
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

/* HealthCheckRequest: field 1, of bytes, is the service; an empty one is left out. */
static void write_request(struct buf *out, struct str service)
{
    autobuf struct buf message = {0};
    if (service.length > 0) {
        buf_add_char(&message, 1 << 3 | 2);
        for (size_t rest = service.length; rest > 0; rest >>= 7)
            buf_add_char(&message, (char)(rest < 0x80 ? rest : (rest & 0x7f) | 0x80));
        buf_add_str(&message, service);
    }
    const unsigned char header[MESSAGE_HEADER] = {
        0, (unsigned char)(message.length >> 24), (unsigned char)(message.length >> 16),
        (unsigned char)(message.length >> 8), (unsigned char)message.length};
    buf_add(out, header, sizeof(header));
    buf_add_str(out, buf_str(&message));
}

static nghttp2_nv header(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .value = (uint8_t *)(uintptr_t)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value)};
}

static void submit(struct probe_grpc *call)
{
    static const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
    autobuf struct buf authority = {0}, timeout = {0};
    probe_url_write_authority(&authority, call->to);
    /* At most eight digits, and a unit. */
    buf_addf(&timeout, "%lldm", (long long)(call->timeout_ms < 99999999 ? call->timeout_ms : 99999999));
    const nghttp2_nv headers[] = {
        header(":method", "POST"),
        header(":scheme", "http"),
        header(":path", "/grpc.health.v1.Health/Check"),
        header(":authority", authority.at),
        header("content-type", "application/grpc"),
        header("user-agent", PROBE_USER_AGENT),
        header("te", "trailers"),
        header("grpc-timeout", timeout.at),
    };
    const nghttp2_data_provider body = {.read_callback = on_request_wanted};
    if (nghttp2_submit_settings(call->session, NGHTTP2_FLAG_NONE, settings, COUNT(settings)) != 0 ||
        nghttp2_submit_request(call->session, NULL, headers, COUNT(headers), &body, NULL) < 0)
        abort();
}

struct probe_grpc *probe_grpc_new(const struct probe_url *to, struct str service, int64_t timeout_ms)
{
    struct probe_grpc *call = memory_zeroed(1, sizeof(*call));
    *call = (struct probe_grpc){.to = to, .timeout_ms = timeout_ms};
    call->session = open_session(call);
    write_request(&call->request, service);
    submit(call);
    return call;
}

void probe_grpc_free(struct probe_grpc *call)
{
    if (call == NULL)
        return;
    nghttp2_session_del(call->session);
    free(call->content_type);
    buf_free(&call->request);
    buf_free(&call->message);
    buf_free(&call->response);
    free(call);
}

/* ---- on the way ---- */

void probe_grpc_send(struct probe_grpc *call, struct buf *out)
{
    const uint8_t *bytes;
    ssize_t length;
    while ((length = nghttp2_session_mem_send(call->session, &bytes)) > 0)
        buf_add(out, bytes, (size_t)length);
    /* That the other side doesn't keep to the protocol is over when it has been told so. */
    if (nghttp2_session_want_read(call->session) == 0)
        probe_grpc_lose(call, "the server does not keep to HTTP/2");
}

void probe_grpc_receive(struct probe_grpc *call, struct str bytes, bool closed)
{
    ssize_t taken = nghttp2_session_mem_recv(call->session, (const uint8_t *)bytes.at, bytes.length);
    if (taken < 0)
        probe_grpc_lose(call, nghttp2_strerror((int)taken));
    else if (closed)
        probe_grpc_lose(call, "EOF");
}

enum probe_grpc_progress probe_grpc_progress(const struct probe_grpc *call)
{
    return call->progress;
}

/* ---- what it means ---- */

/* Go's texts for the statuses that are likely, and grpc-go's codes for them. */
static const struct http_status {
    int status;
    const char *text;
    enum code code;
} http_statuses[] = {
    {200, "OK", CODE_UNKNOWN},
    {301, "Moved Permanently", CODE_UNKNOWN},
    {302, "Found", CODE_UNKNOWN},
    {307, "Temporary Redirect", CODE_UNKNOWN},
    {308, "Permanent Redirect", CODE_UNKNOWN},
    {400, "Bad Request", CODE_INTERNAL},
    {401, "Unauthorized", CODE_UNAUTHENTICATED},
    {403, "Forbidden", CODE_DENIED},
    {404, "Not Found", CODE_UNIMPLEMENTED},
    {405, "Method Not Allowed", CODE_UNKNOWN},
    {415, "Unsupported Media Type", CODE_UNKNOWN},
    {429, "Too Many Requests", CODE_UNAVAILABLE},
    {500, "Internal Server Error", CODE_UNKNOWN},
    {502, "Bad Gateway", CODE_UNAVAILABLE},
    {503, "Service Unavailable", CODE_UNAVAILABLE},
    {504, "Gateway Timeout", CODE_UNAVAILABLE},
};

/* An answer that isn't gRPC's, from a web server or a proxy. */
static enum code judge_http(const struct probe_grpc *call, struct buf *description)
{
    static const struct http_status other = {0, "", CODE_UNKNOWN};
    const struct http_status *row = &other;
    for (size_t i = 0; i < COUNT(http_statuses); i++)
        if (http_statuses[i].status == call->http_status)
            row = &http_statuses[i];
    if (call->http_status != 200)
        buf_addf(description, "unexpected HTTP status code received from server: %d (%s)", call->http_status,
                 row->text);
    if (!call->is_grpc) {
        buf_add_text(description, description->length > 0 ? "; " : "");
        if (call->content_type == NULL)
            buf_add_text(description, "malformed header: missing HTTP content-type");
        else
            buf_addf(description, "transport: received unexpected content-type \"%s\"", call->content_type);
    }
    return row->code;
}

/* Skips or reads a number of the protocol's; false when it is cut short. */
static bool read_varint(struct str *rest, uint64_t *number)
{
    *number = 0;
    for (unsigned shift = 0; shift < 64 && rest->length > 0; shift += 7) {
        unsigned char byte = (unsigned char)rest->at[0];
        *rest = str_cut(*rest, 1, rest->length);
        *number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool skip_field(struct str *rest, unsigned type)
{
    uint64_t length = type == 1 ? 8 : type == 5 ? 4 : 0, ignored;
    if (type == 0)
        return read_varint(rest, &ignored);
    if (type != 1 && type != 5 && (type != 2 || !read_varint(rest, &length)))
        return false;
    if (length > rest->length)
        return false;
    *rest = str_cut(*rest, (size_t)length, rest->length);
    return true;
}

/* HealthCheckResponse: field 1, a number, is the status; 0 where it is left out. */
static bool read_response(struct str message, uint64_t *status)
{
    uint64_t key;
    *status = 0;
    while (message.length > 0) {
        if (!read_varint(&message, &key))
            return false;
        bool good = key == (1 << 3 | 0) ? read_varint(&message, status) : skip_field(&message, key & 7);
        if (!good)
            return false;
    }
    return true;
}

static enum probe_outcome judge_status(uint64_t status, struct buf *sentence)
{
    static const char *const names[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
    if (status == 1) {
        buf_add_text(sentence, "service healthy");
        return PROBE_SUCCEEDED;
    }
    if (status < COUNT(names))
        buf_addf(sentence, "service unhealthy (responded with \"%s\")", names[status]);
    else
        buf_addf(sentence, "service unhealthy (responded with \"%lld\")", (long long)status);
    return PROBE_FAILED;
}

static enum probe_outcome fail(const struct probe_grpc *call, int64_t code, struct str description,
                               struct buf *sentence)
{
    if (code == CODE_DEADLINE) {
        probe_grpc_time_out(call, sentence);
        return PROBE_FAILED;
    }
    if (code == CODE_UNIMPLEMENTED) {
        buf_add_text(sentence, "error: this server does not implement the grpc health protocol "
                               "(grpc.health.v1.Health): ");
    } else {
        buf_add_text(sentence, "error: health rpc probe failed: rpc error: code = ");
        if (code >= 0 && code < (int64_t)COUNT(code_names))
            buf_add_text(sentence, code_names[code]);
        else
            buf_addf(sentence, "Code(%lld)", (long long)code);
        buf_add_text(sentence, " desc = ");
    }
    buf_add_str(sentence, description);
    return PROBE_FAILED;
}

/* The message that has come with the status OK. */
static enum probe_outcome judge_response(const struct probe_grpc *call, struct buf *sentence)
{
    struct str rest = buf_str(&call->response), length = str_cut(rest, 1, MESSAGE_HEADER - 1);
    uint64_t announced = 0, status;
    if (rest.length == 0) {
        buf_add_text(sentence, "error: health rpc probe failed: EOF");
        return PROBE_FAILED;
    }
    for (size_t i = 0; i < length.length; i++)
        announced = announced << 8 | (unsigned char)length.at[i];
    if (rest.length < MESSAGE_HEADER || announced != rest.length - MESSAGE_HEADER)
        return fail(call, CODE_INTERNAL, STR("unexpected EOF"), sentence);
    if (rest.at[0] != 0)
        return fail(call, CODE_INTERNAL, STR("grpc: compressed flag set with identity or empty encoding"),
                    sentence);
    if (!read_response(str_cut(rest, MESSAGE_HEADER, rest.length), &status))
        return fail(call, CODE_INTERNAL, STR("grpc: failed to unmarshal the received message"), sentence);
    return judge_status(status, sentence);
}

enum probe_outcome probe_grpc_judge(const struct probe_grpc *call, struct buf *sentence)
{
    bool heard = call->http_status != 0;
    if (heard && (call->http_status != 200 || !call->is_grpc)) {
        autobuf struct buf description = {0};
        enum code code = judge_http(call, &description);
        return fail(call, code, buf_str(&description), sentence);
    }
    if (!call->has_code || call->code != CODE_OK)
        return fail(call, call->has_code ? call->code : CODE_UNKNOWN, buf_str(&call->message), sentence);
    return judge_response(call, sentence);
}

void probe_grpc_time_out(const struct probe_grpc *call, struct buf *sentence)
{
    char timeout[CLOCK_TEXT];
    clock_duration(call->timeout_ms, timeout);
    if (call->progress != GRPC_CONNECTING && call->progress != GRPC_UNCONNECTED) {
        buf_addf(sentence, "timeout: health rpc did not complete within %s", timeout);
        return;
    }
    buf_add_text(sentence, "timeout: failed to connect service \"");
    probe_url_write_authority(sentence, call->to);
    buf_addf(sentence, "\" within %s: context deadline exceeded", timeout);
}
