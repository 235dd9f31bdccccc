"""What runs inside the sandbox, loaded by `enter.py`; each module imports as little as it can."""
