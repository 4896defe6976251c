#include "domain/rule_parts.h"

#include "base/utf8.h"

const char *rule_operator_name(enum rule_operator kind)
{
    static const char *const NAMES[RULE_OPERATORS] = {[RULE_EQUALS] = "equals",
        [RULE_ONE_OF] = "one_of",
        [RULE_PREFIX] = "prefix",
        [RULE_WORDS_OF] = "words_of",
        [RULE_ABSENT] = "absent",
        [RULE_SET] = "set"};
    return NAMES[kind];
}

/* Terminals take U+0080 to U+009F for commands, too. */
static bool is_control(const uint8_t *character)
{
    return character[0] < 0x20 || character[0] == 0x7f || (character[0] == 0xc2 && character[1] < 0xa0);
}

struct rule_shown rule_show(struct bytes name)
{
    struct rule_shown shown = {{0}};
    size_t at = 0;
    for (size_t i = 0; i < name.size;) {
        size_t size = utf8_size(name.data + i, name.size - i);
        bool plain = size > 0 && !is_control(name.data + i);
        size_t written = plain ? size : 1;
        if (at + written >= sizeof shown.text) break;
        memcpy(shown.text + at, plain ? (const char *)name.data + i : "?", written);
        at += written;
        i += size ? size : 1;
    }
    return shown;
}

struct rule *rule_ref(struct rule *rule)
{
    if (rule) atomic_fetch_add_explicit(&rule->references, 1, memory_order_relaxed);
    return rule;
}

void rule_unref(struct rule *rule)
{
    if (!rule || atomic_fetch_sub_explicit(&rule->references, 1, memory_order_acq_rel) != 1) return;
    json_clear(&rule->json);
    free(rule->claims);
    free(rule);
}

struct bytes rule_json(const struct rule *rule)
{
    return bytes_of(rule->text, rule->size);
}

int64_t rule_max_ttl_sec(const struct rule *rule)
{
    return rule->max_ttl_sec;
}

bool rule_is_for_raw(const struct rule *rule)
{
    return rule->types != JSON_NONE && rule->json.nodes[JSON_ROOT].children == 1;
}
