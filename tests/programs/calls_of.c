// flags: -O2
// calls: traced plain direct 5
// calls: traced by_pointer indirect 3
// calls: traced other_by_pointer indirect 1
// calls: traced put_line direct 2
// calls: traced traced direct 1
// calls: traced last tail 2
// calls: traced rare tail 1
// calls: gate rare tail 22
// calls: gate failed direct 1
// calls: around small inline 2
// calls: around plain direct 2
// calls: small plain direct 2
// calls: library atoi direct 3
// The calls that a function makes: the caller, the callee, the kind and the number. The callees are called from
// elsewhere too.
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline, noipa))

volatile int sink;

NOINLINE int plain(int value) { sink += value; return value; }
NOINLINE int by_pointer(int value) { sink += value; return value + 1; }
NOINLINE int other_by_pointer(int value) { sink -= value; return value + 2; }
NOINLINE int put_line(const char *text) { return (int)strlen(text) + sink; }
NOINLINE int last(int value) { sink += value; return plain(value); }
NOINLINE int rare(int value) { sink -= value; return value; }
__attribute__((cold)) NOINLINE void failed(int value) { sink = value; }
NOINLINE int gate(int value)
{
    if (value == 3)
        return rare(value); /* a conditional jump: je rare */
    if (value >= 100) { /* the part gate.cold */
        failed(value);
        sink += value;
    }
    return value + 1;
}
NOINLINE int library(const char *text) { return atoi(text) + 1; }
static inline __attribute__((always_inline)) void small(int value)
{
    sink = value * 7;
    plain(value); /* a call of small, not of traced */
    sink += value;
}

NOINLINE int around(int value)
{
    int sum = plain(value);
    small(sum);
    return sum + sink;
}

typedef int Visit(int);
Visit *volatile visit = by_pointer;

NOINLINE int traced(int mode)
{
    int sum = plain(mode);
    sum += visit(sum);
    switch (mode) { /* a jump table: jumps through a pointer that are no calls */
    case 0: sink = 10; break;
    case 1: sink = 21; break;
    case 2: sink = 33; break;
    case 3: sink = 47; break;
    case 4: sink = 58; break;
    case 5: sink = 69; break;
    case 6: sink = 75; sum += 3; break;
    default: sink = 99;
    }
    if (mode > 4) {
        sum += put_line("text");
    }
    if (mode == 6) {
        sum += plain(2);
        sum += traced(3) + 1;
    }
    if (mode == 9)
        return rare(sum);
    if (mode > 5 || mode == 1)
        return last(sum);
    return sum;
}

int main(void)
{
    int sum = 0;
    plain(1);
    last(2);
    put_line("elsewhere");
    sum += traced(1);
    sum += traced(6);
    visit = other_by_pointer;
    sum += traced(9);
    plain(3);
    by_pointer(4);
    rare(5);
    for (int round = 0; round < 20; round++)
        sum += gate(3);
    sum += gate(3) + gate(4) + gate(100) + gate(3);
    sum += around(7) + around(8);
    sum += library("1") + library("2") + library("3") + atoi("4");
    return sum == 0;
}
