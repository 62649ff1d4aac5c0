print "simple stderr"
