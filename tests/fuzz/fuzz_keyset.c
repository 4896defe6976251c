#include "fuzz.h"

#include "base/limits.h"
#include "jose/keyset.h"

/* What is written is read as the same set, of which everything can be used. */
static void check(const struct keyset *set, bool foreign)
{
    struct buffer text = {0};
    struct keyset *again = NULL;
    for (size_t i = 0; i < keyset_count(set); i++) {
        struct key_run run = {0};
        MUST(keyset_find_all(set, bytes_of_text(jwk_kid(keyset_at(set, i))), &run) == KEY_LIVE);
        bool found = false;
        for (size_t j = 0; j < run.count; j++)
            found |= run.keys[j] == keyset_at(set, i);
        MUST(found);
    }
    MUST(keyset_json(set, &text) == JWKD_OK);
    MUST(keyset_from_json(
             buffer_bytes(&text), &(struct keyset_rules){.foreign = foreign}, &again, NULL, NULL) == JWKD_OK);
    MUST(keyset_count(again) == keyset_count(set));
    keyset_unref(again);
    buffer_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int foreign = 0; foreign < 2; foreign++) {
        const struct keyset_rules rules = {
            .foreign = foreign, .default_algs = ALG_BIT(ALG_RS256) | (foreign ? ALG_BIT(ALG_PS256) : 0)};
        struct skipped_keys skipped = {0};
        struct keyset *set = NULL;
        jwkd_error error = {0};
        if (keyset_from_json(bytes_of(data, size), &rules, &set, &skipped, &error) != JWKD_OK) {
            MUST(set == NULL && skipped.count == 0 && error.message[0]);
            continue;
        }
        check(set, foreign);
        for (size_t i = 0; i < skipped.count; i++)
            MUST(skipped.items[i].reason[0] && skipped.items[i].index < LIMIT_KEYSET_KEYS);
        skipped_keys_clear(&skipped);
        keyset_unref(set);
    }
    return 0;
}
