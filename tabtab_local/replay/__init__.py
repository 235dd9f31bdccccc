"""Replaying how people edit: recorded traces (`trace.py`), how fast people type (`speed.py`), and the replay itself.

The traces lie in `traces/` and ship with the program, so that users can measure their own machine.
"""
