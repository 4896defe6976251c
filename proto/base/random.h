/* Bytes that nobody can guess, from the kernel. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

#include "base/status.h"

/* At most 256 of them. Any thread. */
jwkd_status random_fill(void *out, size_t size) MUST_CHECK;

#endif
