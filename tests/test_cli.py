"""The command line, as a person or an editor calls it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tabtab_local import registry
from tabtab_local.cli import main
from tabtab_local.prompt import CURSOR, Response, parse_prompt, render_response
from tests.fakes import ScriptedEngine

EXAMPLES = Path(__file__).parent.parent / "examples"
TIMINGS = [
    "load_ms",
    "prompt_tokens",
    "evaluated_tokens",
    "prompt_ms",
    "first_token_ms",
    "decoded_tokens",
    "drafted_tokens",
    "accepted_tokens",
    "decode_ms",
    "total_ms",
]


def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own, as a user does."""
    command = [sys.executable, "-m", "tabtab_local", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd or EXAMPLES, check=False)


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    for word in words:
        assert word in done.stderr


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "load.py"
    path.write_text("import pandas as pd\n\nfile = 'sales.csv'\ndf = \n")
    return path


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch):
    """Let a script answer in place of a model: a function from the prompt's region, cursor marked, to the answer's."""

    def install(answer):
        class Engine(ScriptedEngine):
            def __enter__(self):
                return self

            def __exit__(self, *_):
                pass

            def generate(self, prompt, start, **options):
                asked = parse_prompt(prompt)
                region = answer(asked.region[: asked.cursor] + CURSOR + asked.region[asked.cursor :])
                said = Response(region.replace(CURSOR, ""), region.index(CURSOR), asked.intent)
                self._answers = [render_response(said)]
                return super().generate(prompt, start, **options)

        import tabtab_local.engine

        monkeypatch.setattr(tabtab_local.engine, "LlamaEngine", lambda path, **options: Engine([]), raising=False)

    return install


def test_the_json_document_is_that_of_the_design_and_alone_on_stdout():
    done = run("complete", "load_csv.py", "--line", 4, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert list(document) == [
        "model",
        "prompt_version",
        "intent",
        "edits",
        "cursor",
        "silence",
        "confidence",
        "timings",
    ]
    assert document["model"] == "tabtab-nano"
    assert list(document["timings"]) == TIMINGS
    assert document["edits"][0]["start"] == {"line": 4, "column": 6}
    assert document["edits"][0]["text"].startswith("pd.read_csv(")
    assert document["cursor"]["line"] >= 4


def test_the_default_output_in_a_pipe_is_a_plain_diff_that_patch_takes(script):
    done = run("complete", script.name, "--line", 4, cwd=script.parent)
    assert done.stdout.startswith(f"--- a/{script.name}\n+++ b/{script.name}\n@@ ")
    assert "\x1b" not in done.stdout
    assert "\n-df = \n+df = pd.read_csv(" in done.stdout
    if shutil.which("git"):
        patch = ["git", "apply", "--check", "-"]
        subprocess.run(patch, input=done.stdout, text=True, check=True, cwd=script.parent)


@pytest.mark.parametrize("name", ["with blank.py", "plain.py"])
def test_a_diff_with_control_characters_and_odd_names_can_be_applied(tmp_path, scripted, monkeypatch, name):
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_text("text = '\x1b[31m\x0c é'\nx = \n", encoding="utf-8")
    scripted(lambda region: region.replace(CURSOR, f"1\ny = 2{CURSOR}"))
    done = CliRunner().invoke(main, ["complete", name, "--line", "2"])
    subprocess.run(["git", "apply", "-"], input=done.stdout.encode(), check=True)
    assert path.read_text(encoding="utf-8").endswith("x = 1\ny = 2\n")


def test_code_that_the_output_cannot_show_is_no_reason_to_fail(tmp_path):
    path = tmp_path / "a.ipynb"
    text = (EXAMPLES / "house_prices.ipynb").read_text().replace("# House prices", "x")
    path.write_text(text.replace("houses.csv", "\\ud83d → houses.csv"))
    command = [
        sys.executable,
        "-m",
        "tabtab_local",
        "complete",
        path,
        "--cell",
        "3",
        "--line",
        "1",
        "--apply",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=False)
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)


def test_apply_makes_the_edit_that_is_shown(script):
    shown = run("complete", script.name, "--line", 4, cwd=script.parent).stdout
    done = run("complete", script.name, "--line", 4, "--apply", cwd=script.parent)
    assert (done.returncode, done.stdout) == (0, shown)
    added = [line[1:] for line in shown.splitlines()[3:] if line.startswith("+")]
    assert script.read_text().endswith("".join(f"{line}\n" for line in added))


@pytest.mark.parametrize(
    ("name", "place", "expected"),
    [
        ("sales_report.py", ["--line", 31], '+    plt.ylabel("revenue")'),
        (
            "house_prices.ipynb",
            ["--cell", 4, "--line", 1, "--intent", "Plot a histogram of price"],
            'plot(kind="hist")',
        ),
    ],
)
def test_the_examples_get_edits(name, place, expected):
    done = run("complete", name, *place)
    assert done.returncode == 0
    assert expected in done.stdout


def test_apply_keeps_the_newline_style_the_encoding_and_the_mode(tmp_path, scripted):
    path = tmp_path / "old.py"
    path.write_bytes("# coding: latin-1\r\nname = 'é'\r\nx = \r\n".encode("latin-1"))
    path.chmod(0o640)
    scripted(lambda region: region.replace(CURSOR, f"1\ny = 2{CURSOR}"))
    done = CliRunner().invoke(main, ["complete", str(path), "--line", "3", "--apply"])
    assert done.exit_code == 0, done.output
    assert path.read_bytes() == "# coding: latin-1\r\nname = 'é'\r\nx = 1\r\ny = 2\r\n".encode("latin-1")
    assert path.stat().st_mode & 0o777 == 0o640


def test_apply_to_a_jupyter_cell_leaves_the_rest_of_the_file_as_it_was(tmp_path, scripted):
    path = tmp_path / "a.ipynb"
    shutil.copy(EXAMPLES / "house_prices.ipynb", path)
    before = json.loads(path.read_text())
    scripted(lambda region: region.replace(CURSOR, f"import os\nos.getcwd(){CURSOR}"))
    done = CliRunner().invoke(main, ["complete", str(path), "--cell", "4", "--line", "1", "--apply", "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["edits"][0]["start"] == {"line": 1, "column": 1}
    assert document["cursor"] == {"line": 2, "column": 12}
    after = json.loads(path.read_text())
    assert after["cells"][3].pop("source") == ["import os\n", "os.getcwd()"]
    before["cells"][3].pop("source")
    assert after == before


def test_silence_is_empty_output_with_the_reason_on_stderr(script, scripted):
    scripted(lambda region: region)
    done = CliRunner().invoke(main, ["complete", str(script), "--line", "4"])
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no suggestion: no_op: nothing to change\n")


def test_a_file_that_changed_meanwhile_is_not_written(script, scripted):
    def answer(region):
        script.write_text("something else\n")
        return region.replace(CURSOR, f"1{CURSOR}")

    scripted(answer)
    done = CliRunner().invoke(main, ["complete", str(script), "--line", "4", "--apply"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "has changed since it was read" in done.stderr
    assert script.read_text() == "something else\n"


def test_a_read_only_file_is_not_written(script):
    script.chmod(0o444)
    before = script.read_bytes()
    done = run("complete", script, "--line", 4, "--apply")
    assert_one_line(done, 1, "read-only", "chmod")
    assert script.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "arguments", "code", "words"),
    [
        (None, ["--line", "1"], 1, ["does not exist"]),
        (b"\x7fELF\x00\x01", ["--line", "1"], 1, ["NUL byte"]),
        (b"x = '\xff\xfe'\n", ["--line", "1"], 1, ["not valid utf-8", "offset 5"]),
        (b"", ["--line", "1"], 2, ["empty"]),
        (b"x = 1\n", ["--line", "9"], 2, ["line 9", "choose 1-2"]),
        (b"x = 1\n", ["--line", "0"], 2, ["line 0"]),
        (b"x = 1\n", ["--line", "1", "--column", "99"], 2, ["column 99", "choose 1-6"]),
    ],
)
def test_bad_input_gets_one_line_and_an_exit_code(tmp_path, content, arguments, code, words):
    path = tmp_path / "bad.py"
    if content is not None:
        path.write_bytes(content)
    done = run("complete", path, *arguments, "--apply")
    assert_one_line(done, code, "bad.py", *words)
    assert not path.exists() or path.read_bytes() == content
    assert [other.name for other in tmp_path.iterdir()] == ([path.name] if content is not None else [])


def test_a_folder_is_refused(tmp_path):
    assert_one_line(run("complete", tmp_path, "--line", 1), 1, "is a folder")


def without_metadata(path: Path, out: Path, key: str, value: int | None) -> Path:
    """Copy a GGUF with its metadata `key` left out, or set to another number."""
    data = path.read_bytes()
    place = data.index(key.encode()) + len(key) + 4
    if value is None:
        return Path(out.write_bytes(data.replace(key.encode(), key.encode()[::-1])) and out)
    return Path(out.write_bytes(data[:place] + value.to_bytes(4, "little") + data[place + 4 :]) and out)


def test_models_that_cannot_be_used_get_one_line(script, tiny_gguf, tmp_path):
    whole = tiny_gguf.read_bytes()
    truncated, text = tmp_path / "cut.gguf", tmp_path / "text.gguf"
    truncated.write_bytes(whole[: len(whole) // 2])
    text.write_text("hello, this is no model")
    foreign = without_metadata(tiny_gguf, tmp_path / "foreign.gguf", "tabtab.prompt_version", None)
    newer = without_metadata(tiny_gguf, tmp_path / "newer.gguf", "tabtab.prompt_version", 7)
    cases = [
        (truncated, ["cut.gguf"]),
        (text, ["not a GGUF"]),
        (foreign, ["without tabtab metadata"]),
        (newer, ["version 7", "version 1"]),
        (tmp_path / "none.gguf", ["none.gguf"]),
        ("no-such-model", ["tabtab-nano", "no-such-model"]),
        ("tabtab-qwen3-1.7b", ["does not ship"]),
    ]
    before = script.read_bytes()
    for model, words in cases:
        assert_one_line(run("complete", script, "--line", 4, "--apply", "--model", model), 1, *words)
    assert script.read_bytes() == before


def test_a_model_can_be_given_by_its_path(script, tiny_gguf):
    done = run("complete", script, "--line", 4, "--json", "--model", tiny_gguf)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"] == "tiny"


def test_wrong_usage_exits_with_two(script):
    assert run("complete", script).returncode == 2
    assert run("complete", script, "--line", "x").returncode == 2
    assert run("no-such-command").returncode == 2


def test_models_lists_the_registry():
    done = run("models")
    assert all(re.search(rf"^{re.escape(name)} ", done.stdout, re.MULTILINE) for name in registry.MODELS)
    assert [entry["name"] for entry in json.loads(run("models", "--json").stdout)] == list(registry.MODELS)


def test_bench_prints_one_document():
    report = json.loads(run("bench", "--repeats", 1, "--json").stdout)
    assert report["machine"]["cpu"]


def test_a_terminal_gets_a_coloured_diff(script):
    pty = pytest.importorskip("pty", reason="a terminal is imitated on POSIX systems only")
    main_end, other_end = pty.openpty()
    command = [sys.executable, "-m", "tabtab_local", "complete", str(script), "--line", "4"]
    done = subprocess.run(command, stdout=other_end, check=True)
    assert done.returncode == 0
    assert b"\x1b[32m+df = pd.read_csv(" in os.read(main_end, 65536)
    os.close(main_end)
    os.close(other_end)


def test_the_help_of_every_option_says_something():
    for command in main.commands.values():
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.help, f"{command.name} {parameter.name}"
