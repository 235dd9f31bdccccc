"""A corpus in miniature, as `python -m training corpus build` writes it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from training.corpus import store
from training.corpus.filter import joined
from training.data.shard import whole_sha256

PROGRAM = '''import json

LIMIT_{n} = {n}


def read_{n}(path):
    """Return what {n} holds."""
    with open(path) as file:
        return json.load(file)


def total_{n}(rows, key="price"):
    found = 0
    for row in rows:
        if row[key] > LIMIT_{n}:
            found += row[key] * {n}
    return found


class Table{n}:
    def __init__(self, rows):
        self.rows = rows

    def column(self, name):
        return [row[name] for row in self.rows]
'''

_CELLS = (
    "import pandas as pd",
    'df = pd.read_csv("{n}.csv")\ndf.head()',
    'df.groupby("city")["price"].mean()\ndf["{n}"]',
)


def tiny_corpus(folder: Path, texts: int = 12) -> Path:
    """Write `texts` programs and as many notebooks, and two held-out programs; return the folder."""
    rows = [store.Row(PROGRAM.format(n=n), "library", "p 1", f"m{n}.py", "MIT") for n in range(texts + 2)]
    for n in range(texts):
        text = joined([cell.format(n=n) for cell in _CELLS])
        cells = tuple(at for cell in text.cells for at in (cell.start, cell.end))
        rows.append(store.Row(text.text, "notebook", "p 1", f"n{n}.ipynb", "MIT", cells))
    shards = [store.write(folder, store.TRAIN, 0, rows[2:]), store.write(folder, store.HELD_OUT, 0, rows[:2])]
    document = {"settings": {}, "shards": [asdict(each) for each in shards], "sha256": whole_sha256(shards)}
    (folder / store.RECORD).write_text(json.dumps(document))
    return folder
