"""Whether all is well: the machine, the models, what was tuned, what fits, and the way from editors to here.

It reads and changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tabtab_local import registry
from tabtab_local.doctor import chain
from tabtab_local.doctor.explain import in_bytes, in_ms, in_threads
from tabtab_local.document import document_at
from tabtab_local.engine import warm
from tabtab_local.errors import TabTabError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.machine import describe, free_memory_bytes, identity, thread_policy
from tabtab_local.prompt import EDIT_END, Prompt, render_prompt
from tabtab_local.replay import speed
from tabtab_local.show import table
from tabtab_local.tuning import Tuning, default_model, engine_settings, memory_bytes, read, tuning_file

_TUNE = "`tabtab-local doctor --tune`"

# What is typed to see how long suggestions take: nothing that a model foresees, for that would cost no time.
_TYPED_BEHIND = 'import pandas as pd\n\nsales = pd.read_csv("sales.csv")\n'
_TYPED = "zq7 = kx3(wv"


@dataclass
class Checkup:
    """What was found: `facts` with their headings, the models that there are, and what is wrong, a line each."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    models: list[tuple[str, str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def render(self) -> str:
        """Return the findings for people, what is wrong last."""
        verdict = [f"wrong: {problem}" for problem in self.problems] or ["all is well"]
        return "\n".join([*table(self.facts), "", *table(self.models), "", *verdict])


def examine(port: int) -> Checkup:
    """Look at everything that a suggestion needs, from a server at `port` on."""
    checkup = Checkup()
    _machine(checkup)
    _threads(checkup)
    _embedded(checkup, registry.embedded_path())
    _tuning(checkup, tuning_file())
    _speed(checkup, default_model())
    _prompt_caches(checkup, warm.default_folder())
    _memory(checkup)
    answers = chain.server(checkup, port)
    chain.ollama(checkup)
    chain.marimo(checkup, port, answers)
    return checkup


def _machine(checkup: Checkup) -> None:
    machine = describe()
    parts = [machine.cpu, f"{machine.physical_cores} cores", f"{machine.memory_bytes / 2**30:.0f} GiB", machine.os]
    checkup.facts += [
        ("machine", " · ".join(part for part in (*parts, machine.power) if part)),
        (
            "versions",
            f"tabtab-local {machine.tabtab_local} · llama-cpp-python {machine.llama_cpp_python} · "
            f"Python {machine.python}",
        ),
    ]


def _threads(checkup: Checkup) -> None:
    try:
        policy = thread_policy()
    except TabTabError as error:
        checkup.problems.append(str(error))
    else:
        checkup.facts.append(("threads", f"at most {policy.threads}: {policy.reason}"))


def _embedded(checkup: Checkup, path: Path) -> None:
    """Load the embedded model and let it write a token."""
    prompt = render_prompt(Prompt("import ", len("import ")))
    try:
        from tabtab_local.engine import LlamaEngine  # llama.cpp itself may be what is broken

        with LlamaEngine(path, threads=1) as engine:
            engine.generate(prompt, "", max_tokens=1, stop=EDIT_END)
            model = engine.model
    except (TabTabError, ImportError, OSError, RuntimeError) as error:
        checkup.problems.append(f"the embedded model does not run ({error}): install tabtab-local again")
    else:
        sha256 = file_sha256(path)
        # The engine would not have taken it with markers of several tokens.
        speaks = f"prompt format {model.prompt_version}, markers are single tokens"
        text = f"{model.name} · {model.file_type} · {speaks} · sha256 {sha256[:12]} · runs"
        checkup.facts.append(("embedded model", text))
        if sha256 != registry.EMBEDDED_SHA256:
            checkup.problems.append(f"{path} is not the model of this release: install tabtab-local again")


def _tuning(checkup: Checkup, file: Path) -> None:
    try:
        tuning = read(file)
    except TabTabError as error:
        checkup.problems.append(str(error))
        tuning = None
    if tuning is None:
        checkup.facts.append(("tuning", f"nothing in {file}: {_TUNE} measures this machine"))
    else:
        checkup.facts += _remembered(tuning, file)
        checkup.problems += _stale(tuning)
    checkup.facts.append(("default model", default_model()))


def _remembered(tuning: Tuning, file: Path) -> Iterator[tuple[str, str]]:
    yield ("tuning", f"{file} · {tuning.measured_at} · target {in_ms(tuning.target_ms)}")
    for model in tuning.models:
        state = "chosen" if model.sha256 == tuning.chosen else "measured"
        if not model.is_unchanged():
            state = "changed or gone since"
        yield (
            "",
            f"{model.name} · {model.file_type} · {in_bytes(model.size_bytes)} · {in_threads(model.threads)} · "
            f"{in_ms(model.curve.suggestion_ms)} a suggestion · {state}",
        )


def _stale(tuning: Tuning) -> Iterator[str]:
    """Yield why what is remembered is not used."""
    if tuning.machine != identity():
        yield f"the tuning was measured on another machine ({tuning.machine}) and is not used: run {_TUNE}"
    elif tuning.chosen and not tuning.model(tuning.chosen):
        chosen = next((model.path for model in tuning.models if model.sha256 == tuning.chosen), tuning.chosen)
        yield f"{chosen} was chosen, but has changed or is gone since: the embedded model is used, run {_TUNE}"


def _speed(checkup: Checkup, name: str) -> None:
    """Time what the default model suggests while somebody types, against the time between their keys."""
    try:
        took_ms = _suggestion_ms(registry.locate(name))
    except (TabTabError, ImportError, OSError, RuntimeError) as error:
        checkup.problems.append(f"the default model does not run ({error}): run {_TUNE}")
        return
    left_ms, fast_ms = speed.AVERAGE.mean_ms, speed.FAST.mean_ms
    keys = f"{in_ms(left_ms)} between keys, {in_ms(fast_ms)} of a fast typist"
    checkup.facts.append(("speed", f"{in_ms(took_ms)} a suggestion, the median of {len(_TYPED)} · {keys}"))
    if took_ms > left_ms:
        slow = f"a suggestion of {name} takes {in_ms(took_ms)}, more than the {in_ms(left_ms)} between keys"
        checkup.problems.append(f"{slow}: {_TUNE} finds a faster model")


def _suggestion_ms(path: Path) -> float:
    """Return the median of what suggestions take at each key of `_TYPED`, after one that is not counted."""
    from tabtab_local.engine import LlamaEngine
    from tabtab_local.session import Session

    settings = engine_settings(path)
    with LlamaEngine(path, threads=settings.threads, costs=settings.costs) as engine:
        session, took_ms = Session(engine, name="doctor"), list[float]()
        for end in range(len(_TYPED) + 1):
            text = _TYPED_BEHIND + _TYPED[:end]
            began = time.perf_counter()
            session.update(document_at(text, len(text)))
            session.suggest()
            took_ms.append((time.perf_counter() - began) * 1000)
    return median(took_ms[1:])


def _prompt_caches(checkup: Checkup, folder: Path) -> None:
    kept = warm.stored(folder)
    size = in_bytes(sum(one.size_bytes for one in kept))
    text = f"{len(kept)} in {folder} · {size}: delete the folder whenever you like" if kept else f"none in {folder}"
    checkup.facts.append(("prompt caches", text))


def _memory(checkup: Checkup) -> None:
    free_mib = free_memory_bytes() / 2**20
    checkup.models.append(("MODEL", "MEMORY", f"OF {free_mib:,.0f} MiB FREE"))
    for model in registry.MODELS.values():
        fits = "fits" if model.memory_mib <= free_mib else "does not fit"
        checkup.models.append((model.name, f"{model.memory_mib:,} MiB", fits))
    need_mib = _need_mib(default_model())
    if need_mib > free_mib:
        checkup.problems.append(
            f"the default model takes about {need_mib:,.0f} MiB of memory, {free_mib:,.0f} are free: end other programs"
        )


def _need_mib(model: str) -> float:
    """Return the memory that a model takes: as the registry has it, or that of its file with something for caches."""
    if model in registry.MODELS:
        return registry.MODELS[model].memory_mib
    return memory_bytes(Path(model).stat().st_size) / 2**20
