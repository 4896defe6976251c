#include "keyring/operation.h"

#include "base/cleanup.h"

jwkd_status operation_digest(const Jwkd__V1__Request *request, uint8_t out[OPERATION_DIGEST_SIZE])
{
    Jwkd__V1__Request operation = *request;
    operation.version = 0;
    operation.request_id = operation.boot_id = operation.credential = (ProtobufCBinaryData){0};
    operation.deadline_ns = 0;
    CLEANUP(buffer_clear) struct buffer packed = {0};
    TRY(wire_pack(&operation.base, &packed));
    return alg_sha256(buffer_bytes(&packed), out);
}
