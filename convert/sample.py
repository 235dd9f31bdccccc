"""Edit-format texts to measure a model on: prompts with the answers that are right for them.

By default they are drawn from the editing traces that ship with the runtime, so that a model can be measured where its
training data is not at hand; or else from training data. What an importance matrix is computed from and what the
result is judged by are never the same trace, or row.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabtab_local.document import Document
from tabtab_local.errors import DocumentError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.prompt import Prompt, Response, render_prompt, render_response
from tabtab_local.replay.load import shipped
from tabtab_local.replay.trace import Trace, steps

# Of the model's context: enough for the code around a region, and quick to read.
_CONTEXT_TOKENS = 512

CountTokens = Callable[[str], int]


@dataclass(frozen=True)
class Text:
    """A prompt, as text, and the answer that is right for it."""

    prompt: str
    answer: str


@dataclass(frozen=True)
class Sample:
    """Texts to measure with and other texts to judge by; `source` says what they are, on one line."""

    measure: tuple[Text, ...]
    judge: tuple[Text, ...]
    source: str


def draw(data: Path | None, count: CountTokens, *, texts: int, seed: int = 0) -> Sample:
    """Return `texts` texts of each kind from `data`, training data as a folder or JSON lines, or else from traces.

    `count` counts a text's tokens. There are fewer where `data` has fewer. Raises `DocumentError` for data that cannot
    be read.
    """
    generator = random.Random(seed)
    if data is None:
        traces = shipped()
        measure, judge = (_of_traces(half, count, generator, texts) for half in (traces[::2], traces[1::2]))
        return Sample(measure, judge, f"{len(traces)} recorded editing traces, seed {seed}")
    rows = list(_rows(data))
    if len(rows) < 2:
        raise DocumentError(f"{data} holds {len(rows)} examples: two at least are needed, one to measure, one to judge")
    generator.shuffle(rows)
    middle = min(texts, len(rows) // 2)
    sha256 = file_sha256(data) if data.is_file() else _build_sha256(data)
    return Sample(tuple(rows[:middle]), tuple(rows[middle : 2 * middle]), source=f"{data.name}, {sha256}, seed {seed}")


def _of_traces(traces: Sequence[Trace], count: CountTokens, generator: random.Random, texts: int) -> tuple[Text, ...]:
    states = [(step.document, step.continuation) for trace in traces for step in steps(trace)]
    drawn = generator.sample(states, min(texts, len(states)))
    return tuple(_text(document, continuation, count) for document, continuation in drawn)


def _text(document: Document, continuation: str, count: CountTokens) -> Text:
    region = document.region()
    code, cursor = region.of(document.code), document.cursor - region.start
    context = document.context(region, _CONTEXT_TOKENS, count)
    answer = Response(code[:cursor] + continuation + code[cursor:], cursor + len(continuation))
    return Text(render_prompt(Prompt(code, cursor, context.above, context.below)), render_response(answer))


def _rows(data: Path) -> Iterator[Text]:
    """Yield the rows of a data set that `python -m training data build` made, or of a file of JSON lines."""
    files = sorted(data.glob("data/train-*")) if data.is_dir() else [data]
    if not files:
        raise DocumentError(f"{data} holds no data/train-*: give a data set that `python -m training data build` made")
    for file in files:
        rows = _parquet(file) if file.suffix == ".parquet" else _json_lines(file)
        for row in rows:
            yield Text(row["prompt"], row["completion"])


def _parquet(file: Path) -> Iterator[dict[str, str]]:
    import pyarrow
    from pyarrow import parquet

    try:
        yield from parquet.read_table(file, columns=["prompt", "completion"]).to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        raise DocumentError(f"{file} cannot be read: {' '.join(str(error).split())}") from None


def _json_lines(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                yield {"prompt": row["prompt"], "completion": row["completion"]}
            except (ValueError, KeyError, TypeError):
                raise DocumentError(
                    f"{file}, line {number}: expected a JSON object with the texts prompt and completion"
                ) from None


def _build_sha256(folder: Path) -> str:
    record = folder / "build.json"
    return file_sha256(record) if record.is_file() else "no build.json"
