"""`python -m convert`: the whole way from an adapter to a package, and how each command fails."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from gguf import GGUFReader

from convert.__main__ import main
from convert.pipeline import QUANTS
from tabtab_local.command import Group
from tabtab_local.errors import Cancelled, DocumentError, TabTabError, UsageError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.output import new_file, new_folder
from tests.tiny import LLAMA3_ROPE, gguf_logits, hf_logits, tiny_adapter, tiny_llama, tiny_tokenizer

ROOT = Path(__file__).parents[1]


@pytest.fixture
def adapter(tiny_qwen3_folder: Path, tmp_path: Path) -> Path:
    tiny_adapter(tmp_path / "adapter", tiny_qwen3_folder)
    return tmp_path / "adapter"


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def package(tiny_qwen3_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What `all` makes of an adapter, with what it says on stderr; treat it as read-only."""
    folder = tmp_path_factory.mktemp("all")
    tiny_adapter(folder / "adapter", tiny_qwen3_folder)
    out = folder / "package"
    done = _python("-m", "convert", "all", "--adapter", str(folder / "adapter"), "--out", str(out), "--threads", "1")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((out / "manifest.json").read_text())
    assert done.stdout == f"{out / manifest['recommended']}\n"
    return out, done.stderr


def test_all_makes_a_package_that_answers_as_base_plus_adapter(
    tiny_qwen3_folder: Path, package: tuple[Path, str], tmp_path: Path
) -> None:
    out, said = package
    stages = [line.split(":")[0] for line in said.splitlines() if line.endswith(" s")]
    assert stages == [
        "merge",
        "gguf",
        "importance matrix",
        *(f"quantize {quant}" for quant in QUANTS),
        "verify",
        "report",
    ]
    assert {path.name for path in out.iterdir()} == {
        *(f"tabtab-nano-{quant}.gguf" for quant in QUANTS),
        *("adapter", "merged", "imatrix.gguf", "report.json", "report.md", "manifest.json"),
        *("Modelfile", "Modelfile.fim", "README.md", "LICENSE"),
    }
    both = tiny_adapter(tmp_path / "again", tiny_qwen3_folder)
    tokens = tiny_tokenizer().encode("import json\nx = json.loads(text)\n", add_special_tokens=False)
    expected, found = hf_logits(both, tokens), gguf_logits(out / "tabtab-nano-Q8_0.gguf", tokens)
    assert (found - expected).std() < 0.05 * expected.std()


def test_the_runtime_answers_with_each_quant(package: tuple[Path, str]) -> None:
    for file in sorted(package[0].glob("tabtab-nano-*.gguf")):
        done = _python(
            "-m", "tabtab_local", "complete", "examples/load_csv.py", "--line", "3", "--model", str(file), "--json"
        )
        assert (done.returncode, json.loads(done.stdout)["model"]) == (0, "tabtab-nano"), done.stderr


def test_the_manifest_names_every_other_file_with_its_hash(package: tuple[Path, str]) -> None:
    out, _ = package
    manifest = json.loads((out / "manifest.json").read_text())
    record = json.loads((out / "adapter" / "training.json").read_text())
    assert {key: value for key, value in manifest.items() if key not in ("files", "recommended")} == {
        "name": "tabtab-nano",
        "prompt_version": 1,
        "quants": list(QUANTS),
        "base_sha256": record["base_sha256"],
        "data_sha256": record["data_sha256"],
    }
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} - {"manifest.json"}
    assert {entry["name"] for entry in manifest["files"]} == files
    for entry in manifest["files"]:
        path = out / entry["name"]
        assert (entry["bytes"], entry["sha256"]) == (path.stat().st_size, file_sha256(path))


def test_the_report_recommends_by_its_rule_and_everything_follows_it(package: tuple[Path, str]) -> None:
    out, _ = package
    report = json.loads((out / "report.json").read_text())
    assert [row["quant"] for row in report["rows"]] == ["F16", *QUANTS]
    assert (report["rows"][0]["divergence"], report["rows"][0]["agreement"]) == (0, 1)
    good = [row for row in report["rows"][1:] if row["agreement"] >= 0.98]
    best = (
        min(good, key=lambda row: row["size_bytes"])
        if good
        else max(report["rows"][1:], key=lambda row: row["agreement"])
    )
    assert report["recommended"] == best["file"]
    for name in ("Modelfile", "Modelfile.fim"):
        assert (out / name).read_text().startswith(f"FROM ./{best['file']}\n")
    assert f"**{best['quant']}**" in (out / "README.md").read_text()


def test_the_commands_one_by_one_make_the_same_files(package: tuple[Path, str], tmp_path: Path) -> None:
    out, _ = package

    def run(*arguments: str | Path) -> None:
        result = CliRunner().invoke(main, list(map(str, arguments)))
        assert result.exit_code == 0, result.stderr

    run("merge", "--adapter", out / "adapter", "--out", tmp_path / "merged")
    run("gguf", tmp_path / "merged", "--out", tmp_path / "full.gguf")
    # In a process of its own, as in the package: the last bits of torch's sums depend on what ran in it before.
    done = _python("-m", "convert", "imatrix", str(tmp_path / "merged"), "--out", str(tmp_path / "imatrix.gguf"))
    assert done.returncode == 0, done.stderr
    run("quantize", tmp_path / "full.gguf", "--out", tmp_path / "Q8_0.gguf", "--threads", "1")
    arguments = ["--quant", "Q4_K_M", "--imatrix", tmp_path / "imatrix.gguf", "--threads", "1"]
    run("quantize", tmp_path / "full.gguf", "--out", tmp_path / "Q4_K_M.gguf", *arguments)
    run("verify", tmp_path / "merged", tmp_path / "full.gguf", "--threads", "1")
    for quant in ("Q8_0", "Q4_K_M"):
        assert (tmp_path / f"{quant}.gguf").read_bytes() == (out / f"tabtab-nano-{quant}.gguf").read_bytes()
    run("modelfile", "tabtab-nano", "--fim", "--out", tmp_path / "Modelfile")
    assert (
        CliRunner().invoke(main, ["modelfile", "tabtab-nano", "--fim"]).stdout == (tmp_path / "Modelfile").read_text()
    )


def test_a_llama_that_begins_texts_with_bos_goes_the_same_way(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "base", tied=False, rope_parameters=LLAMA3_ROPE)
    (tmp_path / "base" / "LICENSE.txt").write_text("THE AGREEMENT\n")
    (tmp_path / "base" / "USE_POLICY.md").write_text('The """policy"""\n')
    tiny_adapter(tmp_path / "adapter", tmp_path / "base", use_dora=True)
    document = json.loads((tmp_path / "adapter" / "tokenizer.json").read_text())
    begin, text = ({"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}})
    special = {"id": "<|endoftext|>", "ids": [tiny_tokenizer().eos_token_id], "tokens": ["<|endoftext|>"]}
    document["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [begin, text],
        "pair": [begin, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<|endoftext|>": special},
    }
    (tmp_path / "adapter" / "tokenizer.json").write_text(json.dumps(document))
    settings = json.loads((tmp_path / "adapter" / "tokenizer_config.json").read_text())
    settings = {**settings, "bos_token": "<|endoftext|>", "tokenizer_class": "PreTrainedTokenizerFast"}
    (tmp_path / "adapter" / "tokenizer_config.json").write_text(json.dumps(settings))
    arguments = ["--adapter", str(tmp_path / "adapter"), "--out", str(tmp_path / "out"), "--name", "tabtab-llama3.2-1b"]
    result = CliRunner().invoke(main, ["all", *arguments, "--quant", "Q8_0", "--threads", "1"])
    assert result.exit_code == 0, result.stderr
    file = tmp_path / "out" / "tabtab-llama3.2-1b-Q8_0.gguf"
    assert GGUFReader(file).get_field("tokenizer.ggml.add_bos_token").contents() is True
    assert "Built with Llama" in (tmp_path / "out" / "README.md").read_text()
    assert (tmp_path / "out" / "merged" / "LICENSE.txt").read_text() == "THE AGREEMENT\n"
    text = (tmp_path / "out" / "LICENSE").read_text()
    assert text.startswith("Built with Llama") and text.endswith('\n\nTHE AGREEMENT\n\nThe """policy"""\n')
    for name in ("Modelfile", "Modelfile.fim"):
        parts = (tmp_path / "out" / name).read_text().split('"""')
        assert len(parts) == 5 and parts[3].endswith("THE AGREEMENT\n\nThe '''policy'''")


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (3, 1)])
def test_all_ends_with_ollama_where_it_is_installed(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, ends: int
) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ollama"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\necho could not connect >&2\nexit {code}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    out = tmp_path / "package"
    arguments = ["all", "--adapter", str(adapter), "--out", str(out), "--quant", "Q8_0", "--threads", "1"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == ends
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[0] == f"create tabtab-nano -f {out}/Modelfile"
    if code:
        assert "failed: could not connect; is `ollama serve` running?" in result.stderr.splitlines()[-1]
    else:
        assert asked[1:] == [f"create tabtab-nano:fim -f {out}/Modelfile.fim"]
    assert (out / "manifest.json").exists()


def test_without_ollama_the_commands_are_printed(package: tuple[Path, str]) -> None:
    out, said = package
    if shutil.which("ollama") is None:
        assert said.splitlines()[-2:] == [
            f"to run it in Ollama: ollama create tabtab-nano -f {out}/Modelfile",
            f"to run it in Ollama: ollama create tabtab-nano:fim -f {out}/Modelfile.fim",
        ]


@pytest.mark.parametrize("stage", ["merge", "quantize"])
def test_a_failure_at_any_stage_is_one_line_and_leaves_nothing(adapter: Path, tmp_path: Path, stage: str) -> None:
    name = "training.json" if stage == "merge" else "tokenizer_config.json"
    document = json.loads((adapter / name).read_text())
    change = {"base_sha256": "0"} if stage == "merge" else {"bos_token": "<|nowhere|>"}
    (adapter / name).write_text(json.dumps({**document, **change}))
    result = CliRunner().invoke(main, ["all", "--adapter", str(adapter), "--out", str(tmp_path / "package")])
    assert result.exit_code == 1
    assert (result.stdout, result.stderr.splitlines()[-1][:7]) == ("", "error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("command", ["merge", "gguf", "imatrix", "quantize", "prune", "all"])
def test_a_disk_that_is_full_is_one_line_and_leaves_nothing(
    tiny_qwen3_folder: Path, tiny_gguf: Path, adapter: Path, tmp_path: Path, command: str
) -> None:
    """A process that may not write files of more than 4 kB meets what a full disk is: a write that fails midway."""
    arguments = {
        "merge": ["--adapter", adapter],
        "gguf": [tiny_qwen3_folder],
        "imatrix": [tiny_qwen3_folder, "--texts", 2],
        "quantize": [tiny_gguf],
        "prune": [tiny_qwen3_folder, "--corpus", ROOT / "tests", "--keep", 512],
        "all": ["--adapter", adapter, "--quant", "Q8_0"],
    }[command]
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000));"
        "from convert.__main__ import main; main(sys.argv[1:], prog_name='convert')"
    )
    done = _python("-c", code, command, *map(str, arguments), "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: "), done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter"]


def test_a_full_output_folder_is_refused_before_any_work(adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "mine").write_text("mine")
    result = CliRunner().invoke(main, ["all", "--adapter", str(adapter), "--out", str(tmp_path / "package")])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {tmp_path / 'package'} exists and is not an empty folder")
    assert [path.name for path in (tmp_path / "package").iterdir()] == ["mine"]


def test_wrong_usage_ends_with_2(tmp_path: Path) -> None:
    for arguments in (["all"], ["modelfile", "gpt"], ["nothing"], ["gguf", str(tmp_path / "no"), "--out", "x"]):
        assert CliRunner().invoke(main, arguments).exit_code == 2


def test_every_option_has_a_help_text() -> None:
    for command in main.commands.values():
        assert command.help
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, f"{command.name} {parameter.name}"


def test_help_loads_neither_torch_nor_llama_cpp() -> None:
    code = (
        "import sys; from convert.__main__ import main; main(['all', '--help'], standalone_mode=False);"
        "print(sorted({'torch', 'llama_cpp', 'transformers', 'numpy'} & {*sys.modules}))"
    )
    done = _python("-c", code)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert "[default: tabtab-nano]" in done.stdout


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (UsageError("line 9 is outside"), 2, "error: line 9 is outside"),
        (DocumentError("two\nlines"), 1, "error: two lines"),
        (Cancelled("a newer request"), 1, "error: a newer request"),
        (TabTabError("root"), 1, "error: root"),
        (FileNotFoundError(2, "No such file or directory", "x.py"), 1, "error: x.py: No such file or directory"),
        (OSError("disk gone"), 1, "error: disk gone"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_a_group_turns_what_a_user_can_cause_into_a_line_and_a_code(
    raised: BaseException, code: int, message: str
) -> None:
    @click.group(cls=Group)
    def outer() -> None: ...

    @outer.group("inner")
    def inner() -> None: ...

    @inner.command("fail")
    def fail() -> None:
        raise raised

    result = CliRunner().invoke(outer, ["inner", "fail"])
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"{message}\n")


def test_a_group_lets_our_own_mistakes_through() -> None:
    @click.group(cls=Group)
    def outer() -> None: ...

    @outer.command("fail")
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        CliRunner().invoke(outer, ["fail"], catch_exceptions=False)


def test_a_reader_that_goes_away_gets_no_message() -> None:
    code = (
        "import click\nfrom tabtab_local.command import Group\n"
        "@click.group(cls=Group)\ndef main(): ...\n"
        "@main.command('many')\ndef many():\n"
        "    for number in range(100_000): click.echo(number)\n"
        "main(['many'])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        assert process.stderr.read() == ""


def test_new_files_and_folders_are_whole_or_not_there(tmp_path: Path) -> None:
    for make in (new_file, new_folder):
        with pytest.raises(KeyboardInterrupt), make(tmp_path / "out") as temporary:
            target = temporary / "part" if temporary.is_dir() else temporary
            target.write_text("half")
            raise KeyboardInterrupt
        assert list(tmp_path.iterdir()) == []
    with new_file(tmp_path / "deep" / "out") as temporary:
        temporary.write_text("whole")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
