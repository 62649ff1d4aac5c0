// flags: -fno-plt -Wl,-z,lazy
// stop: leaf
// contains: sort_them > qsort
// contains: *> compare > leaf
// The call of `qsort` goes through the linker's table and is direct all the same.
#include <stdlib.h>

void leaf(int value) { (void)value; }

static int compare(const void *left, const void *right)
{
    leaf(1);
    return *(const int *)left - *(const int *)right;
}

static void sort_them(void)
{
    int numbers[] = {2, 1};
    qsort(numbers, 2, sizeof(int), compare);
}

int main(void)
{
    sort_them();
    return 0;
}
