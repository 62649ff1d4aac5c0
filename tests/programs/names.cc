// stop: leaf
// chain: main > apply<std::pair<int, char> > > (anonymous namespace)::Caller::operator() > leaf
#include <utility>

extern "C" void leaf(int value) { (void)value; }

namespace {
struct Caller {
    void operator()(int value, char) const { leaf(value); }
};
}

template <typename T> void apply(Caller caller, T value) { caller(value.first, value.second); }

int main()
{
    apply(Caller(), std::make_pair(1, 'c'));
    return 0;
}
