/* The other file of link_time/main.c. */
#include "../helpers.h"

static NOINLINE void twin(int number)
{
    leaf(number);
    value--;
}

void from_other_file(int number)
{
    twin(number + value);
    value++;
}
