"""Code that is at hand wherever the tools are installed: the standard library, and named distributions.

Only those are read whose metadata states a permissive licence.
"""

from __future__ import annotations

import random
import re
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tabtab_local.errors import DocumentError
from training import licence

_SKIPPED_FOLDERS = re.compile(
    r"(^|/)(tests?|testing|idlelib|lib2to3|turtledemo|site-packages|_vendor|vendored|externals)/"
)
_MAX_FILE_BYTES = 400_000
_MAX_LINE = 160

# Real documents are windows of about this many characters: with the answer they fill half of the nano's context.
_WINDOW_CHARACTERS = (200, 1800)

_TOP_LEVEL = re.compile(r"(?<=\n\n)(?=[^\s#)\]}])")


@dataclass(frozen=True)
class SourceFile:
    """One file of real code. `package` is its distribution and version, `name` its path in it."""

    package: str
    name: str
    text: str


def load(distributions: Sequence[str]) -> tuple[SourceFile, ...]:
    """Return the files of the standard library and of `distributions`.

    Raises `DocumentError` for a distribution that is missing or does not state a permissive licence.
    """
    stdlib = Path(sysconfig.get_path("stdlib"))
    files = list(python_files(f"python {sysconfig.get_python_version()}", stdlib, sorted(stdlib.rglob("*.py"))))
    for name in distributions:
        files += _distribution_files(name)
    return tuple(files)


def licences(distributions: Sequence[str]) -> dict[str, str]:
    """Return what the standard library ("python") and each of `distributions` are licensed under, by name.

    Raises `DocumentError` for a distribution that is missing or does not state a permissive licence.
    """
    found = {"python": "PSF-2.0"}
    for name in distributions:
        found[name] = _stated(_distribution(name))
    return found


def _distribution(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise DocumentError(f"the mix needs the package {name}, which is not installed: pip install {name}") from None


def _stated(distribution: metadata.Distribution) -> str:
    """Return the permissive licences that a distribution states."""
    try:
        return licence.of_metadata(distribution.metadata)
    except DocumentError as error:
        raise DocumentError(f"the package {distribution.name} is {error}: leave it out") from None


def _distribution_files(name: str) -> Iterator[SourceFile]:
    distribution = _distribution(name)
    _stated(distribution)
    root = Path(str(distribution.locate_file("")))
    paths = [root / file for file in distribution.files or () if file.suffix == ".py" and ".." not in file.parts]
    return python_files(f"{name} {distribution.version}", root, sorted(paths))


def python_files(package: str, root: Path, paths: Sequence[Path]) -> Iterator[SourceFile]:
    """Yield the `paths` under `root` that can be learnt from: no tests, nothing vendored, no overlong lines."""
    for path in paths:
        name = path.relative_to(root).as_posix()
        if _SKIPPED_FOLDERS.search(name) or not path.is_file() or not 400 < path.stat().st_size < _MAX_FILE_BYTES:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if max(map(len, text.split("\n"))) <= _MAX_LINE:
            yield SourceFile(package, name, text.strip("\n") + "\n")


def window(text: str, rng: random.Random) -> str:
    """Return a run of whole lines that begins at a top-level statement."""
    start = rng.choice(starts(text))
    end = start + rng.randint(*_WINDOW_CHARACTERS)
    cut = text.rfind("\n", start, end)
    return text[start : cut if cut > start and end < len(text) else end].strip("\n")


def starts(text: str) -> list[int]:
    """Return the offsets at which runs of top-level statements begin, that of the text first."""
    return [0, *(match.start() for match in _TOP_LEVEL.finditer(text))]
