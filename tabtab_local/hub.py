"""Models on the Hugging Face Hub: the one place that fetches from it."""

from __future__ import annotations

from pathlib import Path

from tabtab_local.errors import ModelError

_MODEL_FILES = ["*.json", "*.safetensors", "*.txt", "*.jinja", "*.model", "LICENSE*", "NOTICE*", "USE_POLICY*"]


def model_folder(model: str) -> Path:
    """Return the folder of `model`: itself where it is one, else a copy of the Hub repository of that id.

    Raises `ModelError` where there is neither.
    """
    if Path(model).is_dir():
        if not (Path(model) / "config.json").is_file():
            raise ModelError(f"{model} is not a model folder: it has no config.json")
        return Path(model)
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ModelError(f"{model} is no folder, and fetching it needs: pip install huggingface-hub") from None
    try:
        return Path(snapshot_download(model, allow_patterns=_MODEL_FILES))
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"{model} is no folder, and the Hub does not give it: {reason}; check the name, and `hf auth login`"
        ) from None
