"""Decides which changes count: allow-list, verdict, bisection. Pure."""
