int ram_size;

int pc_init(int machines)
{
    ram_size = 128 * machines;
    return 0;
}
