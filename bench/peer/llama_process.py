"""llama.cpp's own server and who watches over it. Run as a program, this file is that process.

    python bench/peer/llama_process.py '{"model": "model.gguf", "context_tokens": 1024, …}'

It takes `ServerSettings` as JSON and serves on a free port of this machine: by the server that the package xllamacpp
carries, or by the program that `program` names, in a process of its own. It prints one line of JSON with the address,
the server's process and what that was built for, and ends both when its standard input ends, so that nothing outlives
whoever has started it. Imports nothing of this project, which it need not wait for.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError

_START_S = 300.0


@dataclass(frozen=True)
class ServerSettings:
    """How the server is set up.

    `speculation` is the name of a way to draft without a second model, as llama-server's `--spec-type` has it, and
    `draft` are its options; nothing is drafted where it is "none". `program` is a llama-server; "" means the package's.
    """

    model: str
    context_tokens: int
    threads: int
    batch_tokens: int
    flash_attention: bool = False
    speculation: str = "none"
    draft: dict[str, int] = field(default_factory=dict)
    program: str = ""


def serve_by_package(settings: ServerSettings) -> None:
    """Serve a model to one client until standard input ends; the process ends with it."""
    binding: Any = importlib.import_module("xllamacpp")  # without type hints, and not in every installation
    system = binding.get_system_info()
    # llama.cpp's AMX kernels end the process on some processors, where a compiler has mistaken them.
    amx = "AMX_INT8 = 1" in system
    server = binding.Server(_parameters(binding, settings, extra_buffers=not amx))
    _greet(server.listening_address, os.getpid(), system.strip(" |\n"), extra_buffers=not amx)
    os._exit(0)  # the server has threads that do not end


def serve_by_program(settings: ServerSettings) -> None:
    """Run the program until standard input ends."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(_command(settings, port), stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(f"{address}/health", server)
        with urllib.request.urlopen(f"{address}/props") as answer:
            build = json.load(answer).get("build_info", "an unknown build")
        _greet(address, server.pid, f"{build}, compiled elsewhere", extra_buffers=not _has_amx())
    finally:
        server.kill()
        server.wait()


def _greet(address: str, process: int, built_for: str, *, extra_buffers: bool) -> None:
    """Say that the server is there, and wait until standard input ends."""
    greeting = {"address": address, "process": process, "built_for": built_for, "extra_buffers": extra_buffers}
    print(json.dumps(greeting), flush=True)
    sys.stdin.buffer.read()


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    ends_s = time.monotonic() + _START_S
    while server.poll() is None and time.monotonic() < ends_s:
        try:
            with urllib.request.urlopen(url):
                return
        except (URLError, ConnectionError):  # not yet, or still loading
            time.sleep(0.05)
    sys.exit("the program does not serve the model")


def _command(settings: ServerSettings, port: int) -> list[str]:
    command = [
        *(settings.program, "-m", settings.model, "--host", "127.0.0.1", "--port", str(port)),
        *("-c", str(settings.context_tokens), "-np", "1"),
        *("-t", str(settings.threads), "-tb", str(settings.threads), "-ngl", "0"),
        *("-b", str(settings.batch_tokens), "-ub", str(settings.batch_tokens)),
        *("-fa", "on" if settings.flash_attention else "off"),
        *("--cache-ram", "0", "--no-webui"),
    ]
    if _has_amx():
        command.append("--no-repack")
    if settings.speculation != "none":
        command += ["--spec-type", settings.speculation]
        for option, value in settings.draft.items():
            command += [f"--spec-{settings.speculation}-{option.replace('_', '-')}", str(value)]
    return command


def _has_amx() -> bool:
    """Return whether this processor has AMX: a program cannot be asked whether its kernels for that are sound."""
    try:
        return "amx_int8" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def _parameters(binding: Any, settings: ServerSettings, *, extra_buffers: bool) -> Any:
    params = binding.CommonParams()
    params.model.path = settings.model
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = settings.context_tokens
    params.n_parallel = 1
    params.n_batch = params.n_ubatch = settings.batch_tokens
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings.threads
    params.n_gpu_layers = 0
    attention = "ENABLED" if settings.flash_attention else "DISABLED"
    params.flash_attn_type = getattr(binding.llama_flash_attn_type, f"LLAMA_FLASH_ATTN_TYPE_{attention}")
    params.no_extra_bufts = not extra_buffers
    params.cache_ram_mib = 0  # copies of caches would only help somebody who goes back to another document
    if settings.speculation != "none":
        name = settings.speculation.replace("-", "_")
        params.speculative.types = [getattr(binding.common_speculative_type, f"COMMON_SPECULATIVE_TYPE_{name.upper()}")]
        options = getattr(params.speculative, name)
        for option, value in settings.draft.items():
            setattr(options, option, value)
    return params


if __name__ == "__main__":
    settings = ServerSettings(**json.loads(sys.argv[1]))
    serve_by_program(settings) if settings.program else serve_by_package(settings)
