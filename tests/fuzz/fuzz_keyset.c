#include "fuzz.h"

#include "jose/keyset.h"

static void check(const struct keyset *set)
{
    struct buffer text = {0};
    struct keyset *again = NULL;
    for (size_t i = 0; i < keyset_count(set); i++) {
        const struct jwk *found = NULL;
        MUST(keyset_find(set, bytes_of_text(jwk_kid(keyset_at(set, i))), &found) == KEY_LIVE);
        MUST(found == keyset_at(set, i));
    }
    MUST(keyset_json(set, &text) == JWKD_OK);
    MUST(keyset_from_json(buffer_bytes(&text), &(struct keyset_rules){0}, &again, NULL) == JWKD_OK);
    MUST(keyset_count(again) == keyset_count(set));
    keyset_unref(again);
    buffer_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int lenient = 0; lenient < 2; lenient++) {
        const struct keyset_rules rules = {.default_alg = ALG_RS256, .skip_unusable = lenient};
        struct keyset *set = NULL;
        jwkd_error error = {0};
        if (keyset_from_json(bytes_of(data, size), &rules, &set, &error) != JWKD_OK) {
            MUST(set == NULL && error.message[0]);
            continue;
        }
        check(set);
        keyset_unref(set);
    }
    return 0;
}
