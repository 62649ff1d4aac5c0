// Not traced for chains: see test_ledger.py.
// flags: -pthread
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

static volatile int done;

static void handler(int number) { (void)number; }

static void *disturb(void *whom)
{
    while (!done) {
        pthread_kill(*(pthread_t *)whom, SIGUSR1); /* sooner or later while it stands before its first instruction */
        usleep(300);
    }
    return 0;
}

int main(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, 0);
    pthread_t me = pthread_self(), other;
    pthread_create(&other, 0, disturb, &me);
    int kvm = open("/dev/kvm", O_RDWR);
    for (long again = 0; again < 40; again++)
        ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY); /* the same each time: nothing but the call tells them apart */
    done = 1;
    pthread_join(other, 0);
    return 0;
}
