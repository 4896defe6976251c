/* Who follows an environment, for people and as JSON. */
#ifndef CLI_SUBSCRIBER_H
#define CLI_SUBSCRIBER_H

#include "cli/output.h"

/* "refuse" or "serve": what it does with tokens when its keys are too old. */
const char *subscriber_on_stale(const jwkd_subscriber *subscriber);
json_t *subscriber_json(const jwkd_subscriber *subscriber);
/* Enough of its instance to tell one from another of the same name. */
enum { SHORT_INSTANCE = 8 };

#endif
