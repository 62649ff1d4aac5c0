// stop: leaf
// contains: s> handler > leaf
#include <signal.h>

void leaf(int number) { (void)number; }
static void handler(int number) { leaf(number); }
void wait_for_it(void) { raise(SIGUSR1); }

int main(void)
{
    signal(SIGUSR1, handler);
    wait_for_it();
    return 0;
}
