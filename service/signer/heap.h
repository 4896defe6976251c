/* OpenSSL's memory, as far as private keys pass through it. */
#ifndef SIGNER_HEAP_H
#define SIGNER_HEAP_H

#include "base/status.h"

/* What it means that an OpenSSL call failed which had no reason to: NO_MEMORY when the secure heap (or any
 * memory) is short, else INTERNAL. Empties OpenSSL's error queue. */
jwkd_status heap_failure(void) MUST_CHECK;

#endif
