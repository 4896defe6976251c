/* What store/store.h promises, as a suite that runs over any engine. */
#ifndef TEST_STORE_CONTRACT_H
#define TEST_STORE_CONTRACT_H

#include "store/store.h"

struct contract_engine {
    const char *name;
    void *(*make)(void); /* a new, empty place */
    void (*remove)(void *place);
    struct store_options (*options)(void *place); /* of a store that may be made there */
};

/* The number of cases that failed. */
int contract_run(const struct contract_engine *engine);

#endif
