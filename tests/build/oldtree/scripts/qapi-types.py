# Python 2 only, on purpose: a print statement, an octal literal, iteritems, a string exception clause.
import sys
from ordereddict_or_not import types

try:
    mode = 0644
    for name, value in types().iteritems():
        print "#define %s %d" % (name, value)
    sys.stdout.write("/* mode %o */\n" % mode)
except KeyError, error:
    print >> sys.stderr, "no type", error
    sys.exit(1)
