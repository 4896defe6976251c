#include "fuzz.h"

#include "keyring/model/message.h"
#include "keyring/records/rows.h"

static const uint8_t EPOCH[16] = {1};

/* What was read is stored the same, and read once more. */
static void check_environment(const struct ring_environment *environment)
{
    struct environment_message message;
    struct ring_environment *again;
    CLEANUP(buffer_clear) struct buffer first = {0}, second = {0};
    message_environment(environment, EPOCH, &message);
    MUST(wire_pack(&message.environment.base, &first) == JWKD_OK);
    const struct store_row row = {.value = buffer_bytes(&first)};
    MUST(rows_read_environment(&row, &again) == JWKD_OK);
    message_environment(again, EPOCH, &message);
    MUST(wire_pack(&message.environment.base, &second) == JWKD_OK);
    MUST(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    ring_environment_unref(again);
}

static void check_key(struct ring_key *key)
{
    struct ring_environment *environment = ring_environment_new(1);
    Jwkd__V1__Key message;
    CLEANUP(buffer_clear) struct buffer packed = {0};
    MUST(environment && ring_environment_add(environment, ring_key_ref(key)) == JWKD_OK);
    MUST(ring_environment_find(environment, jwk_kid(key->jwk)) == 0);
    MUST(key->state == KEY_ACTIVE || key->state == KEY_DEACTIVATED || key->state == KEY_DESTROYED);
    message_key(environment, 0, true, &message);
    MUST(wire_pack(&message.base, &packed) == JWKD_OK);
    ring_environment_unref(environment);
}

static void check_ready_key(const struct ready_key *key)
{
    MUST(key->type && key->stored && jwk_kid(key->jwk)[0] != '\0');
}

/* Reads the input as the value of a row of each kind. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct store_row row = {.value = bytes_of(data, size), .revision = 1};
    struct ring_environment *environment = NULL;
    struct ring_key *key = NULL;
    struct ready_key *ready = NULL;
    struct reach ceiling;
    bool primary;
    if (size > LIMIT_STORE_VALUE) return 0; /* the store takes no more */
    if (rows_read_environment(&row, &environment) == JWKD_OK) check_environment(environment);
    if (rows_read_key(&row, &key, &primary) == JWKD_OK) check_key(key);
    jwkd_status status = rows_read_ceiling(&row, &ceiling);
    MUST(status == JWKD_OK || status == JWKD_CORRUPT);
    if (rows_read_ready_key(&row, &ready) == JWKD_OK) check_ready_key(ready);
    ring_environment_unref(environment);
    ring_key_unref(key);
    ready_key_free(ready);
    return 0;
}
