"""Other engines in the same replay: the same GGUF, the same threads, the same traces, each in its best settings.

    peer = open_peer("llama-server/ours", model, threads=2, context_tokens=1024, oracle=False)

A name is a backend and a prompt: `ours` is tabtab-local's, `own` what clients of that peer send (see `question.py`).
Peers load what they need only when they are opened.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tabtab_local.errors import UsageError

if TYPE_CHECKING:
    from bench.peer.peer import Backend, Peer
    from bench.peer.ruler import Ruler

_BACKENDS = ("llama-server", "llama-server-ngram", "llama-cpp-python", "llama-cpp-python-lookup", "ollama")

NAMES: tuple[str, ...] = tuple(f"{backend}/{kind}" for backend in _BACKENDS for kind in ("ours", "own"))
"""All that can be chosen."""


def available(name: str) -> str:
    """Return "" where the peer can run here, else in one line why not. Raises `UsageError` for an unknown name."""
    backend, _ = _parts(name)
    if backend.startswith("llama-server"):
        from bench.peer import llama_server

        return llama_server.missing()
    if backend == "ollama":
        from bench.peer import ollama

        return ollama.missing()
    return ""


def open_peer(name: str, model: Path, *, threads: int, context_tokens: int, oracle: bool) -> Peer:
    """Return the peer on the model, with at most `context_tokens` of context; close it afterwards.

    `oracle` says that the weights are random, and answers are to be as long as the right ones. Raises `UsageError` for
    an unknown name and for a peer that cannot run here, and `ModelError` where it does not start.
    """
    from bench.peer.llama_python import context_that_fits
    from bench.peer.peer import Peer
    from bench.peer.question import KINDS
    from bench.peer.ruler import Ruler

    backend, said = _parts(name)
    if reason := available(name):
        raise UsageError(f"{name} cannot run here: {reason}")
    kind = next(kind for kind in KINDS if kind == said)
    ruler = Ruler(model, context_tokens)
    if backend == "llama-cpp-python-lookup":
        fitting = context_that_fits(ruler.model.context_tokens, ruler.vocabulary_tokens)
        ruler.close()
        ruler = Ruler(model, fitting)
    try:
        return Peer(name, _backend(backend, model, ruler, threads, oracle), kind, ruler, told=oracle)
    except BaseException:
        ruler.close()
        raise


def _backend(name: str, model: Path, ruler: Ruler, threads: int, oracle: bool) -> Backend:
    context_tokens = ruler.model.context_tokens
    if name.startswith("llama-server"):
        from bench.peer.llama_server import NGRAM, PLAIN, LlamaServer

        drafts = NGRAM if name.endswith("ngram") else PLAIN
        return LlamaServer(model, threads=threads, context_tokens=context_tokens, drafts=drafts, told=oracle)
    if name == "ollama":
        from bench.peer.ollama import Ollama

        return Ollama(model, threads=threads, context_tokens=context_tokens)
    from bench.peer.llama_python import LlamaPython

    return LlamaPython(model, ruler, threads=threads, lookup=name.endswith("lookup"))


def _parts(name: str) -> tuple[str, str]:
    if name not in NAMES:
        raise UsageError(f"no peer is called {name!r}: choose among {', '.join(NAMES)}")
    backend, _, kind = name.partition("/")
    return backend, kind
