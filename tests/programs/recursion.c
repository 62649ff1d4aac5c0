// stop: leaf
// chain: main > recurse > recurse > recurse > leaf
void leaf(int depth) { (void)depth; }

void recurse(int depth)
{
    if (depth == 3)
        leaf(depth);
    else
        recurse(depth + 1);
}

int main(void)
{
    recurse(1);
    return 0;
}
