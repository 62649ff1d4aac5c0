// One function that is hit thousands of times on two stacks.
// stop: leaf
// contains: main

#define NOINLINE __attribute__((noinline))

static volatile long sink;

NOINLINE void leaf(int number) { sink += number; }

NOINLINE void near(int hits) {
    for (int i = 0; i < hits; i++)
        leaf(1);
}

NOINLINE void far(int hits) {
    for (int i = 0; i < hits; i++)
        leaf(2);
    sink++;
}

int main(void) {
    near(1500);
    far(1500);
    return 0;
}
