"""The way from an editor to the model: our server and its token, our models in Ollama, Marimo's configuration.

Asks programs on this machine alone, and reads. What is wrong comes with its cure.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tabtab_local.errors import TabTabError
from tabtab_local.prompt import fim_template, ollama_template
from tabtab_local.server.token import token, token_file
from tabtab_local.setup import place

if TYPE_CHECKING:
    from tabtab_local.doctor.checkup import Checkup

_PATIENCE_S = 2.0
_HERE = ("127.0.0.1", "localhost", "::1")
_OLLAMA = "127.0.0.1:11434"
_SETUP = "`tabtab-local setup marimo --write`"

# What Marimo once read of a provider under `completion`. It is not followed any more: code goes elsewhere.
_DEPRECATED = ("model", "base_url", "api_key")


def server(checkup: Checkup, port: int) -> None:
    """Note whether our server answers at `port`, and whether the token that is kept opens it."""
    where = f"127.0.0.1:{port}"
    status, told = _asked(f"http://{where}/v1/models", _token(checkup, token_file()))
    if status == 0:
        checkup.facts.append(("server", f"none at {where}: `tabtab-local serve` starts it"))
    elif status == 401:
        checkup.problems.append(
            f"the server at {where} does not take the token in {token_file()}: start it anew with --token"
        )
    elif models := [each["id"] for each in _ours(told)]:
        checkup.facts.append(("server", f"{', '.join(models)} at {where}"))
    else:
        checkup.problems.append(
            f"another program answers at {where}: start ours with another --port, and set editors up with it"
        )


def ollama(checkup: Checkup) -> None:
    """Note whether our models in Ollama, where it runs on this machine, have the prompt of this release."""
    host, number = _host(f"//{(os.environ.get('OLLAMA_HOST') or _OLLAMA).rpartition('//')[2]}")
    if host not in (*_HERE, "0.0.0.0", ""):
        checkup.facts.append(("Ollama", f"at {host}, which is not asked: it is not this machine"))
        return
    where = f"127.0.0.1:{number or 11434}"
    status, told = _asked(f"http://{where}/api/tags")
    if status != 200 or _ours(_asked(f"http://{where}/v1/models")[1]):
        checkup.facts.append(("Ollama", f"none at {where}"))
        return
    models = told.get("models") if isinstance(told, dict) else None
    listed = models if isinstance(models, list) else []
    names = [str(each.get("name")) for each in listed if isinstance(each, dict)]
    ours = [name for name in names if name.rpartition("/")[2].startswith("tabtab-")]
    checkup.facts.append(("Ollama", f"{', '.join(ours) or 'none of our models'} at {where}"))
    for name in ours:
        _, shown = _asked(f"http://{where}/api/show", body={"model": name})
        template = shown.get("template") if isinstance(shown, dict) else None
        if template not in (ollama_template(), fim_template()):
            checkup.problems.append(
                f"{name} in Ollama has not the template of this release: create it anew with its Modelfile"
            )


def marimo(checkup: Checkup, port: int) -> None:
    """Note where Marimo sends code for completion, from the configuration that it would read in this folder."""
    file = place.marimo()
    settings: dict[str, Any] = {}
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        checkup.facts.append(("Marimo", f"no {file}: {_SETUP} sets it up"))
        return
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        checkup.problems.append(f"{file} cannot be read ({error}): correct it")
        return
    completion, ai = _table(settings, "completion"), _table(settings, "ai")
    for key in _DEPRECATED:
        if key in completion:
            checkup.problems.append(
                f"{file}: Marimo does not follow completion.{key} any more, and code goes elsewhere: remove it"
            )
    copilot = completion.get("copilot", False)
    if copilot != "custom":
        checkup.facts.append(("Marimo", f"completes with {copilot or 'nothing'}, not with us: {_SETUP} changes that"))
        return
    _provider(checkup, file, ai, port)


def _provider(checkup: Checkup, file: Path, ai: Mapping[str, Any], port: int) -> None:
    """Note what there is to say of the provider that Marimo's autocompletion is sent to."""
    model = str(_table(ai, "models").get("autocomplete_model", ""))
    name = model.partition("/")[0]
    provider = _table(_table(ai, "custom_providers"), name)
    address = str(provider.get("base_url", ""))
    if not provider:
        checkup.problems.append(f"{file}: {model or 'no model'} completes code, which is no custom provider: {_SETUP}")
        return
    host, number = _host(address)
    if host not in _HERE:
        checkup.problems.append(f"{file}: code is sent to {address or 'nowhere'}, not to this machine: {_SETUP}")
    elif number != port:
        checkup.problems.append(
            f"{file}: Marimo asks port {number}, not {port}: {_SETUP}, or look with --port {number}"
        )
    else:
        checkup.facts.append(("Marimo", f"asks {address}, as {file} says"))
    key = str(provider.get("api_key", ""))
    variable = key.removeprefix("env:") if key.startswith("env:") else ""
    if not key:
        checkup.problems.append(f"{file}: {name} has no api_key, without which Marimo sends nothing: {_SETUP}")
    elif variable and not os.environ.get(variable):
        checkup.problems.append(
            f"{file}: the environment variable {variable} is not set, without which Marimo sends nothing"
        )


def _token(checkup: Checkup, file: Path) -> str:
    """Note what there is to say of the token, and return it; nothing where there is none that can be used."""
    if not file.exists():
        checkup.facts.append(("token", f"none: `tabtab-local serve --token` makes one in {file}"))
        return ""
    try:
        found = token(file)
    except (TabTabError, OSError) as error:
        checkup.problems.append(str(error))
        return ""
    checkup.facts.append(("token", f"in {file}, for you alone"))
    return found


def _asked(url: str, secret: str = "", body: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """Return the status and the JSON of an answer; 0 where nobody answers, None for what is no JSON."""
    import httpx

    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    try:
        # Proxies are for other machines.
        with httpx.Client(timeout=_PATIENCE_S, trust_env=False, headers=headers) as client:
            answer = client.post(url, json=body) if body else client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL):
        return 0, None
    try:
        return answer.status_code, answer.json()
    except ValueError:
        return answer.status_code, None


def _ours(told: Any) -> list[Mapping[str, Any]]:
    """Return the models of an answer that a server of ours gave."""
    models = told.get("data") if isinstance(told, dict) else None
    listed = models if isinstance(models, list) else []
    return [each for each in listed if isinstance(each, dict) and each.get("owned_by") == "tabtab-local"]


def _host(address: str) -> tuple[str, int | None]:
    """Return the host and the port of an address; no host where it is none."""
    try:
        parts = urlsplit(address)
        return parts.hostname or "", parts.port
    except ValueError:
        return "", None


def _table(settings: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = settings.get(key)
    return found if isinstance(found, dict) else {}
