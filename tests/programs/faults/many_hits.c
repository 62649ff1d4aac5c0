// A function is hit as often as the environment variable HITS says, on two stacks.
#include <stdlib.h>
__attribute__((noinline)) void hit(void) { __asm__ volatile(""); }
__attribute__((noinline)) void hit_near(void) { hit(); }
__attribute__((noinline)) void hit_far(void) { hit_near(); }
static void hit_often(void)
{
    for (long left = atol(getenv("HITS")); left > 0; left--)
        left % 2 ? hit_near() : hit_far();
}
#define BEFORE_RUN() hit_often()
