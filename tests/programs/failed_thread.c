// flags: -pthread
// stop: leaf
// chain: main > good => thread > leaf
// The second pthread_create fails and leaves the first one's handle where it was: it has created nothing.
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>

static pthread_t handle;
static sem_t tried;

void leaf(void) {}

static void *thread(void *unused)
{
    sem_wait(&tried);
    leaf();
    return unused;
}

static void good(void) { pthread_create(&handle, NULL, thread, NULL); }

static void bad(void)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)1 << 46); /* more than there is: EAGAIN */
    pthread_create(&handle, &attributes, thread, NULL);
}

int main(void)
{
    sem_init(&tried, 0, 0);
    good();
    bad();
    sem_post(&tried);
    pthread_join(handle, NULL);
    return 0;
}
