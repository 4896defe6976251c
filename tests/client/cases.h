/* cmocka, in the order in which its headers and ours agree. */
#ifndef TESTS_CLIENT_CASES_H
#define TESTS_CLIENT_CASES_H

#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#endif
