#include "nodeagent/probe_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

/* What every record begins with: its type, the version, a length. */
#define RECORD_HEADER 5

struct probe_tls {
    SSL *ssl;
    struct buf waiting; /* to be said when the handshake is over */
    struct buf header;  /* the first bytes that have come */
    bool closed;
};

/* ---- the sentences ---- */

/* Alerts of the other side, as Go says them; OpenSSL itself doesn't know the newer ones by name. */
static const struct alert {
    int number;
    const char *text;
} alerts[] = {
    {SSL_AD_UNEXPECTED_MESSAGE, "unexpected message"},
    {SSL_AD_BAD_RECORD_MAC, "bad record MAC"},
    {SSL_AD_HANDSHAKE_FAILURE, "handshake failure"},
    {SSL_AD_BAD_CERTIFICATE, "bad certificate"},
    {SSL_AD_CERTIFICATE_UNKNOWN, "unknown certificate"},
    {SSL_AD_ILLEGAL_PARAMETER, "illegal parameter"},
    {SSL_AD_UNKNOWN_CA, "unknown certificate authority"},
    {SSL_AD_ACCESS_DENIED, "access denied"},
    {SSL_AD_DECODE_ERROR, "error decoding message"},
    {SSL_AD_DECRYPT_ERROR, "error decrypting message"},
    {SSL_AD_PROTOCOL_VERSION, "protocol version not supported"},
    {SSL_AD_INSUFFICIENT_SECURITY, "insufficient security level"},
    {SSL_AD_INTERNAL_ERROR, "internal error"},
    {SSL_AD_MISSING_EXTENSION, "missing extension"},
    {SSL_AD_UNSUPPORTED_EXTENSION, "unsupported extension"},
    {SSL_AD_UNRECOGNIZED_NAME, "unrecognized name"},
    {SSL_AD_CERTIFICATE_REQUIRED, "certificate required"},
    {SSL_AD_NO_APPLICATION_PROTOCOL, "no application protocol"},
};

static int say_alert(int number, struct error **err)
{
    for (size_t i = 0; i < COUNT(alerts); i++)
        if (alerts[i].number == number)
            return error_make(err, EPROTO, "remote error: tls: %s", alerts[i].text);
    return error_make(err, EPROTO, "remote error: tls: alert(%d)", number);
}

/* What OpenSSL complains of. */
static int complain(struct error **err)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    const char *text = ERR_reason_error_string(code);
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET)
        return say_alert(reason - SSL_AD_REASON_OFFSET, err);
    return error_make(err, EPROTO, "tls: %s", text != NULL ? text : "the connection has failed");
}

/* Before OpenSSL sees them, because of these it says nothing but "wrong version number". */
static int check_header(struct probe_tls *tls, struct str arrived, struct error **err)
{
    if (tls->header.length >= RECORD_HEADER)
        return 0;
    buf_add_str(&tls->header, str_cut(arrived, 0, RECORD_HEADER - tls->header.length));
    struct str header = buf_str(&tls->header);
    if (header.length < RECORD_HEADER)
        return 0;
    if (str_is(header, "HTTP/"))
        return error_make(err, EPROTO, PROBE_TLS_PLAIN_HTTP);
    bool record = (header.at[0] == SSL3_RT_HANDSHAKE || header.at[0] == SSL3_RT_ALERT) &&
                  header.at[1] == SSL3_VERSION_MAJOR;
    return record ? 0 : error_make(err, EPROTO, "tls: first record does not look like a TLS handshake");
}

/* ---- the beginning ---- */

/* It is the same for all connections, and made when the first one is. */
static SSL_CTX *context(struct error **err)
{
    static SSL_CTX *made;
    static const unsigned char protocols[] = "\x08http/1.1";
    if (made != NULL)
        return made;
    SSL_CTX *new = SSL_CTX_new(TLS_client_method());
    if (new == NULL || SSL_CTX_set_min_proto_version(new, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(new, protocols, sizeof(protocols) - 1) != 0) {
        SSL_CTX_free(new);
        complain(err);
        return NULL;
    }
    SSL_CTX_set_verify(new, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_security_level(new, 0);
    SSL_CTX_set_options(new, SSL_OP_LEGACY_SERVER_CONNECT);
    SSL_CTX_set_session_cache_mode(new, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(new, SSL_MODE_RELEASE_BUFFERS);
    made = new;
    return made;
}

static bool is_address(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

/* Its two ends become the SSL's own. */
static bool add_ends(SSL *ssl)
{
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (in == NULL || out == NULL) {
        BIO_free(in);
        BIO_free(out);
        return false;
    }
    SSL_set_bio(ssl, in, out);
    return true;
}

struct probe_tls *probe_tls_new(const char *host, struct error **err)
{
    SSL_CTX *shared = context(err);
    if (shared == NULL)
        return NULL;
    SSL *ssl = SSL_new(shared);
    if (ssl == NULL || !add_ends(ssl) || (!is_address(host) && SSL_set_tlsext_host_name(ssl, host) != 1)) {
        SSL_free(ssl);
        complain(err);
        return NULL;
    }
    SSL_set_connect_state(ssl);
    struct probe_tls *tls = memory_zeroed(1, sizeof(*tls));
    tls->ssl = ssl;
    return tls;
}

void probe_tls_free(struct probe_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    buf_free(&tls->waiting);
    buf_free(&tls->header);
    free(tls);
}

/* ---- going on ---- */

static void take_outgoing(struct probe_tls *tls, struct buf *wire)
{
    BIO *out = SSL_get_wbio(tls->ssl);
    int pending = (int)BIO_ctrl_pending(out);
    if (pending <= 0)
        return;
    int length = BIO_read(out, buf_reserve(wire, (size_t)pending), pending);
    if (length > 0)
        wire->length += (size_t)length;
}

/* What a call has come to that has not done all: that it waits for the other side is no error. */
static int judge(struct probe_tls *tls, int result, struct error **err)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        tls->closed = true;
        return 0;
    default:
        return complain(err);
    }
}

/* The handshake, then what waits for it. */
static int advance(struct probe_tls *tls, struct buf *wire, struct error **err)
{
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1 && tls->waiting.length > 0) {
        result = SSL_write(tls->ssl, tls->waiting.at, (int)tls->waiting.length);
        if (result > 0)
            buf_clear(&tls->waiting);
    }
    take_outgoing(tls, wire);
    return result > 0 ? 0 : judge(tls, result, err);
}

int probe_tls_send(struct probe_tls *tls, struct str plain, struct buf *wire, struct error **err)
{
    buf_add_str(&tls->waiting, plain);
    return advance(tls, wire, err);
}

static int read_plain(struct probe_tls *tls, struct buf *plain, struct error **err)
{
    for (;;) {
        char *at = buf_reserve(plain, 4096);
        ERR_clear_error();
        int length = SSL_read(tls->ssl, at, 4096);
        if (length <= 0)
            return judge(tls, length, err);
        plain->length += (size_t)length;
    }
}

int probe_tls_receive(struct probe_tls *tls, struct str arrived, struct buf *wire, struct buf *plain,
                      struct error **err)
{
    int result = check_header(tls, arrived, err);
    if (result < 0)
        return result;
    if (arrived.length > 0 &&
        BIO_write(SSL_get_rbio(tls->ssl), arrived.at, (int)arrived.length) != (int)arrived.length)
        return complain(err);
    result = advance(tls, wire, err);
    if (result == 0 && SSL_is_init_finished(tls->ssl))
        result = read_plain(tls, plain, err);
    take_outgoing(tls, wire);
    return result;
}

bool probe_tls_is_closed(const struct probe_tls *tls)
{
    return tls->closed;
}

void probe_tls_close(struct probe_tls *tls, struct buf *wire)
{
    ERR_clear_error();
    if (SSL_is_init_finished(tls->ssl) && SSL_shutdown(tls->ssl) >= 0)
        take_outgoing(tls, wire);
}
