/* One store over LMDB, open more than once, as nobody opens it: for a keyring that is not the only one who
 * writes. */
#ifndef TESTS_KEYRING_OTHERS_H
#define TESTS_KEYRING_OTHERS_H

#include "store/engine.h"

struct others;

/* With these limits from the first opening on; NULL: those of LMDB. */
struct others *others_new(const struct engine_limits *limits);
/* After its stores were closed. */
void others_free(struct others *others);
struct store *others_open(struct others *others);

/* Calls `intrude` before each of the next `times` commits of rows that begin with `prefix`, after it was
 * decided what to commit. What it commits itself is none of them. */
void others_intrude(
    struct others *others, const char *prefix, unsigned times, void (*intrude)(void *context), void *context);
/* How often rows were listed. */
unsigned others_lists(struct others *others);
#endif
