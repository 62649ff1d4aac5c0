// QEMU prints 100 MB to each of its output streams.
#include <string.h>
#include <unistd.h>
static void print_much(void)
{
    static char block[1 << 20];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 100; i++)
        if (write(1, block, sizeof block) < 0 || write(2, block, sizeof block) < 0)
            return;
}
#define BEFORE_RUN() print_much()
