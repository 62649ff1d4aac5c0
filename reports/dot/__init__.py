"""Call graphs as Graphviz DOT text."""
