"""llama.cpp's own converter, as an oracle: out of the source package of llama-cpp-python, of the version in use.

The package is fetched once, with pip, and what the converter needs of it kept in pytest's cache. Where it cannot be
fetched the tests that need it are skipped, and say so. No part of the product needs it.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

import pytest

from bench import upstream

_WANTED = (upstream.SCRIPT, "conversion/", "gguf-py/gguf/")


def converter(cache: pytest.Cache) -> Path:
    """Return the folder of the converter, fetching it where needed; skip the test that asks where it cannot be had."""
    release = version("llama-cpp-python")
    folder = cache.mkdir("llama.cpp") / release
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            _fetch(release, Path(temporary))
            (Path(temporary) / "llama.cpp").rename(folder)
    return folder


def _fetch(release: str, folder: Path) -> None:
    # The package's build backend is asked for its metadata; it is installed here, so that it need not be fetched.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--no-binary", "llama-cpp-python", "--dest", str(folder), f"llama-cpp-python=={release}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip gives no reason"])[-1]
        pytest.skip(f"llama.cpp's converter cannot be had: {reason}")
    inside = f"llama_cpp_python-{release}/vendor/llama.cpp/"
    with tarfile.open(next(folder.glob("*.tar.gz"))) as package:
        for member in package:
            name = member.name.removeprefix(inside)
            if name != member.name and name.startswith(_WANTED):
                member.name = f"llama.cpp/{name}"
                package.extract(member, folder, filter="data")


def convert(converter: Path, folder: Path, out: Path, *, dtype: str, pre: str = "") -> None:
    """Let llama.cpp's converter write the Hugging Face model in `folder` to `out`; `pre` names the pre-tokenizer."""
    command = upstream.command(converter, folder, out, dtype=dtype, pre=pre)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
