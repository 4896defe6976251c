#include "store/engine.h"

#include "base/random.h"

#define KEY(text)                              \
    {                                          \
        (const uint8_t *)text, sizeof text - 1 \
    }
const struct bytes ENGINE_IDENTITY_KEY = KEY("\0identity");
const struct bytes ENGINE_STATE_KEY = KEY("\0state");

enum { IDENTITY_FORMAT = 1 };

int engine_compare(struct bytes a, struct bytes b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

jwkd_status engine_identity_make(
    struct authenticator *authenticator, const struct engine_identity *identity, struct buffer *out)
{
    uint8_t value[1 + STORE_ID_SIZE + ENGINE_KEY_ID_SIZE] = {IDENTITY_FORMAT};
    if (identity->key_id.size > ENGINE_KEY_ID_SIZE) return JWKD_INVALID_ARGUMENT;
    memcpy(value + 1, identity->store_id, STORE_ID_SIZE);
    memcpy(value + 1 + STORE_ID_SIZE, identity->key_id.data, identity->key_id.size);
    struct store_row row = {
        .key = ENGINE_IDENTITY_KEY,
        .value = bytes_of(value, 1 + STORE_ID_SIZE + identity->key_id.size),
    };
    return record_make(authenticator, &row, out);
}

bool engine_identity_read(struct bytes record, struct engine_identity *out)
{
    if (record.size < RECORD_HEAD_SIZE) return false;
    struct bytes value = bytes_of(record.data + RECORD_HEAD_SIZE, record.size - RECORD_HEAD_SIZE);
    if (value.size < 1 + STORE_ID_SIZE || value.size > 1 + STORE_ID_SIZE + ENGINE_KEY_ID_SIZE) return false;
    if (value.data[0] != IDENTITY_FORMAT) return false;
    memcpy(out->store_id, value.data + 1, STORE_ID_SIZE);
    out->key_id = bytes_of(value.data + 1 + STORE_ID_SIZE, value.size - 1 - STORE_ID_SIZE);
    return true;
}

jwkd_status engine_state_make(
    struct authenticator *authenticator, const struct engine_state *state, struct buffer *out)
{
    uint8_t value[ENGINE_STATE_SIZE - RECORD_HEAD_SIZE];
    put_u64(value, state->count);
    memcpy(value + 8, state->sum, RECORD_MAC_SIZE);
    struct store_row row = {
        .key = ENGINE_STATE_KEY, .value = bytes_of(value, sizeof value), .revision = state->revision};
    return record_make(authenticator, &row, out);
}

jwkd_status engine_state_open(
    struct authenticator *authenticator, struct bytes record, struct engine_state *out)
{
    struct store_row row;
    TRY(record_open(authenticator, ENGINE_STATE_KEY, record, &row));
    if (row.value.size != ENGINE_STATE_SIZE - RECORD_HEAD_SIZE) return JWKD_CORRUPT;
    out->revision = row.revision;
    out->count = get_u64(row.value.data);
    memcpy(out->sum, row.value.data + 8, RECORD_MAC_SIZE);
    return JWKD_OK;
}

jwkd_status engine_first_rows(struct authenticator *authenticator, struct bytes key_id,
    struct buffer *records, struct engine_change rows[2])
{
    struct engine_identity identity = {.key_id = key_id};
    struct engine_state state = {0};
    TRY(random_fill(identity.store_id, STORE_ID_SIZE));
    TRY(engine_identity_make(authenticator, &identity, records));
    size_t first = records->size;
    TRY(engine_state_make(authenticator, &state, records));
    rows[0] = (struct engine_change){.key = ENGINE_IDENTITY_KEY, .record = bytes_of(records->data, first)};
    rows[1] = (struct engine_change){
        .key = ENGINE_STATE_KEY,
        .record = bytes_of(records->data + first, records->size - first),
    };
    return JWKD_OK;
}

struct one {
    struct buffer *out;
    jwkd_status status;
};

static bool take_one(void *context, struct bytes key, struct bytes record)
{
    (void)key;
    struct one *one = context;
    one->status = record.size ? buffer_append_bytes(one->out, record) : JWKD_NOT_FOUND;
    return true;
}

jwkd_status engine_get_one(const struct engine_ops *ops, void *engine, struct bytes key, struct buffer *out)
{
    struct one one = {.out = out, .status = JWKD_INTERNAL};
    TRY(ops->get(engine, &key, 1, take_one, &one));
    return one.status;
}
