"""llama.cpp's own converter as a command: what ours is compared with, in its speed here and to the bit in the tests.

It is part of llama.cpp's sources, which the source package of llama-cpp-python holds (`vendor/llama.cpp`).
"""

from __future__ import annotations

import sys
from pathlib import Path

SCRIPT = "convert_hf_to_gguf.py"

# It wants the `gguf` beside it, and imports sentencepiece only to find that no model of it is there. Tokenizers that
# it does not know by the hash of a sample have to be named.
_DRIVER = f"""
import runpy, sys, types
root, pre, *sys.argv = sys.argv[1:]
sys.path[:0] = [root + "/gguf-py", root]
import transformers  # asks for the real one
sys.modules["sentencepiece"] = types.SimpleNamespace(SentencePieceProcessor=None)
from conversion.base import TextModel
if pre:
    TextModel.get_vocab_base_pre = lambda self, tokenizer: pre
sys.argv.insert(0, root + "/{SCRIPT}")
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def command(llama_cpp: Path, folder: Path, out: Path, *, dtype: str, pre: str = "") -> list[str]:
    """Return the command that writes the Hugging Face model in `folder` to `out`; `pre` names its pre-tokenizer."""
    arguments = [str(llama_cpp), pre, str(folder), "--outfile", str(out), "--outtype", dtype]
    return [sys.executable, "-c", _DRIVER, *arguments]
