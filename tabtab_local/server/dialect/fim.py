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
_CODESTRAL = ("[SUFFIX]", "[PREFIX]")  # the suffix comes first, and the answer follows the prefix

# Marimo writes a zero-width joiner into the markers, and into what looks like one in the code.
_LOOKS_LIKE_A_MARKER = re.compile("<\u200d([|｜])")

# Continue joins other files to the prefix by this, for servers that take prefix and suffix.
_OTHER_FILES = "<|system_separator_istruction_repository_level|>"


def around(prompt: str, suffix: str = "") -> tuple[str, str] | None:
    """Return what stands before and behind the cursor: in a rendered prompt, or in a prefix and its suffix.

    None for a rendered prompt that cannot be read; it is no prefix.
    """
    if not suffix and _rendered(_plain(prompt)):
        return parts(prompt)
    return prompt.rpartition(_OTHER_FILES)[2], suffix


def parts(prompt: str) -> tuple[str, str] | None:
    """Return what stands before and behind the cursor, None for a prompt that was not rendered for filling in.

    None also where the code holds markers, so that it cannot be told which of them are none. What stands before the
    first marker, such as other files, is left out.
    """
    plain = _plain(prompt)
    if len(found := _rendered(plain)) != 1 or any(plain.count(marker) > 1 for marker in found[0]):
        return None
    if found[0] is _CODESTRAL:
        suffix, _, prefix = plain.removeprefix(_CODESTRAL[0]).partition(_CODESTRAL[1])
        return prefix, suffix
    begin, hole, end = found[0]
    prefix, is_open, rest = plain.partition(begin)[2].partition(hole)
    suffix, is_closed, more = rest.partition(end)
    return (prefix, suffix) if is_open and is_closed and not more.strip() else None


def _plain(prompt: str) -> str:
    return _LOOKS_LIKE_A_MARKER.sub(r"<\1", prompt)


def _rendered(plain: str) -> list[tuple[str, ...]]:
    """Return the markers of each kind of which a prompt holds all."""
    if plain.startswith(_CODESTRAL[0]) and _CODESTRAL[1] in plain:
        return [_CODESTRAL]
    return [markers for markers in _MARKERS if all(marker in plain for marker in markers)]
