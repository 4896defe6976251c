#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/output.h"

struct progress progress_begin(bool json)
{
    bool terminal = isatty(STDERR_FILENO);
    return (struct progress){
        .terminal = terminal, .silent = json && !terminal, .began_ns = clock_elapsed_ns()};
}

void progress_say(struct progress *progress, uint64_t news, const char *line)
{
    if (progress->silent || clock_elapsed_ns() - progress->began_ns < NS_PER_SEC) return;
    if (progress->shown && !progress->terminal && news == progress->news) return;
    progress->shown = true;
    progress->news = news;
    fputs(progress->terminal ? "\r" : "jwkctl: ", stderr);
    print_text(stderr, bytes_of_text(line));
    fputs(progress->terminal ? "\033[K" : "\n", stderr); /* clears what is left of a longer one */
}

void progress_clear(struct progress *progress)
{
    if (progress->shown && progress->terminal) fputs("\r\033[K", stderr);
}
