/* From an operation to the use case that answers it. */
#ifndef OPERATIONS_USE_CASES_H
#define OPERATIONS_USE_CASES_H

#include "keyring/keyring.h"

/* NULL for changes, which the keyring's writer carries out, and for hello, which the door answers itself. */
keyring_use_case *use_case_of(const Jwkd__V1__Request *request);

#endif
