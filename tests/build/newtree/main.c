#include <stdio.h>
#include "gate.h"

int accel(void), block(void), chardev(void), hw(void), qom(void), ui(void);

int main(void)
{
    int parts = accel() + block() + chardev() + hw() + qom() + ui();
    printf("QEMU emulator version " VERSION ", %d parts, gate %d\n", parts, GATE);
    return 0;
}
