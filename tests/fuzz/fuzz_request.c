#include "fuzz.h"

#include "base/limits.h"
#include "operations/check.h"
#include "operations/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t boot_id[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    if (size > LIMIT_REQUEST) return 0; /* nng takes no more */
    struct arena arena;
    ProtobufCMessage *message;
    if (wire_unpack(&jwkd__v1__request__descriptor, bytes_of(data, size), &arena, &message) == JWKD_OK) {
        const Jwkd__V1__Request *request = (const Jwkd__V1__Request *)message;
        jwkd_error error = {0};
        jwkd_status status = check_request(request, boot_id, 1000, &error);
        if (status == JWKD_OK) {
            MUST(operation_of(request) != NULL);
            MUST(request->version == WIRE_VERSION && request->request_id.len == LIMIT_REQUEST_ID);
        } else {
            MUST(error.status == status && error.message[0] != '\0');
        }
    }
    arena_clear(&arena);
    return 0;
}
