"""What was measured on this machine and chosen for it: remembered by `tabtab-local doctor --tune`, used by every start.

One JSON file in the user's configuration folder. It counts only on the machine that it was measured on, and for a model
only while its file is the one that was measured: of the same path, size and time of change, for hashing gigabytes at
each start would take seconds. A damaged file is as good as none; the doctor says so. Knows nothing of measuring.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from tabtab_local import registry
from tabtab_local.draft import DEFAULT_COSTS, Costs, DraftLength
from tabtab_local.errors import DocumentError
from tabtab_local.machine import identity, thread_policy
from tabtab_local.output import new_file

VERSION = 1

# A full suggestion, as it is estimated: so many tokens are decoded and so many copied ones verified behind them.
DECODED_TOKENS = 8
VERIFIED_TOKENS = 8

# How often a guess is right where an answer copies old text, and where it begins to leave it.
_COPYING, _LEAVING = 0.95, 0.6


@dataclass(frozen=True)
class Curve:
    """What a batch costs with `threads` threads behind `depth_tokens` tokens of context.

    `costs` are pairs of the tokens in a batch, all with logits, and the median wall time of evaluating it in ms;
    ascending, from 1 token on.
    """

    threads: int
    depth_tokens: int
    costs: tuple[tuple[int, float], ...]

    def ms(self, tokens: int) -> float:
        """Return the time of a batch, by a line between the sizes beside it; beyond the last in proportion to it."""
        low, low_ms = self.costs[0]
        for size, size_ms in self.costs:
            if size >= tokens:
                share = (tokens - low) / (size - low) if size > low else 0.0
                return low_ms + (size_ms - low_ms) * share
            low, low_ms = size, size_ms
        return low_ms * tokens / low

    @property
    def first_text_ms(self) -> float:
        """The time from a key to the first ghost text, where all before it is cached.

        A batch of two tokens: what was typed, and the token that is taken back because typing stopped inside it.
        """
        return self.ms(2)

    @property
    def suggestion_ms(self) -> float:
        """The time from a key to a full suggestion, where all before it is cached.

        The first of `DECODED_TOKENS` tokens is known with the first text, the others are decoded one by one; then one
        batch of `VERIFIED_TOKENS` confirms that the answer has re-joined the old text.
        """
        return self.first_text_ms + (DECODED_TOKENS - 1) * self.ms(1) + self.ms(VERIFIED_TOKENS)

    def drafts(self) -> tuple[int, int]:
        """Return how many tokens to guess where six of ten guesses are right, and where 19 of 20 are."""
        most = self.costs[-1][0] - 1
        few, many = (DraftLength(self.costs, right=share).best(most) for share in (_LEAVING, _COPYING))
        return few, many


@dataclass(frozen=True)
class Tuned:
    """A model as it was measured: its file, and a curve for each number of threads, of which `threads` is the best."""

    name: str
    path: Path
    size_bytes: int
    modified_ns: int
    sha256: str
    file_type: str
    parameters: int
    random_weights: bool
    threads: int
    curves: tuple[Curve, ...]

    @property
    def curve(self) -> Curve:
        """The curve of the best number of threads."""
        return self.curve_for(self.threads)

    def curve_for(self, threads: int) -> Curve:
        """Return the curve of the number of threads that comes nearest, the lower one of two."""
        return min(self.curves, key=lambda curve: (abs(curve.threads - threads), curve.threads))

    def is_unchanged(self) -> bool:
        """Tell whether the file is still there, with the same size and time of change."""
        try:
            found = self.path.stat()
        except (OSError, ValueError):  # a path with a NUL in it is a ValueError
            return False
        return (found.st_size, found.st_mtime_ns) == (self.size_bytes, self.modified_ns)


@dataclass(frozen=True)
class Tuning:
    """All that was measured on a machine in one go; `chosen` is the hash of the model to use, if any can be."""

    machine: str
    measured_at: str
    on_battery: bool | None
    target_ms: float
    chosen: str | None
    models: tuple[Tuned, ...]

    def model(self, sha256: str | None) -> Tuned | None:
        """Return the model with that hash whose file has not changed."""
        return next((model for model in self.models if model.sha256 == sha256 and model.is_unchanged()), None)

    def model_at(self, path: Path) -> Tuned | None:
        """Return the model whose file is the one at `path`, unchanged."""
        path = Path(os.path.realpath(path))
        return next((model for model in self.models if model.path == path and model.is_unchanged()), None)


@dataclass(frozen=True)
class EngineSettings:
    """How to run a model: `costs` are those of `threads` where it is `tuned`, else of no machine in particular."""

    threads: int
    costs: Costs
    tuned: bool


def memory_bytes(size_bytes: int) -> float:
    """Return about what running a model takes: its file, its caches, and what it computes with."""
    return 1.2 * size_bytes


def tuning_file() -> Path:
    """Return where the tuning is remembered: in the folder that the system has for a program's settings."""
    return Path(click.get_app_dir("tabtab-local")) / "tuning.json"


def remembered() -> Tuning | None:
    """Return the tuning of this machine; nothing where there is none that can be used."""
    with contextlib.suppress(DocumentError):
        tuning = read(tuning_file())
        if tuning and tuning.machine == identity():
            return tuning
    return None


def default_model() -> str:
    """Return the model to use where none is named: what was chosen, as a path, if it is still there, else the nano."""
    tuning = remembered()
    chosen = tuning.model(tuning.chosen) if tuning else None
    if chosen is None or chosen.path == Path(os.path.realpath(registry.embedded_path())):
        return registry.DEFAULT_MODEL
    return str(chosen.path)


def engine_settings(path: Path) -> EngineSettings:
    """Return how to run the model at `path`: with the threads that were best for it, as far as they may be used now.

    Raises `UsageError` for a bad environment variable (see `thread_policy`).
    """
    policy = thread_policy()
    tuning = remembered()
    tuned = tuning.model_at(path) if tuning else None
    if tuned is None:
        return EngineSettings(policy.threads, DEFAULT_COSTS, tuned=False)
    threads = policy.threads if policy.fixed else min(tuned.threads, policy.threads)
    return EngineSettings(threads, tuned.curve_for(threads).costs, tuned=True)


def check_writable(file: Path) -> None:
    """Make the folder of `file`. Raises `DocumentError` where the file could not be written after all the measuring."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DocumentError(f"cannot make the folder {file.parent} ({error.strerror}): make it yourself") from None
    if not os.access(file.parent, os.W_OK) or file.is_dir():
        raise DocumentError(f"cannot write {file}: allow it, or set another folder for settings")


def remember(tuning: Tuning, file: Path) -> None:
    """Write `tuning`, which only the user may read, in the place of what was remembered before."""
    text = json.dumps({"version": VERSION, **asdict(tuning)}, indent=1, default=os.fspath) + "\n"
    with new_file(file) as temporary:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)


def read(file: Path) -> Tuning | None:
    """Return what is remembered in `file`, nothing where there is no such file.

    Raises `DocumentError` for one that is damaged or was written by another version.
    """
    try:
        data = json.loads(file.read_bytes())
        if isinstance(data, dict) and data.get("version") != VERSION:
            raise DocumentError(f"{file} was written by another version of this program: {_ADVICE}")
        return _tuning(data)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DocumentError(f"cannot read {file} ({error.strerror}): {_ADVICE}") from None
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        raise DocumentError(f"{file} is damaged: {_ADVICE}") from None


_ADVICE = "tune again with `tabtab-local doctor --tune`, or delete it"


def _tuning(data: Any) -> Tuning:
    return Tuning(
        machine=_is(str, data["machine"]),
        measured_at=_is(str, data["measured_at"]),
        on_battery=None if data["on_battery"] is None else _is(bool, data["on_battery"]),
        target_ms=_positive(data["target_ms"]),
        chosen=None if data["chosen"] is None else _is(str, data["chosen"]),
        models=tuple(map(_tuned, _is(list, data["models"]))),
    )


def _tuned(data: Any) -> Tuned:
    curves = tuple(map(_curve, _is(list, data["curves"])))
    threads = _is(int, data["threads"])
    if threads not in {curve.threads for curve in curves}:
        raise ValueError("the best number of threads was not measured")
    return Tuned(
        name=_is(str, data["name"]),
        path=Path(_is(str, data["path"])),
        size_bytes=_is(int, data["size_bytes"]),
        modified_ns=_is(int, data["modified_ns"]),
        sha256=_is(str, data["sha256"]),
        file_type=_is(str, data["file_type"]),
        parameters=_is(int, data["parameters"]),
        random_weights=_is(bool, data["random_weights"]),
        threads=threads,
        curves=curves,
    )


def _curve(data: Any) -> Curve:
    costs = tuple((_is(int, tokens), _positive(ms)) for tokens, ms in _is(list, data["costs"]))
    sizes = [tokens for tokens, _ in costs]
    if sizes[:1] != [1] or sizes != sorted(set(sizes)):
        raise ValueError("the sizes of batches are not ascending from 1")
    threads = _is(int, data["threads"])
    if threads < 1:
        raise ValueError("nothing computes without threads")
    return Curve(threads, _is(int, data["depth_tokens"]), costs)


def _is(kind: type, value: Any) -> Any:
    """Return `value` if it is of that very kind: `True` is no number."""
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _positive(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise ValueError(f"{value!r} is not above 0")
    return float(value)
