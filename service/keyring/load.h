/* From the rows of the store to the first snapshot. */
#ifndef KEYRING_LOAD_H
#define KEYRING_LOAD_H

#include "keyring/state.h"

/* CORRUPT says which row. */
jwkd_status keyring_load(struct keyring *keyring, jwkd_error *error) MUST_CHECK;

#endif
