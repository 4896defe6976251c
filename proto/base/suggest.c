#include "base/suggest.h"

#include <string.h>

enum { LONGEST = 31, TOO_FAR = LONGEST + 1 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters to leave out, put in or exchange, or pairs to swap, to get from one to the other (optimal
 * string alignment). */
static size_t distance_between(const char *a, const char *b)
{
    size_t a_length = strlen(a), b_length = strlen(b), cost[LONGEST + 1][LONGEST + 1];
    if (a_length > LONGEST || b_length > LONGEST) return TOO_FAR;
    for (size_t i = 0; i <= a_length; i++)
        for (size_t j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            size_t exchanged = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            cost[i][j] = least(exchanged, least(cost[i - 1][j], cost[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    return cost[a_length][b_length];
}

void suggestion_offer(struct suggestion *suggestion, const char *name)
{
    size_t length = strlen(suggestion->word), allowed = length < 4 ? 1 : 2;
    size_t distance = distance_between(suggestion->word, name);
    if (length >= 2 && strncmp(suggestion->word, name, length) == 0) distance = least(distance, 1);
    if (distance > allowed || (suggestion->best && suggestion->distance <= distance)) return;
    suggestion->best = name;
    suggestion->distance = distance;
}
