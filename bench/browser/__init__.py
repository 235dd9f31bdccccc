"""Marimo in a browser without a window: what a person who types there sees, and when.

The tests of `tests/editors` drive the same programs.
"""
