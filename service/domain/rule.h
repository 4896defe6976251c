/* A claim rule: what the holder of a signer grant may put into a token. Pure: no clock, no I/O, no lock.
 *
 *   {"claims": {"sub":   {"prefix": "acct-"},
 *               "scope": {"words_of": ["read", "write"], "optional": true},
 *               "azp":   {"set": "{principal}"}},
 *    "aud": ["orders", "ledger"], "types": ["at+jwt"], "max_ttl": "10m", "other": "refuse"}
 *
 * Every member may be left out.
 *
 * claims   Claims of the top level, each with one operator. A claim must be there and fit; with "optional":
 *          true it may be absent.
 *            equals    any JSON: the claim has the same value (json_same)
 *            one_of    a list of texts: the claim is one of them, or an array of such that is not empty
 *            prefix    a text: the claim begins with it, or is an array, not empty, of texts that do; ""
 *                      allows any text
 *            words_of  a list of words: the claim is a text of words, one space between two, each of them
 *                      listed (RFC 6749 section 3.3); the empty text is none
 *            absent    true: the claim must not be there
 *            set       any JSON, where "{principal}" is the caller's: added if the claim is absent; the same
 *                      value is kept, another one refused
 *          Texts are compared decoded, byte by byte. What is neither a text nor an array of texts fits
 *          `equals` and `set` only.
 * aud      Audiences: the token has at least one, and no other. The environment's default is judged as any.
 * types    Media types, of which typ is one (jwt_same_type). Left out: at+jwt and JWT.
 * max_ttl  The longest lifetime, from "1s" to "366d". The caller of jwt_prepare() lowers the policy to it.
 * other    What becomes of claims that the rule does not name: "allow", which is meant where it is left out,
 *          or "refuse". iss, iat, nbf, exp and jti are not meant; aud is, unless the rule names it.
 *
 * Where the environment has no issuer, a token has an iss only if `claims` names it. */
#ifndef DOMAIN_RULE_H
#define DOMAIN_RULE_H

#include "base/cleanup.h"
#include "jose/json.h"

/* Immutable, reference counted, shared by any number of threads. */
struct rule;

/* Takes a copy of the text: at most LIMIT_RULE bytes, LIMIT_RULE_CLAIMS claims, LIMIT_RULE_TYPES types, and
 * LIMIT_RULE_VALUES values in another list. No list is empty. INVALID_ARGUMENT says which member is wrong and
 * what it should be; MALFORMED: no JSON object, or a member twice, and where. Refused are also unknown
 * members; `aud` both in the rule and in its `claims`; a text with a brace in what is set, but for
 * "{principal}"; `optional` with `set` or `absent`; an operator that no token could meet, as `prefix` for
 * exp; and a value to be set that would break the token, as a number for sub. */
jwkd_status rule_parse(struct bytes json, struct rule **out, jwkd_error *error) MUST_CHECK;

struct rule *rule_ref(struct rule *rule); /* NULL is fine */
void rule_unref(struct rule *rule);       /* NULL is fine */
DEFINE_CLEANUP(struct rule *, rule_unref)

/* The text as it was given. */
struct bytes rule_json(const struct rule *rule);
/* 0: the rule has none. Caps the environment's longest lifetime, and with it the default. */
int64_t rule_max_ttl_sec(const struct rule *rule);
/* Whether it can be the rule of a grant to sign payloads, which have no claims: it has types, and nothing
 * else. */
bool rule_is_for_raw(const struct rule *rule);

/* Borrowed. */
struct rule_subject {
    const char *principal; /* the caller's */
    struct bytes type;     /* typ, as it will stand in the header */
    bool has_issuer;       /* the environment has one, and iss is it */
};

/* Judges claims as jwt_prepare() has written them, parsed by json_parse(). Appends to `out_added` the members
 * that are set, each with a comma behind it, to be put right behind the opening brace. DENIED names the claim
 * and the operator, and nothing of what the rule allows; INVALID_ARGUMENT: more than LIMIT_CLAIMS bytes with
 * what is added. `out_added` is untouched on failure. */
jwkd_status rule_judge(const struct rule *rule, const struct rule_subject *subject, const struct json *claims,
    struct buffer *out_added, jwkd_error *error) MUST_CHECK;
/* Judges the type alone: of a payload. */
jwkd_status rule_judge_type(const struct rule *rule, struct bytes type, jwkd_error *error) MUST_CHECK;

#endif
