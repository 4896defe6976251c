#include "events/registry.h"
struct registry_count registry_count(struct registry *r, uint64_t e, uint64_t v, uint64_t n){(void)r;(void)e;(void)v;(void)n;return (struct registry_count){0};}
uint64_t registry_horizon_ns(const struct registry *r){(void)r;return 0;}
bool registry_knows_all(const struct registry *r, uint64_t n){(void)r;(void)n;return true;}
bool registry_close_if_nobody(struct registry *r, uint64_t e, uint64_t n){(void)r;(void)e;(void)n;return true;}
void registry_reopen(struct registry *r){(void)r;}
