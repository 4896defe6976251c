#include "net/sp.h"

enum { IPC_MESSAGE = 1 /* the only type of message over ipc */, LENGTH = 8, WORD = 4, LAST_WORD = 0x80 };

const uint8_t SP_REP_GREETS[SP_GREETING] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
static const uint8_t REQ_GREETS[SP_GREETING] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

bool sp_is_req(struct bytes greeting)
{
    return bytes_equal(greeting, bytes_of(REQ_GREETS, sizeof REQ_GREETS));
}

static size_t prefix_size(enum transport transport)
{
    return transport == TRANSPORT_IPC ? 1 : 0;
}

static uint64_t read_length(const uint8_t *bytes)
{
    uint64_t length = 0;
    for (int i = 0; i < LENGTH; i++)
        length = length << 8 | bytes[i];
    return length;
}

/* The words up to the first with its highest bit set: the request's id, and before it the hops that it took.
 */
static bool split(struct bytes payload, struct sp_message *out)
{
    for (size_t end = WORD; end <= payload.size && end <= SP_BACKTRACE; end += WORD) {
        if (!(payload.data[end - WORD] & LAST_WORD)) continue;
        out->backtrace = bytes_of(payload.data, end);
        out->body = bytes_of(payload.data + end, payload.size - end);
        return true;
    }
    return false;
}

enum sp_found sp_next(
    enum transport transport, struct bytes came, size_t largest, struct sp_message *out, size_t *out_size)
{
    const size_t prefix = prefix_size(transport), head = prefix + LENGTH;
    *out_size = 0;
    if (prefix > 0 && came.size > 0 && came.data[0] != IPC_MESSAGE) return SP_WRONG;
    if (came.size < head) return SP_PART;
    uint64_t length = read_length(came.data + prefix);
    if (length > largest || length < WORD) return SP_WRONG;
    *out_size = head + (size_t)length;
    if (came.size < *out_size) return SP_PART;
    return split(bytes_of(came.data + head, (size_t)length), out) ? SP_MESSAGE : SP_WRONG;
}

size_t sp_head(enum transport transport, struct bytes backtrace, size_t body_size, uint8_t out[SP_HEAD])
{
    size_t size = 0;
    if (prefix_size(transport) > 0) out[size++] = IPC_MESSAGE;
    const uint64_t length = backtrace.size + body_size;
    for (int i = LENGTH - 1; i >= 0; i--)
        out[size++] = (uint8_t)(length >> (8 * i));
    memcpy(out + size, backtrace.data, backtrace.size);
    return size + backtrace.size;
}
