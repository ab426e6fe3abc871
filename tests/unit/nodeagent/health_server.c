#include "tests/unit/nodeagent/health_server.h"
#include "tests/unit/lib/test.h"
#include <nghttp2/nghttp2.h>

struct health_server {
    nghttp2_session *session;
    const struct health_answer *answer;
    struct buf heard;
};

static nghttp2_nv header(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .value = (uint8_t *)(uintptr_t)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value)};
}

static ssize_t on_body_wanted(nghttp2_session *session, int32_t stream, uint8_t *out, size_t length,
                              uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct health_server *server = context;
    const struct health_answer *answer = server->answer;
    nghttp2_nv trailers[2];
    size_t count = 0;
    (void)source;
    assert_true(length >= answer->body_length);
    if (answer->body_length > 0)
        memcpy(out, answer->body, answer->body_length);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (answer->code != NULL)
        trailers[count++] = header("grpc-status", answer->code);
    if (answer->message != NULL)
        trailers[count++] = header("grpc-message", answer->message);
    if (count > 0) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        assert_int_equal(nghttp2_submit_trailer(session, stream, trailers, count), 0);
    }
    return (ssize_t)answer->body_length;
}

/* Without a body the trailers are all there is, as gRPC's servers have it. */
static void respond(struct health_server *server, int32_t stream)
{
    const struct health_answer *answer = server->answer;
    nghttp2_nv headers[4];
    size_t count = 0;
    headers[count++] = header(":status", answer->status != NULL ? answer->status : "200");
    if (answer->type == NULL || *answer->type != '\0')
        headers[count++] = header("content-type", answer->type != NULL ? answer->type : "application/grpc");
    const nghttp2_data_provider body = {.read_callback = on_body_wanted};
    if (answer->body == NULL && answer->code != NULL)
        headers[count++] = header("grpc-status", answer->code);
    if (answer->body == NULL && answer->message != NULL)
        headers[count++] = header("grpc-message", answer->message);
    assert_int_equal(
        nghttp2_submit_response(server->session, stream, headers, count, answer->body != NULL ? &body : NULL),
        0);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct health_server *server = context;
    bool asked = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                 (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!asked || server->answer->silent)
        return 0;
    if (server->answer->reset != 0)
        assert_int_equal(
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, server->answer->reset),
            0);
    else
        respond(server, frame->hd.stream_id);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *context)
{
    struct health_server *server = context;
    (void)session, (void)frame, (void)flags;
    buf_addf(&server->heard, "%.*s: %.*s\n", (int)name_length, (const char *)name, (int)value_length,
             (const char *)value);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
                   size_t length, void *context)
{
    struct health_server *server = context;
    (void)session, (void)flags, (void)stream;
    buf_add(&server->heard, bytes, length);
    return 0;
}

struct health_server *health_server_new(const struct health_answer *answer)
{
    struct health_server *server = memory_zeroed(1, sizeof(*server));
    nghttp2_session_callbacks *callbacks;
    server->answer = answer;
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    assert_int_equal(nghttp2_session_server_new(&server->session, callbacks, server), 0);
    nghttp2_session_callbacks_del(callbacks);
    assert_int_equal(nghttp2_submit_settings(server->session, NGHTTP2_FLAG_NONE, NULL, 0), 0);
    return server;
}

void health_server_free(struct health_server *server)
{
    if (server == NULL)
        return;
    nghttp2_session_del(server->session);
    buf_free(&server->heard);
    free(server);
}

void health_server_serve(struct health_server *server, struct str bytes, struct buf *out)
{
    const uint8_t *said;
    ssize_t length;
    assert_true(nghttp2_session_mem_recv(server->session, (const uint8_t *)bytes.at, bytes.length) >= 0);
    while ((length = nghttp2_session_mem_send(server->session, &said)) > 0)
        buf_add(out, said, (size_t)length);
    assert_int_equal(length, 0);
}

const struct buf *health_server_heard(const struct health_server *server)
{
    return &server->heard;
}
