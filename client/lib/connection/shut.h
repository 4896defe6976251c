/* Closing a socket, in bounded time.
 *
 * In libnng 1.5.2 a connection that is closed between the head of a message and its body is never done with
 * (nng issue 1543): nng_close() then waits for ever. A program is not to hang for that. */
#ifndef LIB_SHUT_H
#define LIB_SHUT_H

#include <nng/nng.h>

/* Nothing may use the socket any more, and no callback of its pipes may be left. After a few seconds the
 * closing is left behind, on a thread of its own; soon, while an earlier one is. */
void shut(nng_socket socket);

#endif
