// Calls that stay active while what their arguments follow from changes, or that come again at the same address.
// flags: -O2 -pthread
// stop: leaf
// contains: main

#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define NOINLINE __attribute__((noinline))

static volatile long sink;
static int step; // not in a register of the function that counts with it
static jmp_buf back;
static ucontext_t caller, coroutine;
static char text[] = "first";
static const char *names[] = {"red", "green", "blue"};

NOINLINE void leaf(int number, const char *name) { sink += number + name[0]; }

// An argument of an outer frame is a local variable that the function changes between its calls.
NOINLINE void counting(int from, const char *name) {
    for (int i = 0; i < 4; i++) {
        leaf(from, name);
        from += i;
        leaf(i, names[i % 3]);
    }
    sink += from;
}

// The text that an outer frame's argument points to changes in place.
NOINLINE void rewriting(char *name, long length) {
    leaf(1, name);
    name[0]++;
    leaf(2, name);
    memset(name, 'x', length);
    leaf(2, name);
    sink += *name;
}

// The middle function's arguments are in registers that the outer one changes from call to call.
NOINLINE long middle(long a, long b, const char *name) {
    leaf((int)a, name);
    leaf((int)b, "constant");
    return a * b + *name;
}

NOINLINE void outer(long a) {
    for (long i = 0; i < 3; i++) {
        a += middle(i, a, names[i]);
        a ^= middle(a, 5, "five");
    }
    sink += a;
}

NOINLINE int recursive(int depth, const char *name) {
    if (depth == 0) {
        leaf(7, name);
        return 1;
    }
    return recursive(depth - 1, name) * 3 + recursive(depth - 1, name) + depth;
}

NOINLINE void jumping(int way, const char *name) {
    leaf(way, name);
    if (way)
        longjmp(back, way);
    sink += *name;
}

NOINLINE void growing(unsigned size, const char *name) {
    char *memory = alloca(size);
    memset(memory, 1, size);
    leaf(memory[size / 2], name);
    sink += memory[0] + *name;
}

NOINLINE void in_reference(int *number, double factor) {
    *number += (int)factor;
    leaf(*number, "reference");
    sink += *number;
}

NOINLINE void last(int number, const char *name) {
    leaf(number, name);
    sink++;
}

// One call of this function has a frame of its own, the next one leaves by a tail call.
NOINLINE void passing_on(int number, const char *name) {
    if (number < 0) {
        leaf(number, name);
        sink++;
        return;
    }
    last(number + 1, name);
}

NOINLINE void through(double factor, const char *name) {
    for (step = -1; step < 2; step++)
        passing_on(step, name);
    sink += (int)factor;
}

static void handler(int number) {
    leaf(number, "handler");
    sink++;
}

static void switched(void) {
    for (int i = 0; i < 2; i++) {
        middle(i, 10, names[i]);
        swapcontext(&coroutine, &caller);
    }
}

static void *thread(void *name) {
    middle(3, 4, name);
    counting(1, name);
    return NULL;
}

int main(void) {
    static char other_stack[65536], coroutine_stack[65536];
    counting(10, "ten");
    counting(20, names[1]);
    rewriting(text, 3);
    outer(2);
    sink += recursive(3, "deep");
    volatile int way = setjmp(back);
    if (way < 3)
        jumping(way + 1, names[way]);
    for (unsigned size = 16; size < 4096; size *= 4)
        growing(size, "grows");
    int number = 1;
    in_reference(&number, 2.5);
    in_reference(&number, 3.5);
    through(4.5, "through");
    stack_t other = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
    sigaltstack(&other, NULL);
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    raise(SIGUSR1);
    for (int i = 0; i < 2; i++) {
        getcontext(&coroutine);
        coroutine.uc_stack.ss_sp = coroutine_stack;
        coroutine.uc_stack.ss_size = sizeof coroutine_stack;
        makecontext(&coroutine, switched, 0);
        swapcontext(&caller, &coroutine);
        swapcontext(&caller, &coroutine);
    }
    for (int i = 0; i < 2; i++) {
        pthread_t started;
        pthread_create(&started, NULL, thread, (void *)names[i]);
        pthread_join(started, NULL);
    }
    return 0;
}
