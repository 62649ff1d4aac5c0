// flags: -O2 -mindirect-branch=thunk -fcf-protection=none
// stop: leaf
// chain: main *> leaf
__attribute__((noinline)) void leaf(int value) { __asm__ volatile("" : : "r"(value)); }

int main(int argc, char **argv)
{
    void (*volatile pointer)(int) = leaf;
    (void)argv;
    pointer(argc);
    __asm__ volatile("");
    return 0;
}
