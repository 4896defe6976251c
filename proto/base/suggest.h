/* "Did you mean ...?" */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

/* What was written, and the name offered so far that is nearest to it, if one is near enough: of one or two
 * slips, or what it is the beginning of. */
struct suggestion {
    const char *word;
    const char *best; /* NULL: none yet */
    size_t distance;
};
void suggestion_offer(struct suggestion *suggestion, const char *name);

#endif
