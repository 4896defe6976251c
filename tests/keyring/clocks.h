/* Both clocks as a test sets them, and as nothing else does. A program that is linked with it has the service
 * read these (CMakeLists.txt). */
#ifndef TESTS_KEYRING_CLOCKS_H
#define TESTS_KEYRING_CLOCKS_H

#include "keyring/ring.h"

/* For each test anew. From now on they stand still. */
void clocks_reset(void);
/* Sets the wall clock forward, or back, as an operator might. */
void clocks_set_wall(int64_t by_sec);
/* Time passes. */
void clocks_pass(int64_t sec);
/* Returns once the writer has looked what is due by now. */
void clocks_look(struct ring *ring);

#endif
