/* Cleanup by scope: `CLEANUP(buffer_clear) struct buffer b = {0};`, `AUTO(free_text) char *t = NULL;` */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/* Calls function(&variable) when the variable goes out of scope. */
#define CLEANUP(function) __attribute__((unused, cleanup(function)))

/* Defines function##_at(type *), for use with CLEANUP, from a function that takes the pointer itself
 * and accepts NULL: DEFINE_CLEANUP(struct jwk *, jwk_unref) gives CLEANUP(jwk_unref_at). */
#define DEFINE_CLEANUP(type, function)                                      \
    __attribute__((unused)) static inline void function##_at(type *pointer) \
    {                                                                       \
        function(*pointer);                                                 \
    }

__attribute__((unused)) static inline void free_at(void *pointer)
{
    free(*(void **)pointer);
}

/* For a file descriptor; -1 is none. */
__attribute__((unused)) static inline void fd_close_at(const int *fd)
{
    if (*fd >= 0) close(*fd);
}

/* Hands a pointer over: the variable becomes NULL, its cleanup does nothing. */
#define TAKE(pointer)                           \
    ({                                          \
        __typeof__(pointer) taken_ = (pointer); \
        (pointer) = NULL;                       \
        taken_;                                 \
    })

#endif
