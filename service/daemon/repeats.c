#include "daemon/repeats.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

bool repeats_tell(struct repeats *repeats, const char *text, uint64_t now_ns, unsigned *out_silent)
{
    size_t place = 0;
    bool known = false;
    for (size_t i = 0; i < REPEATS_KEPT && !known; i++) {
        known = repeats->kept[i].text[0] && strncmp(repeats->kept[i].text, text, REPEATS_TEXT - 1) == 0;
        if (known || repeats->kept[i].told_ns < repeats->kept[place].told_ns) place = i;
    }
    if (known && now_ns < repeats->kept[place].told_ns + REPEATS_SEC * NS_PER_SEC) {
        repeats->kept[place].silent++;
        return false;
    }
    *out_silent = known ? repeats->kept[place].silent : 0;
    repeats->kept[place].silent = 0;
    repeats->kept[place].told_ns = now_ns;
    snprintf(repeats->kept[place].text, REPEATS_TEXT, "%s", text);
    return true;
}
