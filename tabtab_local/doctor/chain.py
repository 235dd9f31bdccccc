"""The way from an editor to the model: our server and its token, our models in Ollama, Marimo's configuration.

Asks programs on this machine alone, and reads. What is wrong comes with its cure.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from tabtab_local.errors import TabTabError
from tabtab_local.prompt import fim_template, ollama_template
from tabtab_local.server import DEFAULT_PORT
from tabtab_local.server.token import NEEDED, token, token_file
from tabtab_local.setup import place
from tabtab_local.setup.editor import Server, exported
from tabtab_local.setup.marimo import Configuration, Key, at, configuration

if TYPE_CHECKING:
    from tabtab_local.doctor.checkup import Checkup

_PATIENCE_S = 2.0
_HERE = ("127.0.0.1", "localhost", "::1")
_OLLAMA = "127.0.0.1:11434"

# Who answers at a port.
Answers = Literal["ours", "others", "nobody"]

# Statuses where there is no answer: nobody listens, or what listens says nothing, or nothing in HTTP.
_NOBODY, _SILENT = 0, -1

_COPILOT: Key = ("completion", "copilot")
_MODEL: Key = ("ai", "models", "autocomplete_model")
_VARIABLE = "env:"

# What Marimo once read of a provider under `completion`; of the model it still does where no other is set.
_DEPRECATED = ("model", "base_url", "api_key")


def server(checkup: Checkup, port: int) -> Answers:
    """Note whether our server answers at `port`, and whether the token that is kept opens it; return who answers."""
    where, file = f"127.0.0.1:{port}", token_file()
    secret = _token(checkup, file)
    status, told = _asked(f"http://{where}/v1/models")
    # The token is for our server alone: others do not ask for it in these words.
    if is_closed := status == 401 and _message(told) == NEEDED:
        told = _asked(f"http://{where}/v1/models", secret)[1] if secret else None
    if status == _NOBODY:
        checkup.facts.append(("server", f"none at {where}: `tabtab-local serve` starts it"))
        return "nobody"
    if models := [each["id"] for each in _ours(told)]:
        checkup.facts.append(("server", f"{', '.join(models)} at {where}"))
        return "ours"
    other = "start ours with another --port, and set editors up with it"
    if status == _SILENT:
        checkup.problems.append(f"what listens at {where} does not answer, or not in HTTP: end it, or {other}")
    elif not is_closed:
        checkup.problems.append(f"another program answers at {where}: {other}")
    elif secret:
        checkup.problems.append(f"the server at {where} does not take the token in {file}: start it anew with --token")
    elif not file.exists():
        checkup.problems.append(
            f"the server at {where} asks for a token, and there is no {file}: start it anew with --token"
        )
    return "ours" if is_closed else "others"


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


def marimo(checkup: Checkup, port: int, answers: Answers) -> None:
    """Note where Marimo sends code for completion, from the configuration that it would read in this folder.

    `answers`: who does at `port`.
    """
    file = place.marimo()
    own: dict[str, Any] = {}
    try:
        own = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        checkup.problems.append(f"{file} cannot be read ({error}): correct it")
        return
    found = configuration(file, own)
    copilot = found.get(_COPILOT) or "nothing"
    if copilot == "custom":
        _provider(checkup, found, port, answers)
    elif at(own, _COPILOT) == "custom":
        checkup.problems.append(_wrong(found, _COPILOT, f"Marimo completes with {copilot} here"))
    elif not file.exists():
        checkup.facts.append(("Marimo", f"no {file}: {_setup(port)} sets it up"))
    else:
        checkup.facts.append(("Marimo", f"completes with {copilot}, not with us: {_setup(port)} changes that"))
    _deprecated(checkup, found)


def _provider(checkup: Checkup, found: Configuration, port: int, answers: Answers) -> None:
    """Note what there is to say of the provider that Marimo's autocompletion is sent to."""
    model = str(found.get(_MODEL) or "")
    name = model.partition("/")[0]
    provider: Key = ("ai", "custom_providers", name)
    cure = _setup(port)
    if not found.table(provider):
        key = _MODEL if found.is_overridden(_MODEL) else provider
        words = f"{model or 'no model'} completes code, which is no custom provider"
        checkup.problems.append(_wrong(found, key, words, cure))
        return
    base_url = (*provider, "base_url")
    address = str(found.get(base_url) or "")
    host, number = _host(address)
    is_here = host in _HERE and number == port
    if is_here:
        checkup.facts.append(("Marimo", f"asks {address}, as {_decider(found, base_url)} says"))
    elif host in _HERE:
        words, cure = f"Marimo asks port {number}, not {port}", f"{cure}, or look with --port {number}"
        checkup.problems.append(_wrong(found, base_url, words, cure))
    else:
        words = f"code is sent to {address or 'nowhere'}, not to this machine"
        checkup.problems.append(_wrong(found, base_url, words, cure))
    secret = _secret(checkup, found, (*provider, "api_key"), port)
    if is_here and answers == "nobody":
        words = f"Marimo asks {address}, where nobody answers"
        checkup.problems.append(f"{_decider(found, base_url)}: {words}: start `{Server(Path(), port).command}`")
    elif is_here and answers == "ours" and secret:
        _admitted(checkup, found, provider, secret, port)


def _secret(checkup: Checkup, found: Configuration, key: Key, port: int) -> str:
    """Return the API key that Marimo sends; nothing, and a note of it, where there is none."""
    written = str(found.get(key) or "")
    variable = written.removeprefix(_VARIABLE)
    if not written:
        words = f"{key[-2]} has no api_key, without which Marimo sends nothing"
        checkup.problems.append(_wrong(found, key, words, _setup(port)))
    elif variable == written:
        return written
    elif not os.environ.get(variable):
        words = f"the environment variable {variable} is not set, without which Marimo sends nothing"
        checkup.problems.append(f"{_decider(found, key)}: {words}: {exported(variable, token_file(), 'Marimo')}")
    return os.environ.get(variable, "")


def _admitted(checkup: Checkup, found: Configuration, provider: Key, secret: str, port: int) -> None:
    """Note whether our server takes the API key, at the address that Marimo asks."""
    base_url, api_key = (*provider, "base_url"), (*provider, "api_key")
    address, written = str(found.get(base_url)), str(found.get(api_key))
    status, _ = _asked(f"{address.rstrip('/')}/models", secret)
    if status == 401 and written.startswith(_VARIABLE):
        variable = written.removeprefix(_VARIABLE)
        words = f"the server does not take what {variable} holds"
        checkup.problems.append(f"{_decider(found, api_key)}: {words}: {exported(variable, token_file(), 'Marimo')}")
    elif status == 401:
        words = f"the server at {address} asks for a token, which api_key is not"
        checkup.problems.append(_wrong(found, api_key, words, _setup(port, "--token ")))
    elif status != 200:
        checkup.problems.append(_wrong(found, base_url, f"there is no OpenAI interface at {address}", _setup(port)))


def _deprecated(checkup: Checkup, found: Configuration) -> None:
    """Note what Marimo does not follow any more: wrong where nothing stands in its place."""
    for name in _DEPRECATED:
        key = ("completion", name)
        if name not in found.table(key[:1]):
            continue
        file = _decider(found, key)
        if found.get(_MODEL):
            checkup.facts.append(("", f"{file}: completion.{name} is no longer read: remove it"))
        else:
            checkup.problems.append(
                f"{file}: Marimo does not follow completion.{name} any more, and code goes elsewhere: remove it"
            )


def _wrong(found: Configuration, key: Key, words: str, cure: str = "") -> str:
    """Return what is wrong with a setting, with its cure: `cure` where the user's file decides."""
    if found.is_overridden(key):
        cure = f"remove {found.overriding(key)}, which overrides {found.file}"
    return f"{_decider(found, key)}: {words}: {cure}"


def _decider(found: Configuration, key: Key) -> Path:
    return found.project_file if found.is_overridden(key) else found.file


def _setup(port: int, option: str = "") -> str:
    """Return the command that sets Marimo up for a server at `port`."""
    where = "" if port == DEFAULT_PORT else f" --port {port}"
    return f"`tabtab-local setup marimo {option}--write{where}`"


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
    """Return the status and the JSON of an answer, None for what is no JSON; `_NOBODY` and `_SILENT` are statuses."""
    import httpx

    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    try:
        # Proxies are for other machines.
        with httpx.Client(timeout=_PATIENCE_S, trust_env=False, headers=headers) as client:
            answer = client.post(url, json=body) if body else client.get(url)
    except (httpx.ConnectError, httpx.InvalidURL):
        return _NOBODY, None
    except httpx.HTTPError:
        return _SILENT, None
    try:
        return answer.status_code, answer.json()
    except ValueError:
        return answer.status_code, None


def _message(told: Any) -> Any:
    """Return what an error says, in the form that OpenAI's interface has it."""
    return at(told, ("error", "message"))


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
