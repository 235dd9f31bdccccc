"""Render the Modelfiles from which Ollama makes a model: one that edits, and one that fills in.

Both have the same weights. The one that edits is given a region with the cursor's marker in it and rewrites it; the one
that fills in is given what stands before and behind the cursor, which is what plain completion clients send (`suffix`),
and stops at the cursor's marker. A marker that ends the one stands in the middle of the other, so they are two tags.

The templates are those of the prompt format, the settings are the registry's. Ollama takes what stands between the
quotes as it is: there are no escapes (https://github.com/ollama/ollama/blob/main/docs/modelfile.mdx).
"""

from __future__ import annotations

from pathlib import Path

from convert.terms import license_text
from tabtab_local import registry
from tabtab_local.prompt import CURSOR, EDIT_END, fim_template, ollama_template

FIM_TAG = "fim"

# A region is some dozens of lines; an answer that is longer than this has lost its way.
MAX_ANSWER_TOKENS = 512


def modelfile(name: str, file: str | None = None, *, fim: bool = False, folder: Path | None = None) -> str:
    """Return the Modelfile of the model `name` whose GGUF is the file `file` (default: the registry's) beside it.

    With `fim` it is that of the model that fills in; `folder` holds the model with its base's terms. Raises
    `ModelError` for a name that the registry does not know.
    """
    model = registry.get(name)
    # Ollama ends the text at the first three quotes.
    text = license_text(model.license, folder).replace('"""', "'''")
    lines = [
        f"FROM ./{file or model.file}",
        "",
        f'TEMPLATE """{template(fim=fim)}"""',
        "",
        *(f"PARAMETER {key} {value}" for key, value in parameters(name).items()),
        *(f'PARAMETER stop "{stop}"' for stop in stops(fim=fim)),
        "",
        f'LICENSE """{text}"""',
    ]
    return "\n".join(lines) + "\n"


def template(*, fim: bool = False) -> str:
    """Return the template of the prompt, for Ollama's template engine."""
    return fim_template() if fim else ollama_template()


def parameters(name: str) -> dict[str, int]:
    """Return Ollama's parameters for the model `name`, without the stops."""
    return {
        "num_ctx": registry.get(name).context_tokens,
        "num_predict": MAX_ANSWER_TOKENS,
        "temperature": 0,
        # An answer repeats most of the question, which Ollama discourages unless told otherwise.
        "repeat_penalty": 1,
    }


def stops(*, fim: bool = False) -> list[str]:
    """Return the texts that end an answer."""
    return [CURSOR, EDIT_END] if fim else [EDIT_END]
