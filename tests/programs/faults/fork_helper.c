// QEMU forks a helper, which calls a recorded function and outlives QEMU.
#include <unistd.h>
static void start_helper(void);
#define BEFORE_ACCELERATOR() start_helper()
__attribute__((noinline)) void helper_work(void) { __asm__ volatile(""); }
static void start_helper(void)
{
    if (fork() == 0) {
        helper_work();
        sleep(60);
        _exit(0);
    }
}
