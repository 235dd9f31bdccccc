"""What each editor is told, and in which of its files. Facts about the editors are those of their own sources."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tabtab_local.errors import DocumentError
from tabtab_local.server import DEFAULT_PORT
from tabtab_local.setup import place
from tabtab_local.setup.marimo import Configuration, configuration
from tabtab_local.setup.merge import into_json, into_toml

# Zed takes the form of the prompt from the name of the model.
_ZED_MODEL = "tabtab-sweep-next-edit"
# Zed's own limit of 64 would cut a window that is rewritten.
_ZED_TOKENS = 1024

_OURS = "Made by tabtab-local setup"

_NEOVIM = """\
-- {ours}: ghost text and next edits in Python files, from Neovim 0.11 on.
-- By this name, which holds "copilot", sidekick.nvim finds it.
vim.lsp.config("tabtab-copilot", {{ cmd = {{ {program}, "lsp" }}, filetypes = {{ "python" }} }})
vim.lsp.enable("tabtab-copilot")

-- Tab takes what there is to take, and else is Tab, which in a snippet Neovim itself has mapped. A mapping of your own
-- stays: map another key to vim.lsp.inline_completion.get (Insert) or to sidekick's nes_jump_or_apply (Normal).
local taken = {{}}
local function on_tab(mode, take, desc)
  local old = vim.fn.maparg("<Tab>", mode, false, true)
  if next(old) and not vim.startswith(old.desc or "", "vim.snippet") then
    table.insert(taken, mode)
    return
  end
  vim.keymap.set(mode, "<Tab>", function()
    if not take() then
      return old.callback and old.callback() or "<Tab>"
    end
  end, {{ expr = true, desc = desc }})
end

-- Ghost text came with Neovim 0.12.
if vim.lsp.inline_completion then
  vim.lsp.inline_completion.enable()
  on_tab("i", vim.lsp.inline_completion.get, "Take the ghost text")
end

-- Next edits come with sidekick.nvim; for Neovim 0.11 take its version 2.1.0. Where it is set up already, it stays so.
local found, sidekick = pcall(require, "sidekick")
if found then
  if vim.fn.exists(":Sidekick") ~= 2 then
    sidekick.setup({{}})
  end
  on_tab("n", sidekick.nes_jump_or_apply, "Go to the next edit, or make it")
end

if #taken > 0 then
  vim.notify("tabtab: <Tab> is mapped already (" .. table.concat(taken, ", ") .. "): see plugin/tabtab.lua")
end
"""

_LLAMA_VIM = """\
" {ours}: llama.vim asks tabtab-local.
let g:llama_config = {{
    \\ 'endpoint_fim': '{url}/infill',
    \\ 'endpoint': '{url}/infill',
    \\ 'api_key': {key},
    \\ 'ring_n_chunks': 0,
    \\ }}
"""


@dataclass(frozen=True)
class Server:
    """What editors have to know of us.

    - `program`: our command, for editors that start it.
    - `token`: the file that holds the token; None where the server asks for none.
    """

    program: Path
    port: int = DEFAULT_PORT
    token: Path | None = None

    @property
    def url(self) -> str:
        """Where the server answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> str:
        """How the server is started, so that it is found there."""
        port = "" if self.port == DEFAULT_PORT else f" --port {self.port}"
        return f"tabtab-local serve{port}{' --token' if self.token else ''}"


@dataclass(frozen=True)
class Plan:
    """What an editor is told.

    - `file`: where the editor looks for it.
    - `text`: the configuration alone.
    - `merged`: gives the text of the file, as it should be, for that as it is; raises `DocumentError`.
    - `steps`: what is left to do by hand.
    """

    file: Path
    text: str
    merged: Callable[[str], str]
    steps: tuple[str, ...]


def marimo(server: Server) -> Plan:
    """Return Marimo's: a custom provider that completes code."""
    provider = {"base_url": f"{server.url}/v1", "api_key": "env:TABTAB_TOKEN" if server.token else "none"}
    settings = {
        "completion": {"copilot": "custom"},
        "ai": {
            "models": {"autocomplete_model": "tabtab/next-edit"},
            "custom_providers": {"tabtab": provider},
        },
    }
    file = place.marimo()
    serve = f"{server.command} --workspace FOLDER, with the folder of your notebooks"
    token = (exported("TABTAB_TOKEN", server.token, "Marimo"),) if server.token else ()
    steps = (serve, *token, *_overriding(configuration(file, settings)), "start Marimo anew")
    return Plan(file, into_toml("", settings), partial(into_toml, settings=settings), steps)


def neovim(server: Server) -> Plan:
    """Return Neovim's: our language server, and Tab."""
    text = _NEOVIM.format(ours=_OURS, program=json.dumps(str(server.program), ensure_ascii=False))
    sidekick = "install folke/sidekick.nvim for next edits, on Neovim 0.11 its version v2.1.0"
    steps = (sidekick, "start Neovim anew, which starts the language server itself")
    return Plan(place.neovim() / "plugin" / "tabtab.lua", text, partial(_replaced, text), steps)


def zed(server: Server) -> Plan:
    """Return Zed's: edit predictions in the form of Sweep's prompt."""
    provider = {"api_url": f"{server.url}/v1/completions", "model": _ZED_MODEL, "max_output_tokens": _ZED_TOKENS}
    settings = {"edit_predictions": {"provider": "open_ai_compatible_api", "open_ai_compatible_api": provider}}
    variable = "ZED_OPEN_AI_COMPATIBLE_EDIT_PREDICTION_API_KEY"
    token = (exported(variable, server.token, "Zed"),) if server.token else ()
    return _json_plan(place.zed(), settings, (server.command, *token))


def vscode(server: Server) -> Plan:
    """Return VS Code's: the extension llama-vscode, told where to ask."""
    settings = {
        "llama-vscode.endpoint": server.url,
        "llama-vscode.max_parallel_completions": 1,
        "llama-vscode.ring_n_chunks": 0,
        "llama-vscode.ask_install_llamacpp": False,
    }
    # The extension knows no other place for it than the settings, where a secret is not for us to put.
    token = (f"set llama-vscode.api_key to what {server.token} holds",) if server.token else ()
    steps = ("code --install-extension ggml-org.llama-vscode", server.command, *token)
    return _json_plan(place.vscode(), settings, steps)


def llama_vim(server: Server) -> Plan:
    """Return llama.vim's, for Neovim where it is set up, else for Vim."""
    token = str(server.token).replace("'", "''")
    key = f"trim(join(readfile('{token}')))" if server.token else "''"
    text = _LLAMA_VIM.format(ours=_OURS, url=server.url, key=key)
    folder = place.neovim() if place.neovim().is_dir() else place.vim()
    steps = ("install the plugin ggml-org/llama.vim", server.command)
    return Plan(folder / "plugin" / "tabtab.vim", text, partial(_replaced, text), steps)


EDITORS: Mapping[str, Callable[[Server], Plan]] = {
    "marimo": marimo,
    "neovim": neovim,
    "zed": zed,
    "vscode": vscode,
    "llama.vim": llama_vim,
}


def exported(variable: str, token: Path, editor: str) -> str:
    """Return the step that lets an editor have the token in a file, which is no part of its configuration."""
    return f'export {variable}="$(cat {shlex.quote(str(token))})" before you start {editor}'


def _overriding(found: Configuration) -> tuple[str, ...]:
    """Return the steps that let Marimo heed the user's settings, which all of `found.own` are, in this project."""
    names = [found.overriding(key) for key in _keys(found.own) if found.is_overridden(key)]
    return tuple(f"remove {name} from {found.project_file}, which overrides this" for name in dict.fromkeys(names))


def _keys(settings: Mapping[str, object]) -> Iterator[tuple[str, ...]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from ((name, *key) for key in _keys(value))
        else:
            yield (name,)


def _json_plan(file: Path, settings: Mapping[str, object], steps: tuple[str, ...]) -> Plan:
    return Plan(file, into_json("", settings), partial(into_json, settings=settings), steps)


def _replaced(text: str, old: str) -> str:
    """Return `text` for a file that is ours alone."""
    if old.strip() and _OURS not in old.partition("\n")[0]:
        raise DocumentError("it is not one that this command made: move it away first")
    return text
