/* The writer: the one thread that changes anything; what it does, and when. */
#ifndef KEYRING_WRITER_H
#define KEYRING_WRITER_H

#include "keyring/state.h"

jwkd_status writer_open(struct keyring *keyring) MUST_CHECK;
void writer_close(struct keyring *keyring);
jwkd_status writer_start(struct keyring *keyring, jwkd_error *error) MUST_CHECK;
void writer_stop(struct keyring *keyring);

#endif
