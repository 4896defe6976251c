#include "lib/connection/fork.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_uint generation;
static atomic_uint used_by; /* generation and one of the process that first used nng; 0: none has */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void in_child(void)
{
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}
/* A failure leaves children undetected; there is nobody to tell and nothing else to do. */
static void install(void)
{
    (void)pthread_atfork(NULL, NULL, in_child);
}

unsigned fork_generation(void)
{
    pthread_once(&once, install);
    return atomic_load_explicit(&generation, memory_order_relaxed);
}

bool fork_may_use_nng(void)
{
    unsigned nobody = 0, us = fork_generation() + 1;
    return atomic_compare_exchange_strong(&used_by, &nobody, us) || nobody == us;
}
