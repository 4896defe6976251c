#include "keyring/pending.h"

jwkd_status pending_new(const Jwkd__V1__Request *request, const char *principal,
    const uint8_t digest[OPERATION_DIGEST_SIZE], uint64_t environment_id, struct pending **out)
{
    if (request->request_id.len != LIMIT_REQUEST_ID) return JWKD_INVALID_ARGUMENT;
    CLEANUP(pending_free_at) struct pending *pending = calloc(1, sizeof *pending);
    if (!pending) return JWKD_NO_MEMORY;
    pending->environment_id = environment_id;
    pending->principal = bytes_to_text(bytes_of_text(principal));
    if (!pending->principal) return JWKD_NO_MEMORY;
    memcpy(pending->request_id, request->request_id.data, sizeof pending->request_id);
    memcpy(pending->digest, digest, sizeof pending->digest);
    TRY(pending_pack(request, &pending->request));
    *out = TAKE(pending);
    return JWKD_OK;
}

void pending_free(struct pending *pending)
{
    if (!pending) return;
    free(pending->principal);
    buffer_clear(&pending->request);
    buffer_clear(&pending->shown);
    free(pending);
}

void pending_free_all(struct pending *list)
{
    for (struct pending *next; list; list = next) {
        next = list->next;
        pending_free(list);
    }
}

struct pending **pending_find(struct pending **list, const char *principal, struct bytes request_id)
{
    for (; *list; list = &(*list)->next)
        if (bytes_equal(bytes_of((*list)->request_id, LIMIT_REQUEST_ID), request_id) &&
            strcmp((*list)->principal, principal) == 0)
            break;
    return list;
}

jwkd_status pending_pack(const Jwkd__V1__Request *request, struct buffer *out)
{
    Jwkd__V1__Request kept = JWKD__V1__REQUEST__INIT;
    kept.version = request->version;
    kept.request_id = request->request_id;
    kept.operation_case = request->operation_case;
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_ROTATE) {
        Jwkd__V1__RotateRequest rotation = *request->rotate;
        rotation.base.n_unknown_fields = 0;
        kept.rotate = &rotation;
        return wire_pack(&kept.base, out);
    }
    Jwkd__V1__GenerateRequest generation = *request->generate;
    generation.base.n_unknown_fields = 0;
    kept.generate = &generation;
    return wire_pack(&kept.base, out);
}
