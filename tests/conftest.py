"""What all tests share: a home of their own, no network for the Hub, no keys, one small real model, and a server."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tabtab_local.registry import embedded_path
from tests.server import Proxy, serve

if TYPE_CHECKING:
    from tabtab_local.engine import LlamaEngine

# huggingface_hub reads these when it is imported, which is before any fixture runs.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="tabtab-tests-hub-")
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# How long an example takes says nothing on a machine that also does something else. The same examples each time, so
# that a commit passes or fails by what it is; `make search` looks for others.
hypothesis.settings.register_profile("tabtab", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile("tabtab")


@pytest.fixture(autouse=True)
def temporary_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder for each test: nothing is read from or left in the real one."""
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key for a server is read from the real environment."""
    for name in ("OPENAI_API_KEY", "TABTAB_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def tiny_qwen3_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder of a tiny random Qwen3 model with tied embeddings; treat it as read-only."""
    from tests.tiny import tiny_qwen3  # torch is loaded only by the tests that need it

    folder = tmp_path_factory.mktemp("tiny-qwen3")
    tiny_qwen3(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_gguf(tiny_qwen3_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of `tiny_qwen3_folder` as an F32 GGUF with our metadata; treat it as read-only."""
    from convert.gguf_file import write_gguf

    path = tmp_path_factory.mktemp("tiny-gguf") / "tiny.gguf"
    write_gguf(tiny_qwen3_folder, path, name="tiny", dtype="f32")
    return path


@pytest.fixture(scope="module")
def engine(tiny_gguf: Path) -> Iterator[LlamaEngine]:
    """An engine with the model `tiny_gguf`, in one thread."""
    from tabtab_local.engine import LlamaEngine  # llama.cpp is loaded only by the tests that need it

    with LlamaEngine(tiny_gguf, threads=1) as engine:
        yield engine


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a llama-server with the embedded nano."""
    with serve(embedded_path()) as url:
        yield url


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    """A proxy before the server at `url`."""
    with Proxy(url) as proxy:
        yield proxy


def pytest_unconfigure() -> None:
    """Close what `llama_cpp` leaves open, whose complaint at the end would stand below pytest's summary."""
    utils = sys.modules.get("llama_cpp._utils")
    for name in ("outnull_file", "errnull_file"):
        if file := getattr(utils, name, None):
            file.close()
