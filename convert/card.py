"""Render the model cards of the three repositories that a model is published as: adapter, merged, GGUF.

What a card says is read from what was made: the registry, the record of training, the report of the quants, and a table
of an evaluation, where there is one. The metadata is what the Hub understands
(https://huggingface.co/docs/hub/model-cards): `base_model` and its relation make the tree of models there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import ModelCardData

from convert.modelfile import FIM_TAG
from convert.terms import license_text
from tabtab_local.prompt import CURSOR, PROMPT_VERSION, Prompt, render_prompt
from tabtab_local.registry import Model

Kind = Literal["adapter", "merged", "gguf"]

_RELATIONS = {"adapter": "adapter", "merged": "finetune", "gguf": "quantized"}
_LIBRARIES = {"adapter": "peft", "merged": "transformers", "gguf": "llama.cpp"}
_SUFFIXES = {"adapter": "-LoRA", "merged": "", "gguf": "-GGUF"}
_PROJECT = "tabtab-local"


@dataclass(frozen=True)
class Made:
    """What was made: the model, the record of its training, the recommended GGUF by its name.

    The report of the quants and an evaluation are Markdown.
    """

    model: Model
    training: dict[str, Any]
    recommended: str
    report: str = ""
    evaluation: str = ""


def repository(user: str, name: str, kind: Kind) -> str:
    """Return the id of the repository on the Hub."""
    return f"{user}/{name}{_SUFFIXES[kind]}"


def card(made: Made, kind: Kind, user: str | None = None) -> str:
    """Return the README.md of a repository; `user` is whose it is, None where that is not known yet."""
    model = made.model
    parts = [
        f"---\n{_metadata(made, kind, user).to_yaml()}\n---",
        f"# {model.name}{_SUFFIXES[kind]}",
        _introduction(made, kind, user),
        _use(made, kind, user),
        f"## The prompt\n\nFormat version {PROMPT_VERSION}: what is asked, and the answer begins right behind it. "
        f"The markers are single tokens.\n\n```\n{render_prompt(Prompt('df = ', 5, intent='read a csv file'))}```",
        _training(made),
    ]
    if made.evaluation:
        parts.append(f"## Evaluation\n\n{made.evaluation.strip()}")
    if made.report and kind == "gguf":
        parts.append(f"## Files\n\n{made.report.strip()}")
    parts.append(f"## License\n\n{model.license}: {license_text(model.license).splitlines()[0].strip()} (see LICENSE).")
    return "\n\n".join(parts) + "\n"


def _metadata(made: Made, kind: Kind, user: str | None) -> ModelCardData:
    base = repository(user, made.model.name, "merged") if kind == "gguf" and user else made.model.base
    relation: dict[str, Any] = {"base_model": base, "base_model_relation": _RELATIONS[kind]} if base else {}
    return ModelCardData(
        license=made.model.license,
        language=["code"],
        library_name=_LIBRARIES[kind],
        pipeline_tag="text-generation",
        tags=["code", "python", "next-edit", "fill-in-the-middle", _PROJECT],
        **relation,
    )


def _introduction(made: Made, kind: Kind, user: str | None) -> str:
    model = made.model
    base = f"[{model.base}](https://huggingface.co/{model.base})" if model.base else "a model trained from scratch"
    what = {
        "adapter": f"A LoRA adapter for {base}",
        "merged": f"{base}, fine-tuned with LoRA and merged",
        "gguf": "GGUF files" + (f" of [{model.name}](https://huggingface.co/{user}/{model.name})" if user else ""),
    }[kind]
    return (
        f"{what}: next-edit completion for Python files and notebooks. It is shown a region of code with the cursor in "
        "it, and rewrites the region; where its own cursor stands in the answer, the next edit belongs. Made with "
        f"{_PROJECT}."
    )


def _use(made: Made, kind: Kind, user: str | None) -> str:
    model, who = made.model, user or "USER"
    if kind == "adapter":
        return (
            "## Use\n\nMerge it into its base and make GGUF files of it, in a checkout of the project:\n\n"
            f"```sh\nhf download {repository(who, model.name, kind)} --local-dir adapter\n"
            f"python -m convert all --adapter adapter --name {model.name} --out dist\n```"
        )
    if kind == "merged":
        return (
            "## Use\n\nWith vLLM, as an endpoint that the runtime speaks to (`Engine` over `/v1/completions`):\n\n"
            f"```sh\nvllm serve {repository(who, model.name, kind)}\n```"
        )
    repo, quant = repository(who, model.name, kind), _quant(model, made.recommended)
    ollama = f"ollama run hf.co/{repo}:{quant}" if quant else f"ollama run hf.co/{repo}"
    return (
        f"## Use\n\nIn Ollama, with a region in which {CURSOR} stands for the cursor:\n\n"
        f"```sh\n{ollama}\n```\n\n"
        f"For clients that fill in (`suffix`), make the tag `{FIM_TAG}` of the same file: "
        f"`ollama create {model.name}:{FIM_TAG} -f Modelfile.{FIM_TAG}`.\n\n"
        "With the project's runtime:\n\n"
        f"```sh\nhf download {repo} {made.recommended} --local-dir .\n"
        f"tabtab-local complete FILE.py --line 12 --model {made.recommended}\n```\n\n"
        "With llama.cpp:\n\n"
        f"```sh\nllama-server -hf {repo}{':' + quant if quant else ''} --temp 0\n```"
    )


def _quant(model: Model, file: str) -> str:
    """Return the quant in a file's name, by which the Hub's clients choose; "" where there is none."""
    return Path(file).stem.removeprefix(model.name).removeprefix("-")


def _training(made: Made) -> str:
    record = made.training
    rows = {
        "base's weights, SHA-256": record.get("base_sha256"),
        "training data, SHA-256": record.get("data_sha256"),
        "examples": record.get("examples"),
        **(record.get("settings") or {}),
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items() if value is not None]
    return "\n".join(
        [
            "## Training and data",
            "",
            "Supervised fine-tuning of a LoRA on edits: clean code is corrupted, and the answer is the clean code. The "
            "data card with sources, licences and counts is written by `python -m training data build`.",
            "",
            "| | |",
            "|---|---|",
            *lines,
        ]
    )
