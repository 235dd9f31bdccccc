"""Prompts that are rendered for filling in: a prefix, a suffix and markers between them. Pure."""

from __future__ import annotations

import re

# Where the prefix, the suffix and the answer begin.
_MARKERS = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),  # Qwen, and others after it
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),  # StarCoder
    ("<PRE> ", " <SUF>", " <MID>"),  # Code Llama
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # DeepSeek
    ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),  # GLM
)
_SUFFIX, _PREFIX = "[SUFFIX]", "[PREFIX]"  # Codestral: the suffix comes first, and the answer follows the prefix

# Marimo writes a zero-width joiner into the markers, and into what looks like one in the code.
_LOOKS_LIKE_A_MARKER = re.compile("<\u200d([|｜])")

# Continue joins other files to the prefix by this, for servers that take prefix and suffix.
_OTHER_FILES = "<|system_separator_istruction_repository_level|>"


def parts(prompt: str) -> tuple[str, str] | None:
    """Return what stands before and behind the cursor, None for a prompt that was not rendered for filling in.

    What stands before the first marker, such as other files, is left out.
    """
    plain = _LOOKS_LIKE_A_MARKER.sub(r"<\1", prompt)
    if plain.startswith(_SUFFIX) and _PREFIX in plain:
        suffix, _, prefix = plain.removeprefix(_SUFFIX).partition(_PREFIX)
        return prefix, suffix
    for begin, hole, end in _MARKERS:
        start, middle = plain.rfind(begin), plain.rfind(end)
        if 0 <= start < middle:
            prefix, found, suffix = plain[start + len(begin) : middle].partition(hole)
            return (prefix, suffix) if found else None
    return None


def own_file(prefix: str) -> str:
    """Return a prefix without the other files that Continue puts before it."""
    return prefix.rpartition(_OTHER_FILES)[2]
