/* Has the service make keys when the test says so. For a program that is linked with it (CMakeLists.txt). */
#ifndef TESTS_KEYRING_MAKING_H
#define TESTS_KEYRING_MAKING_H

#include <stdbool.h>

/* While it is held, no key is made; a keyring that closes does not wait for one. */
void making_hold(bool held);

#endif
