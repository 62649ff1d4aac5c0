void leaf(void);

static void work(void) { leaf(); }
void second(void) { work(); }
