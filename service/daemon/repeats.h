/* What is said again and again is told once in ten seconds, with how often it was not told. */
#ifndef DAEMON_REPEATS_H
#define DAEMON_REPEATS_H

#include <stdbool.h>
#include <stdint.h>

enum { REPEATS_KEPT = 8, REPEATS_TEXT = 256, REPEATS_SEC = 10 };

/* Zeroed, it has told nothing. Not for two threads at once. */
struct repeats {
    struct {
        char text[REPEATS_TEXT]; /* its beginning; empty: none */
        uint64_t told_ns;
        unsigned silent;
    } kept[REPEATS_KEPT]; /* those that were told last */
};

/* Whether it is to be told now; then *out_silent is how often it came, and was not told, since it last was.
 */
bool repeats_tell(struct repeats *repeats, const char *text, uint64_t now_ns, unsigned *out_silent);

#endif
