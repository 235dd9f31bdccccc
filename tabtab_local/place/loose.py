"""What a word is in code that does not parse: bound at a line's beginning, read, or neither for sure.

Works on code without strings and comments (`literal.py`). Where a word may be a name of its own, such as a parameter,
it is taken for nothing: silence is better than a wrong place. Pure.
"""

from __future__ import annotations

import re

# Shell commands and magics, and what gives names of its own to a part of a line.
_UNCLEAR = r"^\s*[%!@]|\blambda\b|\bimport\b|\bfor\b.*{word}.*\bin\b|\bdef\b.*\(.*{word}"
_BOUND = r"\s*({word})\s*(?::[^=]*)?=(?!=)|\s*(?:async\s+)?(?:def|class)\s+({word})"
_OWN = (
    r"{word}\s*(?:=(?!=)|:)|\b(?:as|def|class|global|nonlocal)\s+{word}|\b(?:for|def|lambda|import)\b[^\n]*{word}"
    r"|(?:\(|,)[^\S\n]*\n?\s*{word}\s*(?:,|\)\s*(?:->|:))"
)


def word_pattern(word: str) -> str:
    """Return the regular expression that finds `word`, and not longer words with it inside."""
    return rf"(?<!\w){re.escape(word)}(?!\w)"


def words_in(line: str, word: str) -> tuple[int, list[int]]:
    """Return where a line binds `word`, -1 for nowhere, and where it reads it.

    Example: "x = f(x, x=1" for "x" → 0, [6]
    """
    pattern = word_pattern(word)
    if re.search(_UNCLEAR.format(word=pattern), line):
        return -1, []
    match = re.match(_BOUND.format(word=pattern), line)
    bound = match.start(match.lastindex) if match and match.lastindex else -1
    read = []
    for match in re.finditer(pattern, line):
        before, after = line[: match.start()].rstrip(), line[match.end() :]
        opened = sum(map(before.count, "([{")) > sum(map(before.count, ")]}"))
        is_keyword = opened and re.match(r"\s*=(?!=)", after)
        if match.start() != bound and not before.endswith(".") and not is_keyword:
            read.append(match.start())
    return bound, read


def may_be_its_own(code: str, word: str) -> bool:
    """Return whether `word` may be bound somewhere in a piece of code."""
    return re.search(_OWN.format(word=word_pattern(word)), code) is not None
