"""What runs inside the sandbox: loaded by `enter.py` without site-packages, so each module imports as little as it can."""
