/* Numbers, durations and moments as people write and read them. */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include "base/bytes.h"

/* Decimal digits only. INVALID_ARGUMENT for anything else and above 2^32 - 1. */
jwkd_status number_parse(struct bytes text, uint32_t *out) MUST_CHECK;

/* "90" and "90s", "15m", "1h", "7d": one number and at most one unit. INVALID_ARGUMENT for anything else and
 * for more than 2^32 - 1 seconds. */
jwkd_status duration_parse(struct bytes text, uint32_t *out_sec) MUST_CHECK;

enum { MOMENT_SIZE = 32 };

/* "15m", in the largest unit that divides it: what duration_parse() reads. */
void duration_format(uint32_t duration_sec, char out[MOMENT_SIZE]);
/* "0.8 ms", "250 ms", "3.1 s", "42 s": two or three digits, cut off. */
void elapsed_format(uint64_t elapsed_us, char out[MOMENT_SIZE]);
/* "2026-01-31T12:00:00Z" (RFC 3339); false where the calendar ends. */
bool moment_in_calendar(int64_t at, char out[MOMENT_SIZE]);
/* Likewise; the bare number where the calendar ends. */
void moment_format(int64_t at, char out[MOMENT_SIZE]);
/* "3m ago", "in 2h", "now": whole units, cut off. */
void moment_format_age(int64_t at, int64_t now, char out[MOMENT_SIZE]);

#endif
