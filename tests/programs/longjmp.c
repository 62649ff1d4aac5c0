// stop: leaf
// chain: main > work > leaf
// chain: main > again > leaf
#include <setjmp.h>

static jmp_buf back;

void leaf(int value) { (void)value; }

void work(void)
{
    leaf(1);
    longjmp(back, 1);
}

void again(void) { leaf(2); }

int main(void)
{
    if (setjmp(back) == 0)
        work();
    again();
    return 0;
}
