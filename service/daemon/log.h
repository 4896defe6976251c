/* Structured log lines on standard error. Libraries never log: whoever gives up logs once, here. */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Once, before threads. `level` as in the configuration. */
void log_open(const char *level, bool json);

/* One line: a sentence, then fields as name, value pairs of C strings, ended by NULL. Never secrets. Values
 * may come from anywhere: what a terminal or a parser would not take for text is escaped, what does not fit
 * is left out. Any thread. */
void log_write(enum log_level level, const char *message, ...) __attribute__((sentinel));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__, NULL)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__, NULL)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__, NULL)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__, NULL)

#endif
