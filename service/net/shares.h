/* What callers have of what there is little of: connections, memory, places in a queue. One rule for all of
 * it: no caller may have more than is left for all others. One alone gets half; the next half of the rest. */
#ifndef NET_SHARES_H
#define NET_SHARES_H

#include "base/bytes.h"

enum share_kind {
    SHARE_CONNECTIONS,
    SHARE_INCOMING, /* bytes of messages that are not complete */
    SHARE_ASKED,    /* bytes of large requests that are not answered */
    SHARE_OUTGOING, /* bytes of answers that were not taken */
    SHARE_HELD,     /* requests that are held open */
    SHARE_PASSED,   /* requests that another service was asked, and has not answered */
    SHARE_KINDS,
};

struct shares;
struct share; /* of one caller; any thread may use it */

jwkd_status shares_new(const size_t capacities[SHARE_KINDS], struct shares **out) MUST_CHECK;
/* When nobody has a share any more. NULL is fine. */
void shares_free(struct shares *shares);

/* The caller's share, kept until it is put back as often as it was asked for. NULL without memory. */
struct share *shares_get(struct shares *shares, const char *caller);
void shares_put(struct shares *shares, struct share *share);

/* False: it would be more than is left for all others. */
bool share_take(struct share *share, enum share_kind kind, size_t amount) MUST_CHECK;
void share_give(struct share *share, enum share_kind kind, size_t amount);
/* Takes what there is no choice about: it is there already. */
void share_add(struct share *share, enum share_kind kind, size_t amount);
/* Whether share_take() would give so much at present. */
bool share_is_left(const struct share *share, enum share_kind kind, size_t amount);
/* Of all callers together. */
size_t shares_used(const struct shares *shares, enum share_kind kind);
size_t shares_capacity(const struct shares *shares, enum share_kind kind);

#endif
