#include "fuzz.h"

#include "net/sp.h"

enum { LARGEST = 4096 };

/* The first byte chooses the transport. What comes is found the same whether it comes at once or byte by
 * byte, and a reply's head is read back. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const enum transport transport = data[0] & 1 ? TRANSPORT_TCP : TRANSPORT_IPC;
    struct bytes came = bytes_of(data + 1, size - 1);
    struct sp_message message, again;
    size_t whole, again_whole;
    enum sp_found found = sp_next(transport, came, LARGEST, &message, &whole);
    for (size_t part = 0; part < came.size; part++) {
        enum sp_found partly = sp_next(transport, bytes_of(came.data, part), LARGEST, &again, &again_whole);
        MUST(partly != SP_MESSAGE || (found == SP_MESSAGE && part >= whole));
        MUST(partly != SP_WRONG || found == SP_WRONG);
    }
    if (found != SP_MESSAGE) return 0;
    MUST(whole <= came.size && message.body.size <= LARGEST);
    MUST(message.backtrace.size >= 4 && message.backtrace.size <= SP_BACKTRACE);
    uint8_t head[SP_HEAD];
    size_t head_size = sp_head(transport, message.backtrace, message.body.size, head);
    MUST(head_size + message.body.size == whole);
    MUST(memcmp(head, came.data, head_size) == 0);
    return 0;
}
