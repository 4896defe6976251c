#include "dial/probe.h"

#include <string.h>

#include "dial/explain.h"

/* What both ends of an SP connection say first: a zero byte, "SP", version 0, the number of the sender's
 * protocol, two zero bytes. It must be said: a listener of nng 1.5.2 that is left without a word pauses for
 * 100 ms, and can lose the connection that it was making meanwhile. */
enum { GREETING_SIZE = 8, PROTOCOL = 5 };
static const uint8_t GREETING[GREETING_SIZE] = {0, 'S', 'P'};

static int greet(nng_stream *stream, nng_aio *aio, uint8_t peer)
{
    uint8_t said[GREETING_SIZE], expected[GREETING_SIZE], heard[GREETING_SIZE];
    memcpy(said, GREETING, sizeof said);
    memcpy(expected, GREETING, sizeof expected);
    expected[PROTOCOL] = peer;
    said[PROTOCOL] = peer ^ 1; /* the other one of the pair */
    nng_iov iov = {.iov_buf = said, .iov_len = sizeof said};
    nng_aio_set_iov(aio, 1, &iov);
    nng_stream_send(stream, aio);
    nng_aio_wait(aio);
    size_t got = 0;
    while (nng_aio_result(aio) == 0 && got < sizeof heard) {
        iov = (nng_iov){.iov_buf = heard + got, .iov_len = sizeof heard - got};
        nng_aio_set_iov(aio, 1, &iov);
        nng_stream_recv(stream, aio);
        nng_aio_wait(aio);
        if (nng_aio_result(aio) == 0) got += nng_aio_count(aio);
    }
    if (nng_aio_result(aio) != 0) return nng_aio_result(aio);
    return memcmp(heard, expected, sizeof heard) == 0 ? 0 : NNG_EPROTO;
}

int probe_greet(nng_aio *aio, const char *url, uint32_t timeout_ms, uint8_t peer)
{
    nng_stream_dialer *dialer;
    int result = nng_stream_dialer_alloc(&dialer, url);
    if (result != 0) return result;
    nng_aio_set_timeout(aio, (nng_duration)timeout_ms);
    nng_stream_dialer_dial(dialer, aio);
    nng_aio_wait(aio);
    result = nng_aio_result(aio);
    if (result == 0) {
        nng_stream *stream = nng_aio_get_output(aio, 0);
        result = greet(stream, aio, peer);
        nng_stream_free(stream);
    }
    nng_stream_dialer_free(dialer);
    return result;
}

jwkd_status probe_service(const struct url *url, uint32_t timeout_ms, jwkd_error *error)
{
    nng_aio *aio;
    int result = nng_aio_alloc(&aio, NULL, NULL);
    if (result == 0) {
        result = probe_greet(aio, url->text, timeout_ms, PROBE_REPLIES);
        nng_aio_free(aio);
    }
    return result == 0 ? JWKD_OK : explain_unreachable(url, result, error);
}
