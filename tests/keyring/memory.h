/* A storage engine in memory that fails as it is told to: what a disk does seldom and never when asked. */
#ifndef TESTS_KEYRING_MEMORY_H
#define TESTS_KEYRING_MEMORY_H

#include "store/engine.h"

struct memory;

struct memory *memory_new(void);
void memory_free(struct memory *memory);
/* A store over it; one at a time, closed before the memory is freed. */
struct store *memory_open(struct memory *memory);

/* What becomes of the next commit that writes a row whose key begins with `prefix`, and of that one alone;
 * all but the first are answered with UNAVAILABLE. */
enum memory_outcome {
    MEMORY_DONE,
    MEMORY_REFUSED,      /* nothing is written */
    MEMORY_DONE_UNKNOWN, /* everything is written */
    MEMORY_DONE_UNSEEN,  /* everything is written, and nothing can be read or written until memory_mend() */
};
void memory_next(struct memory *memory, const char *prefix, enum memory_outcome outcome);
void memory_mend(struct memory *memory);

/* From the next start on: urgent commits are durable in a note before they are carried out, and an outcome is
 * that of the carrying out. */
void memory_take_notes(struct memory *memory);

/* From the next opening on: whether the store says that it was put back from a backup. */
void memory_go_back(struct memory *memory, bool went_back);

/* While held, listings wait. */
void memory_hold(struct memory *memory, bool held);
/* How many of them do. */
unsigned memory_waiting(struct memory *memory);
/* How often rows were listed, or are being so. */
unsigned memory_lists(struct memory *memory);

/* How many rows begin with `prefix`. */
size_t memory_count(struct memory *memory, const char *prefix);
#endif
