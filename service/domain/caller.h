/* Who asks. */
#ifndef DOMAIN_CALLER_H
#define DOMAIN_CALLER_H

/* Computed by the transport for each request; borrowed for its time. */
struct caller {
    const char *principal; /* e.g. "uid:1000", "anonymous"; the service itself is "service:..." */
    const char *origin;    /* by whom it shares with others what the service has: the uid, or the address */
};

#endif
