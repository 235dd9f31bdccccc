"""Judges programs that a model wrote, as the hostile code that they may be.

`Sandbox.judge` runs a `Trial` and returns a `Verdict`. The program and its checks run in two processes; each is shut
off from the machine, and a pass is said by the checks' process alone, after the last statement of the checks.
"""

from training.evaluation.sandbox.judge import Outcome, Sandbox, Trial, Verdict
from training.evaluation.sandbox.limits import Limits

__all__ = ["Limits", "Outcome", "Sandbox", "Trial", "Verdict"]
