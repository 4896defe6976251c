/* What a rule is made of. Nobody outside this folder includes this. */
#ifndef DOMAIN_RULE_PARTS_H
#define DOMAIN_RULE_PARTS_H

#include <stdatomic.h>

#include "base/limits.h"
#include "domain/rule.h"

enum rule_operator { RULE_EQUALS, RULE_ONE_OF, RULE_PREFIX, RULE_WORDS_OF, RULE_ABSENT, RULE_SET };
enum { RULE_OPERATORS = RULE_SET + 1 };

const char *rule_operator_name(enum rule_operator kind);

struct rule_claim {
    struct bytes name;
    enum rule_operator kind;
    int value; /* the operator's, a node of the rule */
    bool optional;
    bool is_principal; /* the value to be set is the caller's principal */
};

/* One block, and its claims. */
struct rule {
    atomic_uint references;
    struct json json; /* of `text` */
    struct rule_claim *claims;
    size_t claim_count;
    int audiences, types; /* nodes of lists, JSON_NONE where the rule has none */
    int64_t max_ttl_sec;
    bool refuses_other;
    size_t size;
    uint8_t text[];
};

/* A name that a caller chose, as it stands in a message: its beginning, '?' for control characters. */
struct rule_shown {
    char text[64];
};
struct rule_shown rule_show(struct bytes name);

/* ---- reading */

/* Where in a rule something stands, for messages: "claims.sub.prefix". */
struct rule_place {
    char text[96];
};
/* INVALID_ARGUMENT, with the place before it. */
jwkd_status rule_refuse(struct rule_place place, const char *what, jwkd_error *error);

/* A kind of list of texts. */
struct rule_list {
    uint32_t most;
    bool (*fits)(struct bytes text);
    const char *what;
};
extern const struct rule_list RULE_TEXTS, RULE_WORDS, RULE_AUDIENCES, RULE_TYPES;
/* INVALID_ARGUMENT unless the node is a list of that kind, of one text at least. */
jwkd_status rule_check_list(const struct json *json, int node, const struct rule_list *kind,
    struct rule_place place, jwkd_error *error) MUST_CHECK;

/* The rule's member `claims`. */
jwkd_status rule_read_claims(
    struct rule *rule, int node, struct rule_place place, jwkd_error *error) MUST_CHECK;

#endif
