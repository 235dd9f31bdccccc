"""What one evaluation leaves behind: a file with its rows, and the totals that are read from them.

A result is one JSON document: `run` says what was asked of whom, on which machine; `excluded` lists the tasks that
could not be asked; `rows` has one entry for each task. Totals are computed from rows wherever they are shown.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tabtab_local.benchmark import Quantiles
from tabtab_local.errors import DocumentError
from tabtab_local.output import new_file
from training.evaluation.judge import Row
from training.evaluation.statistic import Difference, Share, clustered, paired
from training.evaluation.task import Excluded

VERSION = 1
_RUN = ("suite", "split", "fingerprint", "seed", "tasks", "model", "identity")


@dataclass(frozen=True)
class Result:
    """One evaluation. `run` holds at least `suite`, `split`, `fingerprint`, `seed`, `tasks` (their number), `model`
    and `identity`."""

    run: dict[str, Any]
    excluded: tuple[Excluded, ...]
    rows: tuple[Row, ...]

    @property
    def model(self) -> str:
        """The model's name in tables."""
        return str(self.run["model"])

    @property
    def suite(self) -> str:
        """The suite's name."""
        return str(self.run["suite"])


@dataclass(frozen=True)
class Totals:
    """The figures of a result or of a part of it.

    - `accuracy`: right among the tasks that ask for an edit (pass@1).
    - `exact`, `cursor`, `similarity` (a mean): of the same tasks; an answer that cannot be read or changes nothing has
      no right cursor.
    - `strict` (format to the letter), `readable`: shares of all answers; `deletes`: of those that can be read;
      `parses`: of those that change something. `reversal` is a mean over the tasks with a last edit.
    - `shown_right`: right among what the runtime would show.
    - `silence_precision`: of the tasks where nothing would be shown, those where that is right; `silence_recall`: of
      the tasks whose right answer is silence, those where nothing would be shown.
    - Tokens and milliseconds: medians and 95th percentiles; `total_ms` is the whole answer's time.
    """

    accuracy: Share
    exact: Share
    cursor: Share
    strict: Share
    readable: Share
    parses: Share
    deletes: Share
    similarity: float | None
    reversal: float | None
    shown_right: Share
    silence_precision: Share
    silence_recall: Share
    prompt_tokens: Quantiles | None
    decoded_tokens: Quantiles | None
    first_token_ms: Quantiles | None
    total_ms: Quantiles | None


def totals(rows: Sequence[Row]) -> Totals:
    """Return the figures of `rows`."""
    asked = [row for row in rows if not row.silent]
    shown = [row for row in rows if row.shown]
    hidden = [row for row in rows if not row.shown]
    silent = [row for row in rows if row.silent]
    return Totals(
        accuracy=_share(asked, lambda row: row.right),
        exact=_share(asked, lambda row: row.exact),
        cursor=_share(asked, lambda row: row.cursor_right),
        strict=_share(rows, lambda row: row.strict),
        readable=_share(rows, lambda row: row.readable),
        parses=_share(rows, lambda row: row.parses),
        deletes=_share(rows, lambda row: row.deletes),
        similarity=_mean([row.similarity for row in asked]),
        reversal=_mean([row.reversal for row in rows]),
        shown_right=_share(shown, lambda row: row.right),
        silence_precision=_share(hidden, lambda row: row.silent),
        silence_recall=_share(silent, lambda row: not row.shown),
        prompt_tokens=_quantiles([row.prompt_tokens for row in rows]),
        decoded_tokens=_quantiles([row.decoded_tokens for row in rows]),
        first_token_ms=_quantiles([row.first_token_ms for row in rows]),
        total_ms=_quantiles([row.total_ms for row in rows]),
    )


def compare(a: Result, b: Result) -> Difference:
    """Compare the accuracy of two results on the tasks that both were asked.

    Raises `DocumentError` where they have none in common, and where the same ids stand for different tasks.
    """
    remade = a.run["suite"] == b.run["suite"] and a.run["fingerprint"] != b.run["fingerprint"]
    if a.run["split"] == b.run["split"] and (remade or a.run["seed"] != b.run["seed"]):
        raise DocumentError(f"{a.model} and {b.model} were asked other tasks of the same name: evaluate one again")
    theirs = {row.id: row for row in b.rows if not row.silent}
    pairs = [(row, theirs[row.id]) for row in a.rows if not row.silent and row.id in theirs]
    if not pairs:
        raise DocumentError(f"the results of {a.model} ({a.suite}) and {b.model} ({b.suite}) have no task in common")
    return paired([x.right for x, _ in pairs], [y.right for _, y in pairs], [x.cluster for x, _ in pairs])


def write(path: Path, result: Result) -> None:
    """Write a result whole."""
    document = {
        "version": VERSION,
        "run": result.run,
        "excluded": [asdict(one) for one in result.excluded],
        "rows": [asdict(row) for row in result.rows],
    }
    with new_file(path) as temporary:
        temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Result:
    """Return the result in `path`. Raises `DocumentError` where it is not one."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != VERSION:
            raise DocumentError(f"{path} is a result of version {document['version']}, not {VERSION}: evaluate again")
        rows = tuple(Row(**row) for row in document["rows"])
        if not set(_RUN) <= document["run"].keys():
            raise KeyError
        return Result(document["run"], tuple(Excluded(**one) for one in document["excluded"]), rows)
    except OSError as error:
        raise DocumentError(f"cannot read {path}: {error.strerror}") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DocumentError(f"{path} is not a result of `python -m training evaluate`") from None


def _share(rows: Sequence[Row], hit: Any) -> Share:
    """Return the share of rows that `hit`, among those for which it says yes or no."""
    said = [(value, row.cluster) for row in rows if (value := hit(row)) is not None]
    return clustered([value for value, _ in said], [cluster for _, cluster in said])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _quantiles(values: Sequence[float | None]) -> Quantiles | None:
    known = [value for value in values if value is not None]
    return Quantiles.of(known) if known else None
