// flags: -O2
// stop: leaf
// chain: main i> middle i> inner > leaf
__attribute__((noinline)) void leaf(int value) { __asm__ volatile("" : : "r"(value)); }
static inline __attribute__((always_inline)) void inner(int value) { leaf(value + 1); __asm__ volatile(""); }
static inline __attribute__((always_inline)) void middle(int value) { inner(value * 2); __asm__ volatile(""); }

int main(int argc, char **argv)
{
    (void)argv;
    middle(argc);
    return 0;
}
