"""Defaults that the command line shows before anything slow is loaded."""

from __future__ import annotations

# Texts that a model reads for its importance matrix.
TEXTS = 128

# Tokens that pruning keeps: what Python code is cut into, with one more token in two hundred.
KEEP_TOKENS = 32_000
