/* An immutable set of kids: those of deactivated keys, which must be told from keys never heard of. It grows
 * by one at a time and is shared by every state that holds the same. */
#ifndef JOSE_KID_SET_H
#define JOSE_KID_SET_H

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/status.h"

/* Immutable, reference counted, shared by any number of threads. NULL is the empty set everywhere below. */
struct kid_set;

/* Of `count` kids, which are copied; naming one twice is naming it once. */
jwkd_status kid_set_new(const struct bytes *kids, size_t count, struct kid_set **out) MUST_CHECK;
/* `set` and `kid`: the same set, with a reference more, where that contains it already. One copy of the
 * memory, no search for each. */
jwkd_status kid_set_with(struct kid_set *set, struct bytes kid, struct kid_set **out) MUST_CHECK;
bool kid_set_contains(const struct kid_set *set, struct bytes kid);
size_t kid_set_count(const struct kid_set *set);

struct kid_set *kid_set_ref(struct kid_set *set); /* NULL gives NULL */
void kid_set_unref(struct kid_set *set);          /* NULL is fine */
DEFINE_CLEANUP(struct kid_set *, kid_set_unref)

#endif
