#include "keyring/operation.h"

#include <openssl/evp.h>

#include "base/cleanup.h"
#include "jose/alg.h"

jwkd_status operation_digest(const Jwkd__V1__Request *request, uint8_t out[OPERATION_DIGEST_SIZE])
{
    Jwkd__V1__Request operation = *request;
    operation.version = 0;
    operation.request_id = operation.boot_id = operation.credential = (ProtobufCBinaryData){0};
    operation.deadline_ns = 0;
    CLEANUP(buffer_clear) struct buffer packed = {0};
    TRY(wire_pack(&operation.base, &packed));
    const EVP_MD *sha256 =
        alg_md(ALG_RS256); /* looked up before: EVP_sha256() is, each time that it is used */
    return sha256 && EVP_Digest(packed.data, packed.size, out, NULL, sha256, NULL) == 1 ? JWKD_OK
                                                                                        : JWKD_INTERNAL;
}
