// flags: -O2
// stop: choose
// stop: leaf
// chain: main > choose
// chain: main > choose ?> leaf
// As lost_tail_call.c, with a stop in `choose` first: the call in main is the same instruction both times.
#include "lost_tail_call.c"
