/* Code that the programs of this folder inline or expand. */
#define NOINLINE __attribute__((noipa))
#define ALWAYS_INLINE static inline __attribute__((always_inline))

extern volatile int value;
void leaf(int number);

ALWAYS_INLINE int scaled(int number)
{
    int twice = value * 2;
    return twice + number;
}

ALWAYS_INLINE void call_leaf(int number)
{
    leaf(number);
    value++;
}

ALWAYS_INLINE void call_leaf_without_parameters(void)
{
    leaf(value);
    value++;
}

#define CALL_LEAF(number) \
    do {                  \
        leaf(number);     \
        value++;          \
    } while (0)

#define DEFINE_CALLER(name)          \
    NOINLINE void name(int number)   \
    {                                \
        leaf(number);                \
        value++;                     \
    }
