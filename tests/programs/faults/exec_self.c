// QEMU executes itself once, as a restart does.
#include <stdlib.h>
#include <unistd.h>
#define BEFORE_RUN() (getenv("EXECUTED") ? 0 : setenv("EXECUTED", "1", 1) || execl("/proc/self/exe", "qemu", (char *)NULL))
