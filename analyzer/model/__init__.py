"""Frozen values that every stage after recording works on: frames, stops, ioctls, pointers, the recording.

Rule: no gdb, no files, no processes.
"""
