// flags: -pthread
// stop: leaf
// chain: main > start => outer_thread > start => inner_thread > leaf
#include <pthread.h>

void leaf(void) {}

static void *inner_thread(void *unused)
{
    (void)unused;
    leaf();
    return 0;
}

static void start(void *(*function)(void *))
{
    pthread_t thread;
    pthread_create(&thread, 0, function, 0);
    pthread_join(thread, 0);
}

static void *outer_thread(void *unused)
{
    (void)unused;
    start(inner_thread);
    return 0;
}

int main(void)
{
    start(outer_thread);
    return 0;
}
