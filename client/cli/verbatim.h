/* JSON that somebody signed, shown in its own spelling: a number stays as it is written, however large or
 * exact. */
#ifndef CLI_VERBATIM_H
#define CLI_VERBATIM_H

#include "base/bytes.h"

/* Appends JSON text, which the library has read and found in order: without white space, or with `indent` a
 * line a member. What is not ASCII in strings is escaped, as in all our JSON; nothing else changes. */
jwkd_status verbatim_append(struct buffer *out, struct bytes json, bool indent) MUST_CHECK;

#endif
