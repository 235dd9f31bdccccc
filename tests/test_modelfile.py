"""Modelfiles and the registry that they are rendered from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from convert.modelfile import modelfile
from tabtab_local import registry
from tabtab_local.errors import ModelError
from tabtab_local.prompt import CURSOR, EDIT_END, PROMPT_VERSION, Prompt, render_prompt

FOLDER = Path(__file__).parents[1] / "Modelfiles"


def _parse(text: str) -> dict[str, str]:
    """Read a Modelfile as Ollama's parser does: values are bare, "…" or \"\"\"…\"\"\", with no escapes."""
    command = re.compile(r'(PARAMETER \w+|[A-Z]+) +("""(?:.*?)"""|"[^"]*"|[^"\n]+)(?:\n+|$)', re.DOTALL)
    found, position = {}, 0
    while position < len(text):
        match = command.match(text, position)
        assert match, f"not a command: {text[position : position + 40]!r}"
        value = match[2]
        quotes = 3 if value.startswith('"""') else int(value.startswith('"'))
        found[match[1]] = value[quotes : len(value) - quotes]
        position = match.end()
    return found


@pytest.mark.parametrize("name", registry.MODELS)
def test_the_file_in_the_repository_is_what_is_rendered(name: str) -> None:
    assert (FOLDER / f"{name}.Modelfile").read_text(encoding="utf-8") == modelfile(name), (
        f"run: python -m convert modelfile {name} --out Modelfiles/{name}.Modelfile"
    )


def test_there_is_one_file_for_each_model_of_the_registry() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.Modelfile" for name in registry.MODELS}


@pytest.mark.parametrize("name", registry.MODELS)
@pytest.mark.parametrize(("region", "cursor"), [("df = ", 5), ("import json\n\nx = 1\n", 12), ("", 0), ('"""', 1)])
def test_the_template_makes_the_runtimes_prompt_of_a_region(name: str, region: str, cursor: int) -> None:
    template = _parse(modelfile(name))["TEMPLATE"]
    content = region[:cursor] + CURSOR + region[cursor:]
    assert re.findall(r"{{.*?}}", template) == ["{{ .Prompt }}"]
    assert template.replace("{{ .Prompt }}", content) == render_prompt(Prompt(region, cursor))


@pytest.mark.parametrize("name", registry.MODELS)
def test_the_settings_are_the_registrys_and_answers_end(name: str) -> None:
    commands, model = _parse(modelfile(name)), registry.get(name)
    assert commands["FROM"] == f"./{model.file}"
    assert commands["PARAMETER num_ctx"] == str(model.context_tokens)
    assert commands["PARAMETER stop"] == EDIT_END
    assert commands["PARAMETER temperature"] == "0"
    assert 0 < int(commands["PARAMETER num_predict"]) < model.context_tokens
    assert ("Llama 3.2" in commands["LICENSE"]) == ("llama" in name)


def test_another_file_can_be_named() -> None:
    assert _parse(modelfile("tabtab-nano", "mine.gguf"))["FROM"] == "./mine.gguf"


def test_an_unknown_name_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(ModelError, match=r"no model is called 'gpt': choose one of tabtab-nano, tabtab-qwen3-0\.6b"):
        modelfile("gpt")


def test_the_registry_agrees_with_itself() -> None:
    models = list(registry.MODELS.values())
    assert registry.DEFAULT_MODEL in registry.MODELS
    assert len({model.file for model in models}) == len(models)
    for name, model in registry.MODELS.items():
        assert (model.name, model.prompt_version) == (name, PROMPT_VERSION)
        assert model.file.startswith(name)
        assert model.file.endswith(".gguf")
    assert registry.embedded_path().parts[-3:] == ("tabtab_local", "models", "tabtab-nano.gguf")


def test_the_embedded_model_needs_no_download() -> None:
    assert [model.name for model in registry.MODELS.values() if model.base is None] == [registry.DEFAULT_MODEL]
