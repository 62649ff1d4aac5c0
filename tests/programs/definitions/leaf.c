/* The function that the programs of this folder stop in. */
#include "helpers.h"

volatile int value = 1;

NOINLINE void leaf(int number) { value += number; }
