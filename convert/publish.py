"""Publish what `all` made on the Hugging Face Hub: the adapter, the merged model and the GGUF files.

Three repositories, each filled by one commit, so that nobody ever sees half of one; private unless told otherwise. What
a run that was stopped had uploaded is not uploaded again: the Hub knows it by its hash. Repositories that take
`ollama run hf.co/USER/NAME` have Ollama's template and parameters in their root
(https://huggingface.co/docs/hub/ollama). The token is that of `hf auth login`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from httpx import HTTPError
from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError

from convert.card import Kind, Made, card, repository
from convert.folder import read_json
from convert.modelfile import parameters, stops, template
from convert.pipeline import ADAPTER, MANIFEST, MERGED, made_of
from convert.terms import license_text
from tabtab_local.errors import ModelError
from tabtab_local.fingerprint import TRAINING_FILE

# Our template has no place for it; Ollama takes it for a model's purpose.
SYSTEM = "Rewrite the region of code, and put the cursor where the next edit belongs."

_KINDS: tuple[Kind, ...] = ("adapter", "merged", "gguf")


@dataclass(frozen=True)
class Repository:
    """A repository as it is to be: each file by its path there, as a file here or as its content."""

    id: str
    files: dict[str, Path | bytes]

    @property
    def card(self) -> str:
        """The README.md."""
        content = self.files["README.md"]
        assert isinstance(content, bytes)
        return content.decode()

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield each path with its size in bytes."""
        for path, content in sorted(self.files.items()):
            yield path, content.stat().st_size if isinstance(content, Path) else len(content)


def repositories(folder: Path, user: str, evaluation: str = "") -> list[Repository]:
    """Return what would be published of the package in `folder` under the name `user`.

    `evaluation` is a Markdown text for the cards. Raises `ModelError` for a folder that `all` has not finished.
    """
    if not (folder / MANIFEST).is_file():
        raise ModelError(f"{folder} has no {MANIFEST}: give a folder that `python -m convert all` made")
    made = made_of(folder, evaluation)
    return [
        Repository(
            repository(user, made.model.name, kind),
            {
                **_files(folder, made, kind),
                "README.md": card(made, kind, user).encode(),
                "LICENSE": (license_text(made.model.license, folder / MERGED) + "\n").encode(),
            },
        )
        for kind in _KINDS
    ]


def _files(folder: Path, made: Made, kind: Kind) -> dict[str, Path | bytes]:
    if kind != "gguf":
        part = folder / (ADAPTER if kind == "adapter" else MERGED)
        return {
            path.relative_to(part).as_posix(): _named(path, made) for path in sorted(part.rglob("*")) if path.is_file()
        }
    settings = {**parameters(made.model.name), "stop": stops()}
    return {
        **{path.name: path for path in sorted(folder.iterdir()) if path.is_file() and path.name != MANIFEST},
        "template": template().encode(),
        "params": (json.dumps(settings, indent=2) + "\n").encode(),
        "system": SYSTEM.encode(),
    }


def _named(path: Path, made: Made) -> Path | bytes:
    """Return a file as it is, or a record in which a folder of this machine is named, with the base's name there."""
    key = {TRAINING_FILE: "base", "adapter_config.json": "base_model_name_or_path"}.get(path.name)
    if key is None:
        return path
    record = {**read_json(path), key: made.model.base or made.model.name}
    return (json.dumps(record, indent=2) + "\n").encode()


def publish(repositories: list[Repository], *, private: bool, progress: Callable[[str], None]) -> list[str]:
    """Create and fill the repositories, and return their addresses.

    Raises `ModelError` where the Hub refuses; what was uploaded by then is kept there for the next run.
    """
    if not get_token():
        raise ModelError("nobody is logged in to the Hub: run `hf auth login`, with a token that may write")
    api = HfApi()
    addresses = []
    for one in repositories:
        size = sum(size for _, size in one.sizes())
        progress(f"{one.id}: {len(one.files)} files, {size / 1e6:,.1f} MB")
        try:
            address = api.create_repo(one.id, private=private, exist_ok=True)
            operations = [CommitOperationAdd(path, content) for path, content in sorted(one.files.items())]
            api.create_commit(one.id, operations, commit_message="Upload with tabtab-local")
        except (HfHubHTTPError, HTTPError, OSError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error.__cause__ or error).split())[:300]
            raise ModelError(f"{one.id} cannot be published: {reason}; run it again to go on") from None
        addresses.append(str(address))
    return addresses
