#include "keyring/reply.h"

void reply_init(struct reply *reply, const Jwkd__V1__Request *request)
{
    reply->message = (Jwkd__V1__Reply)JWKD__V1__REPLY__INIT;
    reply->message.version = WIRE_VERSION;
    if (request) reply->message.request_id = request->request_id;
    reply->request = request;
    reply->snapshot = NULL;
    reply->shown_once = false;
    reply->entry = NULL;
    arena_init(&reply->arena, LIMIT_REPLY);
}

void reply_clear(struct reply *reply)
{
    arena_clear(&reply->arena);
    snapshot_unref(reply->snapshot);
    reply->snapshot = NULL;
    access_entry_unref(reply->entry);
    reply->entry = NULL;
}

void reply_keep(struct reply *reply, struct access_entry *entry)
{
    access_entry_unref(reply->entry);
    reply->entry = access_entry_ref(entry);
}

void reply_fail(struct reply *reply, jwkd_status status, const jwkd_error *error)
{
    reply->message.result_case = JWKD__V1__REPLY__RESULT__NOT_SET;
    reply->message.status = (Jwkd__V1__Status)wire_status_for(reply->request, status);
    const char *message = error && error->message[0] ? error->message : jwkd_status_text(status);
    char *copy = arena_text(&reply->arena, bytes_of_text(message));
    reply->message.message = copy ? copy : wire_text("");
}

void *reply_alloc(struct reply *reply, size_t size)
{
    return arena_alloc(&reply->arena, size);
}

void *reply_array(struct reply *reply, size_t count, size_t item_size, void *out_items)
{
    char *items = arena_alloc(&reply->arena, count * item_size);
    void **pointers = arena_alloc(&reply->arena, (count + 1) * sizeof *pointers);
    if (!items || !pointers) return NULL;
    for (size_t i = 0; i < count; i++)
        pointers[i] = items + i * item_size;
    memcpy(out_items, &items, sizeof items);
    return pointers;
}
