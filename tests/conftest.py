"""What all tests share: a home of their own, no network for the Hub, and one small real model."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest

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


def pytest_unconfigure() -> None:
    """Close what `llama_cpp` leaves open, whose complaint at the end would stand below pytest's summary."""
    utils = sys.modules.get("llama_cpp._utils")
    for name in ("outnull_file", "errnull_file"):
        if file := getattr(utils, name, None):
            file.close()
