// stop: leaf
// chain: coroutine > leaf
// As in QEMU's coroutines: a stack of its own whose outermost return address is 0.
#include <stdlib.h>
#include <ucontext.h>

static ucontext_t caller, callee;

void leaf(int value) { (void)value; }

static void coroutine(void)
{
    leaf(1);
    swapcontext(&callee, &caller);
}

static void trampoline(void)
{
    __asm__ volatile("push $0\n\tjmp *%0" : : "r"(coroutine));
}

int main(void)
{
    getcontext(&callee);
    callee.uc_stack.ss_size = 65536;
    callee.uc_stack.ss_sp = malloc(65536);
    makecontext(&callee, trampoline, 0);
    swapcontext(&caller, &callee);
    return 0;
}
