/* Connections that speak to a service or a relay by themselves, without a library that keeps to the rules. */
#ifndef BENCH_ROUGH_H
#define BENCH_ROUGH_H

#include "base/bytes.h"
#include "bench/bench.h"
#include "jwkd.pb-c.h"
#include "wire/url.h"

/* Connects to "ipc://path" or "tcp://127.0.0.1:port" and greets; over tcp as "127.0.0.`host`". -1: it could
 * not. */
int rough_dial(const char *url, unsigned host);
/* The same, greeting as REQ or as SUB does. */
enum rough_role { ROUGH_REQ = 0x30, ROUGH_SUB = 0x21 };
int rough_dial_as(const char *url, unsigned host, enum rough_role role);
/* Appends what a request is on the wire. False: no memory. */
bool rough_append(enum transport transport, const Jwkd__V1__Request *request, struct buffer *out);
/* Writes what is taken, until nothing more is taken for `patience_ms`; returns how much. */
size_t rough_write(int fd, struct bytes bytes, int patience_ms);
/* Reads one answer and throws it away. False: none came within `patience_ms`, or the connection ended. */
bool rough_read(int fd, enum transport transport, int patience_ms);
/* Reads one answer into *out, its body alone; likewise. */
bool rough_read_into(int fd, enum transport transport, int patience_ms, struct buffer *out);

#endif
