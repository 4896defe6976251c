/* Bytes that nobody can guess. Any thread; a process that was forked has its own. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

#include "base/status.h"

jwkd_status random_fill(void *out, size_t size) MUST_CHECK;

#endif
