/* What goes on while a person waits: one line on standard error, from the second second on. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool terminal; /* the line is written anew in place; otherwise it is told again when it is news */
    bool silent;   /* JSON, and nobody is looking */
    bool shown;
    uint64_t began_ns, news;
};

struct progress progress_begin(bool json);
/* `news`: another number than before says that there is more to tell than another time. */
void progress_say(struct progress *progress, uint64_t news, const char *line);
/* Makes room for a line of output, or for what follows. */
void progress_clear(struct progress *progress);

#endif
