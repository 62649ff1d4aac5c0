// QEMU becomes a daemon: a child goes on, the parent ends.
#include <unistd.h>
static void become_daemon(void);
#define BEFORE_ACCELERATOR() become_daemon()
static void become_daemon(void)
{
    if (fork() > 0)
        _exit(0);
    setsid();
    sleep(60);
}
