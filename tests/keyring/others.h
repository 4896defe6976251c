/* One store over LMDB that is opened more than once, which the service never does: for a keyring that is not
 * the only writer. */
#ifndef TESTS_KEYRING_OTHERS_H
#define TESTS_KEYRING_OTHERS_H

#include "store/engine.h"

struct others;

/* With these limits from the first opening on; NULL: those of LMDB. */
struct others *others_new(const struct engine_limits *limits);
/* After its stores were closed. */
void others_free(struct others *others);
struct store *others_open(struct others *others);

/* Calls `intrude` before each of the next `times` commits of rows that begin with `prefix`, after the keyring
 * has decided what to commit. Commits by `intrude` itself do not count. */
void others_intrude(
    struct others *others, const char *prefix, unsigned times, void (*intrude)(void *context), void *context);
/* While it is set, answers to several changes cannot be read in one call, as if one of them were damaged. */
void others_damage_answers(struct others *others, bool damaged);
/* How often rows were read by their keys, in one call or another. */
unsigned others_gets(struct others *others);
#endif
