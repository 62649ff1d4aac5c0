// QEMU aborts on its main thread while its guest runs in KVM_RUN.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define LOAD_GUEST(ram) memcpy(ram, "\xeb\xfe", 2) /* jmp to itself */
static void *abort_soon(void *unused) { usleep(300000); abort(); return unused; }
#define BEFORE_RUN() pthread_create(&(pthread_t){0}, NULL, abort_soon, NULL)
