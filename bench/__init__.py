"""Latency, beside others: `python -m bench …`, from a checkout. What a user measures is `tabtab-local bench`."""
