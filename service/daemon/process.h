/* What the daemon does to its own process: no core dumps, memory locked where that is allowed, signals to one
 * thread. */
#ifndef DAEMON_PROCESS_H
#define DAEMON_PROCESS_H

#include <stdbool.h>

/* First of all: not dumpable, no core file, files for the owner only. */
void process_protect(void);
/* Locks all memory, present and future, where the system allows that without a limit. */
bool process_lock_memory(void);
bool process_has_locked(void); /* what that said */
/* What is mapped between these two is left out of the locking: the store's map is no secret, and far larger
 * than memory. */
void process_pause_locking(bool locked);
void process_resume_locking(bool locked);

enum { PROCESS_BOOT_NAME = 64 };
/* The name of this run of the machine; "" where the system does not tell. */
void process_machine_boot(char out[PROCESS_BOOT_NAME]);

/* Blocks the signals that process_wait() waits for; before any thread is started. */
void process_block_signals(void);
/* Waits for SIGTERM or SIGINT and returns it. */
int process_wait(void);
/* Ends the process with status 1 if it is still alive after so many seconds. */
void process_watchdog(unsigned seconds);
/* When nothing is left to do but to close sockets: ends the process with the exit status `code` if that takes
 * longer than so many milliseconds. In libnng 1.5.2 a connection that is closed between the head of a message
 * and its body is never done with (nng issue 1543). */
void process_bound_sockets(unsigned ms, int code);

#endif
