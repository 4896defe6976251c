/* Why something was denied: the last denials, each with an id that the caller was told, so that an auditor
 * can say what the caller was not. In memory only. */
#ifndef OPERATIONS_DENIALS_H
#define OPERATIONS_DENIALS_H

#include "access/caller.h"
#include "base/bytes.h"

enum { DENIAL_ID = 10, DENIALS_KEPT = 1024 };

struct denial {
    char id[DENIAL_ID + 1];
    int64_t at; /* 0: there is none */
    char principal[LIMIT_PRINCIPAL + 1], transport_principal[LIMIT_PRINCIPAL + 1], origin[64];
    char operation[32], environment[LIMIT_ENVIRONMENT_NAME + 1], reason[160];
};

struct denials;

struct denials *denials_new(void);          /* NULL when memory is short */
void denials_free(struct denials *denials); /* NULL is fine */
/* Keeps it in the place of the oldest. `out_id` receives its id; "" without random bytes: then it is not
 * kept. */
void denials_add(struct denials *denials, const struct caller *caller, const char *operation,
    const char *environment, const char *reason, char out_id[DENIAL_ID + 1]);
/* NOT_FOUND. */
jwkd_status denials_find(struct denials *denials, const char *id, struct denial *out) MUST_CHECK;

#endif
