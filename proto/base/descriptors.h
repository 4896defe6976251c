/* The descriptors of the process. */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H

#include <stdbool.h>

/* First of all in main(): opens /dev/null on those of 0, 1 and 2 that are closed. Otherwise the next file or
 * socket gets the number, and what is written to standard output or error goes into it. They are opened the
 * wrong way round, so that whoever uses one is told that it failed, as if it was closed. False: it cannot be.
 */
bool descriptors_hold_standard(void);

#endif
