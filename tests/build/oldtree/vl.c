#include <stdio.h>
#include "qapi-types.h"

int ram_size; /* and once more in hw/pc.c */

int main(int argc, char **argv)
{
    pc_init(argc); /* declared nowhere */
    printf("QEMU emulator version " VERSION ", %d run states, %d\n", QAPI_RUN_STATES, ram_size);
    return argv == NULL;
}
