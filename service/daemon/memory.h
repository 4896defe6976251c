/* Memory that was needed once goes back to the system. Locked memory can be given back as a mapping of its
 * own, or at the end of the heap, but not from its middle: so there is one heap, what is large is mapped, and
 * the heap is unlocked for the moment in which its middle is given back. Private keys are not in it
 * (signer/heap.h). */
#ifndef DAEMON_MEMORY_H
#define DAEMON_MEMORY_H

/* Once, before the first thread. */
void memory_begin(void);
/* Gives back what has become free since the last time, if that is much. From one thread, now and then. */
void memory_give_back(void);

#endif
