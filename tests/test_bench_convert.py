"""What converting costs: a stage's time and peak memory are those of its own process, and the whole way is walked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import convert
from bench.convert import Record, Settings, Stage, render, timed
from bench.folder import CONFIGS
from tabtab_local.errors import ModelError, UsageError
from tabtab_local.machine import describe
from tests.tiny import SMALL_SHAPE

VOCABULARY = Path(__file__).parents[2] / "shared" / "vocab" / "ggml-vocab-qwen2.gguf"


def test_memory_and_output_are_those_of_the_stage(tmp_path: Path) -> None:
    code = f"import pathlib; x = b'x' * 300_000_000; pathlib.Path({str(tmp_path / 'out')!r}).write_bytes(x[:1000])"
    large = timed("large", tmp_path / "out", [sys.executable, "-c", code])
    small = timed("small", None, [sys.executable, "-c", "print('first'); print('last')"])
    assert large.peak_bytes > 300_000_000 > 2 * small.peak_bytes
    assert (large.output_bytes, small.output_bytes) == (1000, 0)
    assert (large.says, small.says) == ("", "first\nlast")


def test_a_stage_that_fails_says_why() -> None:
    with pytest.raises(ModelError, match="merge failed: no such adapter"):
        timed("merge", None, [sys.executable, "-c", "import sys; print('loading'); sys.exit('no such adapter')"])


def test_the_table_has_a_row_for_each_stage() -> None:
    stages = (Stage("merge", 1.5, 400_000_000, 1_200_000_000, ""), Stage("verify", 60.0, 5_000_000_000, 0, "all equal"))
    text = render(Record("qwen3-0.6b", 596_049_920, "Q4_K_M", 3, stages, describe()))
    assert "RANDOM WEIGHTS" in text
    assert [line.split()[:1] for line in text.splitlines()[-5:]] == [["merge"], ["verify"], [], ["verify:"], ["all"]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": "gpt"}, "no shape is called 'gpt': choose one of qwen3-0.6b"),
        ({"work": Path(__file__).parent}, "exists: choose another folder to work in"),
        ({"llama_cpp": Path(__file__).parent}, "holds no convert_hf_to_gguf.py"),
    ],
)
def test_what_cannot_be_measured_is_refused_at_once(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    settings: dict[str, object] = {
        "shape": "qwen3-0.6b",
        "vocabulary": tmp_path,
        "work": tmp_path / "work",
        "llama_cpp": None,
        "quant": "Q4_K_M",
        "rounds": 1,
    }
    with pytest.raises(UsageError, match=message):
        Settings(**{**settings, **changes})  # type: ignore[arg-type]


@pytest.mark.skipif(not VOCABULARY.exists(), reason="there is no Qwen vocabulary beside the checkout")
def test_a_small_model_goes_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(convert.CONFIGS, "qwen3-0.6b", {**CONFIGS["qwen3-0.6b"], **SMALL_SHAPE})
    settings = Settings("qwen3-0.6b", VOCABULARY, tmp_path / "work", None, "Q8_0", 1, corpus=Path(__file__).parent)
    record = convert.convert(settings, progress=lambda line: None)
    assert [stage.name for stage in record.stages] == [
        *("merge", "prune", "gguf", "gguf, pruned", "quantize", "verify", "tabtab-local bench"),
        *("quantize, pruned", "verify, pruned", "tabtab-local bench, pruned", "compare"),
    ]
    assert not (tmp_path / "work").exists()
