"""Render the Modelfile from which Ollama makes a model.

The template is that of the prompt format, the settings are the registry's. Ollama takes what stands between the
quotes as it is: there are no escapes (https://github.com/ollama/ollama/blob/main/docs/modelfile.mdx).
"""

from __future__ import annotations

from tabtab_local import registry
from tabtab_local.prompt import EDIT_END, ollama_template

# A region is some dozens of lines; an answer that is longer than this has lost its way.
MAX_ANSWER_TOKENS = 512

_LICENSES = {
    "apache-2.0": "Apache License 2.0 (https://www.apache.org/licenses/LICENSE-2.0)",
    "llama3.2": (
        "Built with Llama. Llama 3.2 is licensed under the Llama 3.2 Community License, "
        "Copyright (c) Meta Platforms, Inc. All Rights Reserved. (https://www.llama.com/llama3_2/license/)"
    ),
}


def modelfile(name: str, file: str | None = None) -> str:
    """Return the Modelfile of the model `name` whose GGUF is the file `file` (default: the registry's) beside it.

    Raises `ModelError` for a name that the registry does not know.
    """
    model = registry.get(name)
    return f'''\
FROM ./{file or model.file}

TEMPLATE """{ollama_template()}"""

PARAMETER num_ctx {model.context_tokens}
PARAMETER num_predict {MAX_ANSWER_TOKENS}
PARAMETER temperature 0
PARAMETER stop "{EDIT_END}"

LICENSE """{_LICENSES[model.license]}"""
'''
