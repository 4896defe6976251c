/* The part of the JSON reader that finds duplicate member names. */
#ifndef JOSE_JSON_NAMES_H
#define JOSE_JSON_NAMES_H

#include "jose/json.h"

/* MALFORMED when the object at `object` has two members of one name; NO_MEMORY. n log n at worst. */
jwkd_status json_check_names(const struct json *json, uint32_t object) MUST_CHECK;

#endif
