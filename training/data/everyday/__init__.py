"""A seeded generator of everyday Python: programs as sequences of small steps, each with its intent.

`program.py` says what a program is; `frames.py`, `arrays.py`, `sources.py`, `functions.py`, `classes.py` and
`scripts.py` hold the writers; the other modules are their tables.
"""

from training.data.everyday import arrays, classes, frames, functions, scripts, sources
from training.data.everyday.program import Writer

WRITERS: tuple[Writer, ...] = (
    *frames.WRITERS,
    *arrays.WRITERS,
    *sources.WRITERS,
    *functions.WRITERS,
    *classes.WRITERS,
    *scripts.WRITERS,
)
