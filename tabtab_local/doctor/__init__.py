"""What is wrong here, and what this machine can run: `tabtab-local doctor`, with `--tune` and without.

`checkup.py` looks; `autotune.py` measures the models that there are, `choice.py` has the rules by which one is chosen,
and `explain.py` says why. What is remembered of it is in `tabtab_local/tuning.py`, which is read at every start.
"""
