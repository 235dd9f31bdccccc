"""Publishing on the Hub: against a server that speaks its protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from convert.card import Made, card
from convert.modelfile import modelfile
from convert.pipeline import Recipe, package
from tabtab_local import registry
from tests.hub import TOKEN, Hub, serve
from tests.tiny import tiny_adapter

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def made(tiny_qwen3_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with two quants; treat it as read-only."""
    folder = tmp_path_factory.mktemp("made")
    tiny_adapter(folder / "adapter", tiny_qwen3_folder)
    recipe = Recipe(folder / "adapter", folder / "package", "tabtab-qwen3-0.6b", quants=("Q8_0", "Q4_0"), threads=1)
    package(recipe, lambda line: None)
    return folder / "package"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve() as hub:
        yield hub


def _publish(folder: Path, hub: Hub, *arguments: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": token, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    # Large files by git LFS: the library's other way, Xet, is a protocol of its own between it and the storage.
    environment["HF_HUB_DISABLE_XET"] = "1"
    del environment["HF_HUB_OFFLINE"]
    command = [sys.executable, "-m", "convert", "publish", str(folder), "--user", "me", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def _metadata(readme: bytes) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(readme.decode().split("---\n")[1])
    return found


def test_three_private_repositories_are_filled_by_one_commit_each(made: Path, hub: Hub) -> None:
    done = _publish(made, hub)
    assert done.returncode == 0, done.stderr
    ids = ["me/tabtab-qwen3-0.6b-LoRA", "me/tabtab-qwen3-0.6b", "me/tabtab-qwen3-0.6b-GGUF"]
    assert done.stdout.splitlines() == [f"{hub.url}/{id_}" for id_ in ids]
    assert list(hub.commits) == ids
    assert {settings["visibility"] for settings in hub.repositories.values()} == {"private"}
    adapter, merged, gguf = map(hub.files, ids)
    assert adapter["adapter_model.safetensors"] == (made / "adapter" / "adapter_model.safetensors").read_bytes()
    assert merged["model.safetensors"] == (made / "merged" / "model.safetensors").read_bytes()
    for quant in ("Q8_0", "Q4_0"):
        name = f"tabtab-qwen3-0.6b-{quant}.gguf"
        assert gguf[name] == (made / name).read_bytes()
    assert {
        "imatrix.gguf",
        "report.md",
        "report.json",
        "Modelfile",
        "Modelfile.fim",
        "template",
        "params",
        "system",
    } < {*gguf}
    for files in (adapter, merged, gguf):
        assert b"Apache License" in files["LICENSE"]


def test_the_hub_knows_what_each_is_made_of(made: Path, hub: Hub) -> None:
    assert _publish(made, hub).returncode == 0
    adapter, merged, gguf = (_metadata(commits[0]["README.md"]) for commits in hub.commits.values())
    base = registry.get("tabtab-qwen3-0.6b").base
    assert [(one["base_model"], one["base_model_relation"]) for one in (adapter, merged, gguf)] == [
        (base, "adapter"),
        (base, "finetune"),
        ("me/tabtab-qwen3-0.6b", "quantized"),
    ]
    assert {str(one["license"]) for one in (adapter, merged, gguf)} == {"apache-2.0"}


def test_ollama_finds_template_and_parameters_as_in_the_modelfile(made: Path, hub: Hub) -> None:
    assert _publish(made, hub).returncode == 0
    files = hub.files("me/tabtab-qwen3-0.6b-GGUF")
    text = modelfile("tabtab-qwen3-0.6b")
    assert f'TEMPLATE """{files["template"].decode()}"""' in text
    for key, value in json.loads(files["params"]).items():
        lines = [f'PARAMETER stop "{stop}"' for stop in value] if key == "stop" else [f"PARAMETER {key} {value}"]
        assert set(lines) <= set(text.splitlines())


def test_no_folder_of_this_machine_is_named(made: Path, hub: Hub, tiny_qwen3_folder: Path) -> None:
    assert _publish(made, hub).returncode == 0
    for commits in hub.commits.values():
        for path, content in commits[0].items():
            assert str(tiny_qwen3_folder).encode() not in content, path
    config = json.loads(hub.files("me/tabtab-qwen3-0.6b-LoRA")["adapter_config.json"])
    assert config["base_model_name_or_path"] == "Qwen/Qwen3-0.6B-Base"


def test_a_run_that_was_stopped_goes_on_without_sending_large_files_again(made: Path, hub: Hub) -> None:
    hub.refused_uploads = 2
    done = _publish(made, hub)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "cannot be published" in line and line.endswith("run it again to go on")
    assert "Traceback" not in done.stderr
    sent = set(hub.objects)
    assert len(sent) == 2
    hub.refused_uploads = None
    hub.requests.clear()
    assert _publish(made, hub).returncode == 0
    again = {request.split("/")[2] for request in hub.requests if request.startswith("PUT ")}
    assert not again & sent
    assert all(len(commits) == 1 for commits in hub.commits.values())


def test_large_files_go_in_parts(made: Path, hub: Hub) -> None:
    assert _publish(made, hub).returncode == 0
    numbers = {request.rpartition("/")[2] for request in hub.requests if request.startswith("PUT ")}
    assert {"1", "2", "3"} <= numbers


def test_a_dry_run_shows_every_file_and_every_card_and_sends_nothing(made: Path, hub: Hub) -> None:
    done = _publish(made, hub, "--dry-run", "--public", token="")
    assert done.returncode == 0, done.stderr
    assert hub.requests == []
    for text in ("me/tabtab-qwen3-0.6b-GGUF (public)", "tabtab-qwen3-0.6b-Q4_0.gguf", "ollama run hf.co/me/"):
        assert text in done.stdout
    assert done.stdout.count("base_model_relation:") == 3


def test_public_is_said_so(made: Path, hub: Hub) -> None:
    assert _publish(made, hub, "--public").returncode == 0
    assert {settings["visibility"] for settings in hub.repositories.values()} == {"public"}


@pytest.mark.parametrize(
    ("token", "message"), [("", "nobody is logged in to the Hub"), ("hf_other", "cannot be published")]
)
def test_without_a_login_that_may_write_it_fails_in_one_line(made: Path, hub: Hub, token: str, message: str) -> None:
    done = _publish(made, hub, token=token)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("error: ")


def test_a_folder_that_all_has_not_finished_is_refused(tmp_path: Path, hub: Hub) -> None:
    done = _publish(tmp_path, hub)
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {tmp_path} has no manifest.json: give a folder that `python -m convert all` made\n",
    )


def test_an_evaluation_and_the_report_stand_in_the_card(made: Path, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "leaderboard.md").write_text("| model | right |\n|---|---|\n| ours | 61.8 |\n")
    assert _publish(made, hub, "--evaluation", str(tmp_path / "leaderboard.md")).returncode == 0
    readme = hub.files("me/tabtab-qwen3-0.6b-GGUF")["README.md"].decode()
    assert "| ours | 61.8 |" in readme
    assert (made / "report.md").read_text().strip() in readme


@pytest.mark.parametrize("name", registry.MODELS)
@pytest.mark.parametrize("kind", ["adapter", "merged", "gguf"])
def test_every_model_has_a_card(name: str, kind: str) -> None:
    model = registry.get(name)
    made = Made(model, {"base_sha256": "b", "settings": {"rank": 32}}, f"{name}-Q8_0.gguf")
    text = card(made, kind, "me")  # type: ignore[arg-type]
    metadata = _metadata(text.encode())
    assert metadata["license"] == model.license
    assert ("base_model" in metadata) == (model.base is not None or kind == "gguf")
    assert "| rank | 32 |" in text
