// Runs until it is killed, with a child thread: for tests of interrupting and of cleaning up.
// flags: -pthread
#include <pthread.h>
#include <unistd.h>

void tick(void) { usleep(1000); }

static void *idle(void *unused)
{
    for (;;)
        pause();
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, idle, 0);
    for (;;)
        tick();
}
