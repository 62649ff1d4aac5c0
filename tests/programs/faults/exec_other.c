// QEMU is replaced by another program.
#include <unistd.h>
#define BEFORE_RUN() execl("/bin/sleep", "sleep", "0.3", (char *)NULL)
