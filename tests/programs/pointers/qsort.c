// none: pointers that a library calls through are not traced
// A callback of a library: the pointer goes through code that is not the program's.
#include <stdlib.h>

__attribute__((noipa)) int leaf(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

int main(void)
{
    int numbers[] = {2, 1};
    qsort(numbers, 2, sizeof *numbers, leaf);
    return numbers[0] != 1;
}
