"""`tabtab-local setup`: an editor's configuration, printed, or put where it belongs."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from json5.loader import loads

from tabtab_local.cli import main
from tabtab_local.errors import DocumentError
from tabtab_local.server import token
from tabtab_local.setup import place
from tabtab_local.setup.editor import EDITORS, Server
from tabtab_local.setup.merge import into_json, into_toml

ZED = """\
// Zed settings
{
  "ui_font_size": 16, // large
  /* Mine,
     all of them */
  "edit_predictions": {
    "provider": "zed", 'mode': "eager",
  },
  "theme": "Día 😀",
}
"""
MARIMO = """\
# mine
[completion]
activate_on_typing = true
copilot = "github"  # until now

[ai.models]
chat_model = "ollama/x"

[display]
theme = "dark"
"""


@pytest.fixture(autouse=True)
def home(temporary_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home where no editor was ever started, and where we are."""
    for name in ("NVIM_APPNAME", "TABTAB_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(temporary_home)
    return temporary_home


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["setup", *map(str, arguments)])


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_what_is_printed_is_what_is_written_where_there_was_nothing(home):
    for editor in EDITORS:
        shown = run(editor)
        assert shown.exit_code == 0, shown.output
        assert "8765" in shown.stdout or editor == "neovim"
        file = Path(shown.stderr.partition("belongs in ")[2].partition(";")[0])
        assert not file.exists() and file.is_relative_to(home)
        done = run(editor, "--write")
        assert (done.exit_code, done.stdout) == (0, ""), done.output
        assert f"wrote {file}\n" in done.stderr
        assert file.read_text() == shown.stdout
        assert "has it already" in run(editor, "--write").stderr
        assert not list(file.parent.glob("*before*"))


def test_marimo_is_told_of_a_custom_provider():
    found = tomllib.loads(run("marimo", "--port", 9000).stdout)
    assert found["completion"] == {"copilot": "custom"}
    provider, _, _ = found["ai"]["models"]["autocomplete_model"].partition("/")
    assert found["ai"]["custom_providers"][provider] == {"base_url": "http://127.0.0.1:9000/v1", "api_key": "none"}


def test_zed_is_told_the_whole_address_and_a_model_whose_name_brings_sweeps_prompt():
    found = json.loads(run("zed").stdout)["edit_predictions"]
    assert found["provider"] == "open_ai_compatible_api"
    assert found["open_ai_compatible_api"]["api_url"] == "http://127.0.0.1:8765/v1/completions"
    assert "sweep-next-edit" in found["open_ai_compatible_api"]["model"]


def test_neovims_user_is_told_which_sidekick_works_there():
    assert "Neovim 0.11 its version v2.1.0" in run("neovim").stderr


def test_no_configuration_holds_the_token_and_each_says_how_the_editor_gets_it(monkeypatch, tmp_path):
    file = tmp_path / "it's mine" / "token"
    monkeypatch.setenv("TABTAB_TOKEN_FILE", str(file))
    secret = token.token(file)
    for editor in EDITORS:
        done = run(editor, "--token")
        assert secret not in done.output
        if editor != "neovim":
            assert "tabtab-local serve --token" in done.stderr
            assert file.name in done.output
    assert tomllib.loads(run("marimo", "--token").stdout)["ai"]["custom_providers"]["tabtab"]["api_key"] == (
        "env:TABTAB_TOKEN"
    )
    (line,) = [line for line in run("marimo", "--token").stderr.splitlines() if "export" in line]
    shell = line.removeprefix("then: ").removesuffix(" before you start Marimo") + '; echo "$TABTAB_TOKEN"'
    assert subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True).stdout.strip() == secret


def test_settings_that_were_there_stay_with_their_comments(home):
    zed = home / ".config" / "zed" / "settings.json"
    zed.parent.mkdir(parents=True)
    zed.write_text(ZED)
    assert run("zed", "--write").exit_code == 0
    found = zed.read_text()
    values = loads(found)
    assert values["edit_predictions"]["provider"] == "open_ai_compatible_api"
    assert (values["edit_predictions"]["mode"], values["theme"], values["ui_font_size"]) == ("eager", "Día 😀", 16)
    for comment in ("// Zed settings\n", "16, // large", "/* Mine,\n     all of them */"):
        assert comment in found
    marimo = home / ".config" / "marimo" / "marimo.toml"
    marimo.parent.mkdir()
    marimo.write_text(MARIMO)
    assert run("marimo", "--write").exit_code == 0
    settings = tomllib.loads(marimo.read_text())
    assert settings["completion"] == {"activate_on_typing": True, "copilot": "custom"}
    assert settings["ai"]["models"] == {"chat_model": "ollama/x", "autocomplete_model": "tabtab/next-edit"}
    assert settings["display"] == {"theme": "dark"}
    assert "# mine\n" in marimo.read_text() and "# until now" in marimo.read_text()


def test_a_copy_of_what_was_there_is_kept_each_time(home):
    file = home / "settings.json"
    file.write_bytes(ZED.replace("\n", "\r\n").encode())
    file.chmod(0o600)
    first = file.read_bytes()
    assert run("zed", "--write", "--file", file).exit_code == 0
    second = file.read_bytes()
    assert b"\n" not in second.replace(b"\r\n", b"") and file.stat().st_mode & 0o777 == 0o600
    assert run("zed", "--write", "--file", file, "--port", 9000).exit_code == 0
    kept = files(home)
    assert kept.pop("settings.json.before-tabtab") == first
    assert kept.pop("settings.json.before-tabtab-2") == second
    assert loads(kept.pop("settings.json").decode())["edit_predictions"]["open_ai_compatible_api"]["api_url"] == (
        "http://127.0.0.1:9000/v1/completions"
    )
    assert not kept


@pytest.mark.parametrize(
    ("editor", "text", "why"),
    [
        ("zed", '{"a": 1', "is no JSON"),
        ("zed", "[1]", "into an object"),
        ("zed", '{"edit_predictions": {"a": }}', "is no JSON"),
        ("marimo", "a = = 1", "is no TOML"),
        ("marimo", "completion = 1", "completion is no table"),
        ("neovim", "-- my own\n", "is not one that this command made"),
        ("llama.vim", "let g:x = 1\n", "is not one that this command made"),
    ],
)
def test_a_file_that_cannot_take_settings_stays_as_it_is(tmp_path, editor, text, why):
    file = tmp_path / "file"
    file.write_text(text)
    done = run(editor, "--write", "--file", file)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {file}: ") and why in done.stderr and done.stderr.count("\n") == 1
    assert files(tmp_path) == {"file": text.encode()}


@pytest.mark.parametrize("editor", list(EDITORS))
def test_a_link_to_itself_gets_one_line(tmp_path, editor):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    done = run(editor, "--write", "--file", loop)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"error: {loop} is a link that leads back to itself")


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a folder that is in use cannot be deleted")
def test_a_folder_that_was_deleted_gets_one_line(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for arguments in (["marimo"], ["zed", "--write", "--file", "here"]):
        done = run(*arguments)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == "error: this folder is gone: go to another one\n"
    assert run("zed").exit_code == 0


def test_a_value_in_the_place_of_an_object_is_replaced_and_a_read_only_file_is_not_touched(tmp_path):
    file = tmp_path / "settings.json"
    file.write_text('{"edit_predictions": null}')
    file.chmod(0o400)
    assert run("zed", "--write", "--file", file).exit_code == 1
    assert files(tmp_path) == {"settings.json": b'{"edit_predictions": null}'}
    file.chmod(0o600)
    assert run("zed", "--write", "--file", file).exit_code == 0
    assert json.loads(file.read_text()) == json.loads(run("zed").stdout)


def test_each_editors_file_is_looked_for_where_the_editor_does(home, monkeypatch):
    assert place.marimo() == home / ".config" / "marimo" / "marimo.toml"
    (home / ".marimo.toml").touch()
    inner = home / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert place.marimo() == home / ".marimo.toml"
    (home / "a" / ".marimo.toml").touch()
    assert place.marimo() == home / "a" / ".marimo.toml"
    (home / ".config" / "VSCodium" / "User").mkdir(parents=True)
    assert place.vscode().parts[-3:] == ("VSCodium", "User", "settings.json")
    assert EDITORS["llama.vim"].__name__ == "llama_vim"
    assert "/.vim/plugin/tabtab.vim" in run("llama.vim").stderr
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("NVIM_APPNAME", "mine")
    (home / "config" / "mine").mkdir(parents=True)
    assert f"{home}/config/mine/plugin/tabtab.vim" in run("llama.vim").stderr


keys = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | keys,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(keys, values, max_size=4)


def merged(old: Any, new: Any) -> Any:
    """What the merge of two values is, the obvious way."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return old | {key: merged(old[key], value) if key in old else value for key, value in new.items()}


@given(objects, objects, st.sampled_from((None, 1, 4)), st.booleans())
def test_json_takes_settings_as_a_merge_of_values_would(old, new, indent, comments):
    text = json.dumps(old, indent=indent, ensure_ascii=False)
    if comments:
        text = f"// {{ one\n{text}\n/* two\n*/"
    done = into_json(text, new)
    assert loads(done) == merged(old, new)
    assert not comments or (done.startswith("// {") and done.endswith("two\n*/"))
    assert into_json(done, new) == done


tables = st.dictionaries(keys, st.integers() | st.dictionaries(keys, st.integers() | keys, max_size=2), max_size=3)


def in_braces(table: dict[str, Any]) -> str:
    inline = tomlkit.inline_table()
    inline.update(table)
    return inline.as_string()


def in_lines(table: dict[str, Any], *, dotted: bool) -> str:
    """Write TOML without a heading: tables in braces, or each value behind all of its keys."""
    lines = []
    for name, value in table.items():
        key = tomlkit.key(name).as_string()
        if dotted and isinstance(value, dict) and value:
            lines += [f"{key}.{line}\n" for line in in_lines(value, dotted=True).splitlines()]
        else:
            held = in_braces(value) if isinstance(value, dict) else tomlkit.item(value).as_string()
            lines.append(f"{key} = {held}\n")
    return "".join(lines)


@given(tables, tables, st.sampled_from(("headings", "braces", "dots")))
def test_toml_takes_settings_as_a_merge_of_values_would(old, new, form):
    text = "# mine\n" + (tomlkit.dumps(old) if form == "headings" else in_lines(old, dotted=form == "dots"))
    assert tomllib.loads(text) == old
    if any(isinstance(value, dict) and not isinstance(old.get(key, {}), dict) for key, value in new.items()):
        with pytest.raises(DocumentError):
            into_toml(text, new)
        return
    done = into_toml(text, new)
    assert tomllib.loads(done) == merged(old, new)
    assert done.startswith("# mine\n")
    assert into_toml(done, new) == done


@pytest.mark.parametrize(
    "text",
    [
        '[ai]\ncustom_providers.x.base_url = "y"\n',
        'ai.custom_providers.x.base_url = "y"\nai.rules = "z"\n',
        '[ai.custom_providers]\nx.base_url = "y"\n',
        '[ai]\nmodels.chat_model = "y"\nopen_ai.k = 1\n[display]\nq = 1\n',
        '[ai]\nmodels = {chat_model = "y"}\n',
        '[ai]\ncustom_providers = {x = {base_url = "y"}}\n',
        "ai = {}\n",
        "[ai]\ncustom_providers = {}\n",
        'ai = {models = {chat_model = "y"}}\ncompletion = {copilot = "github"}\n',
        '[ai.models]\nchat_model = "x"\n[z]\na = 1\n[ai]\ncustom_providers = {}\n[y]\nb = 2\n',
    ],
)
def test_marimos_settings_go_into_dotted_and_inline_tables(text):
    plan = EDITORS["marimo"](Server(Path("tabtab-local")))
    done = plan.merged(f"# mine\n{text}# mine too\n")
    assert tomllib.loads(done) == merged(tomllib.loads(text), tomllib.loads(plan.text))
    assert "# mine\n" in done and "# mine too\n" in done
    assert plan.merged(done) == done


def test_tables_that_are_too_scattered_get_one_line():
    with pytest.raises(DocumentError, match=r"^its tables are too scattered .* \[a\] first$"):
        into_toml("[a.b]\nc = 1\n[a]\nx = 1\n[a.b.d]\ne = 1\n", {"a": {"b": "custom"}})
