/* The form of principals, and of the patterns that grants have for them and for environments. */
#ifndef ACCESS_PRINCIPAL_H
#define ACCESS_PRINCIPAL_H

#include "base/bytes.h"

/* Whether something may be granted to it: "uid:1000", "account:ci", "spiffe://prod/billing", "dns:host"; or
 * all that begin alike, "*" behind ":" or "/". At most LIMIT_PRINCIPAL visible ASCII characters.
 * INVALID_ARGUMENT says what is wrong, and what would be right. */
jwkd_status principal_check(const char *principal, jwkd_error *error) MUST_CHECK;
/* Likewise for an environment: its name; "*" alone; or all that begin alike, "*" behind "-", "_" or ".". */
jwkd_status environment_pattern_check(const char *pattern, jwkd_error *error) MUST_CHECK;

/* All patterns that match a text, the most specific first: the text itself, then what ends behind one of its
 * separators, from the longest to the shortest; of an environment at last what every name begins with, "". */
struct patterns {
    struct bytes rest; /* what is looked at next */
    const char *separators;
    bool begun, ends_empty;
};
void patterns_of_principal(struct patterns *patterns, const char *principal);
void patterns_of_environment(struct patterns *patterns, const char *name);
/* False at the end. *out_prefix borrows from the text; `exact`: nothing may follow it. */
bool patterns_next(struct patterns *patterns, struct bytes *out_prefix, bool *out_exact);

#endif
