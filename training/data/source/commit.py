"""Which commits of a repository teach edits, and what their titles ask for.

Left out are merges, reverts, what bots wrote, and commits whose title says that a formatter ran.
"""

from __future__ import annotations

import re

from tabtab_local.prompt import clean_intent

_BOT = re.compile(
    r"\[bot\]|dependabot|renovate|pre-commit-ci|github-actions|greenkeeper|snyk|imgbot|allcontributors"
    r"|(^|[\s<_.-])bot([\s@>_.-]|$)",
    re.IGNORECASE,
)
_FORMATTING = re.compile(
    r"\b(re-?format(s|ted|ting)?|auto-?format(ted|ting)?|formatter|isort|autopep8|yapf|prettier|pyupgrade|pre-?commit)\b"
    r"|^(run |apply |use |chore: |ci: )?(black|ruff|lint(s|er|ing)?|format)\b|^style(\(.*?\))?:|\((ruff|lint|format)\):"
    r"|\b(fix|ruff|run) (lint|linting|format|formatting)( errors?| issues?)?$",
    re.IGNORECASE,
)
_RELEASE = re.compile(r"^(chore\W{0,3})?(release|bump)\b|^v?\d+\.\d+(\.\d+)?\S*$", re.IGNORECASE)
_REVERT = re.compile(r"^revert\b", re.IGNORECASE)

_TYPE = re.compile(
    r"^(?:feat|feature|fix|bug|bugfix|hotfix|docs?|chore|refactor|perf|tests?|build|ci|improvement|enhancement|impr|tweak"
    r"|internal|types?|typing|cleanup|wip|misc)(?:\s*\([^)]*\))?\s*!?\s*[:/]\s*",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"\s*\((?:[^()]*[\w/]*#\d+[^()]*)\)|\b(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?):?\s+\S*#\d+|\S*#\d+"
)
_TAG = re.compile(r"^\s*\[[^\]]*\]\s*|\s*\[(?:skip ci|ci skip)[^\]]*\]|:\w+:")
_EMPTY = re.compile(
    r"^(wip|update[sd]?|fix(e[sd])?|cleanup|clean up|typos?|nits?|misc|changes|tests?|review|comments?)$", re.I
)
_MAX_INTENT = 100


def rejected(title: str, people: str, parents: int) -> str:
    """Return why a commit is left out, "" where it is not. `people` are the names and addresses on it."""
    if parents > 1:
        return "merge commit"
    if parents == 0:
        return "first commit"
    if _BOT.search(people):
        return "commit by a bot"
    if _REVERT.search(title):
        return "revert"
    if _FORMATTING.search(title):
        return "title says formatting"
    if _RELEASE.search(title):
        return "release"
    return ""


def title_intent(title: str) -> str:
    """Return what a commit's title asks for, without its type, issue and tags; "" where it says too little.

    Example: "fix(ui): validate that checkbox value is a bool (#10601)" → "Validate that checkbox value is a bool"
    """
    text = _TYPE.sub("", _TAG.sub("", title.strip()))
    text = clean_intent(_REFERENCE.sub("", text)).strip(" .:;,-")
    if text.endswith(")") and text.count("(") < text.count(")"):
        text = text[:-1].rstrip()
    if len(text.split()) < 2 or len(text) > _MAX_INTENT or _EMPTY.match(text) or not re.search(r"[a-z]", text):
        return ""
    return text if re.match(r"\S*[._()`/]|[a-z]+[A-Z]", text) else text[0].upper() + text[1:]
