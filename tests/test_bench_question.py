"""What a peer of the typing benchmark is asked, and where its answer ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from gguf import GGUFWriter, TokenType
from transformers.convert_slow_tokenizer import bytes_to_unicode

from bench.peer.question import OWN_TOKENS, Question, question
from bench.peer.ruler import FILL_IN, Ruler
from tabtab_local.document import Document, open_document
from tabtab_local.prompt import CURSOR, EDIT_END, EDIT_START, parse_prompt, plain
from tabtab_local.replay.asker import Moment
from tests.test_bench_peer import CODE, PLACE, moment


@pytest.fixture(scope="module")
def ruler(tiny_gguf: Path) -> Iterator[Ruler]:
    with closing(Ruler(tiny_gguf, 1024)) as ruler:
        yield ruler


def test_our_prompt_is_of_our_format_and_forces_the_answer_up_to_the_cursor(ruler: Ruler) -> None:
    asked = question("ours", moment(" fra", "me"), ruler, told=False)
    prompt, marker, start = asked.text.rpartition("<|INTENT|>")
    parsed = parse_prompt(prompt)
    forced = start.partition(f"{EDIT_START}\n")[2]
    assert marker and plain(forced) == parsed.region[: parsed.cursor]
    assert forced.endswith("result = fra") and asked.stops == (CURSOR, EDIT_END) and not asked.truth
    told = question("ours", moment(" fra", "me"), ruler, told=True)
    assert ruler.text(told.truth) == f"me{CURSOR}" and told.max_tokens == len(told.truth) and not told.stops


def test_its_own_prompt_is_the_code_before_the_cursor_where_nothing_can_be_filled_in(ruler: Ruler) -> None:
    asked = question("own", moment(" fra"), ruler, told=False)
    assert asked.text == CODE[:PLACE] + " fra" and asked.max_tokens == OWN_TOKENS and not asked.stops
    told = question("own", moment(" fra", "me"), ruler, told=True)
    assert ruler.text(told.truth) == "me" and told.truth[-1] == ruler.end_of_text


def test_its_own_prompt_fits_and_begins_the_same_from_key_to_key(ruler: Ruler) -> None:
    lines = "".join(f"value_{i} = compute({i}, 'a word')\n" for i in range(400))
    texts = []
    for typed in range(40):
        code = lines + "x" * typed
        asked = question("own", Moment("", 1, "type", Document("python", code, code, len(code)), ""), ruler, told=False)
        assert len(ruler.prompt_tokens(asked.text)) + asked.max_tokens <= ruler.model.context_tokens
        texts.append(asked.text)
    assert len({text[:500] for text in texts}) == 1
    line = "x = " + " + ".join(f"value_{i}" for i in range(3000))
    asked = question("own", Moment("", 1, "type", Document("python", line, line, len(line)), ""), ruler, told=False)
    assert asked.text and line.endswith(asked.text)
    assert len(ruler.prompt_tokens(asked.text)) + asked.max_tokens <= ruler.model.context_tokens


def test_its_own_prompt_holds_the_other_cells_of_a_notebook(ruler: Ruler) -> None:
    cells = [
        {"cell_type": "code", "metadata": {}, "source": text, "outputs": []} for text in ("a = 1", "b = ", "c = 3")
    ]
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    document = open_document(text, jupyter=True, line=1, cell=2)
    assert question("own", Moment("", 1, "type", document, ""), ruler, told=False).text == "a = 1\n\nb = "


def test_its_own_prompt_fills_in_the_middle_where_the_vocabulary_can(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.gguf"
    writer = GGUFWriter(path, "qwen2")
    letters = [*bytes_to_unicode().values()]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([*letters, *FILL_IN, "<|endoftext|>"])
    writer.add_token_types([TokenType.NORMAL] * len(letters) + [TokenType.CONTROL] * 4)
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(len(letters) + 3)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with closing(Ruler(path, 1024)) as ruler:
        asked = question("own", moment(" fra", "me"), ruler, told=False)
        assert ruler.fills_in
        before, behind = CODE[:PLACE] + " fra", CODE[PLACE:]
        assert asked.text == f"<|fim_prefix|>{before}<|fim_suffix|>{behind}<|fim_middle|>"
        assert len(ruler.prompt_tokens(asked.text)) == 3 + len(before) + len(behind)


def test_with_random_weights_other_tokens_stand_for_those_to_fill_in_with(ruler: Ruler) -> None:
    asked = question("own", moment(" fra", "me"), ruler, told=True)
    before, behind = CODE[:PLACE] + " fra", CODE[PLACE:]
    tokens = ruler.prompt_tokens(asked.text)
    assert tokens.count(ruler.end_of_text) == 3
    assert len(tokens) == 3 + ruler.count_tokens(before) + ruler.count_tokens(behind)


def test_an_answer_to_its_own_prompt_ends_behind_its_first_line_with_text() -> None:
    asked = Question("own", "", OWN_TOKENS)
    for written, insertion, enough in (
        ("", "", False),
        (" x", " x", False),
        (" x\n", " x", True),
        ("\n    x", "\n    x", False),
        ("\n    x = 1\n    y", "\n    x = 1", True),
    ):
        assert (asked.insertion(written), asked.enough(written)) == (insertion, enough)
    assert not Question("ours", "", 9).enough("x\ny\n")
    assert not Question("own", "", 9, truth=(1, 2)).enough("x\ny\n")
