/* The caller of a request. */
#ifndef DOMAIN_CALLER_H
#define DOMAIN_CALLER_H

/* A transport computes it for each request. It is borrowed for the time of the request. */
struct caller {
    const char *principal; /* e.g. "uid:1000", "anonymous"; the service itself is "service:..." */
    const char *origin;    /* what the caller's share of the service is counted by: the uid, or the address */
};

#endif
