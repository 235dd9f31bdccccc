"""Whether an answer can be known from what the prompt shows.

A hole is cut without regard for what is left, and the context is cut to a random budget, so that an answer may need
what only the removed text had, or what the budget left out. This module measures it: `unknowable` lists what the answer
brings in that nobody could know, and a build drops the examples for which it lists anything. Lexical on purpose: the
region of an unfinished text seldom parses.

Known is what the prompt shows anywhere, as a word: in its code, its recent edits or its intent. Known as well are the
language's and the standard library's names, those of well-known packages, attributes of anything but `self` (a
library's attribute is knowledge) unless they are private, keywords of calls, and what the answer binds itself:
choosing a name is the writer's. Numbers are known up to two digits or when they are round, strings up to sixteen
characters, prose (comments, docstrings and longer strings) when enough of its words are shown. An imported name must be
shown by a use.

An answer may also be knowable and yet not be called for: nothing tells finished code from code whose next line is
gone, when the cursor stands at the end of a line. `called_for` asks for a sign: an opened bracket or block, an intent,
or code below that needs a name which the answer binds.

Measured on 3,000 examples each, by the weights of the full set: 4 % of those of everyday code are unknowable and
17 % of those of windows of real files; of whole lines, blocks and steps up to half are, of renames, signatures and
the like next to none. With no room for context it is 12 % and 18 %, from 300 tokens on 3.6 % and 12 %: what is left
then was nowhere but in what was removed. The rule is lexical: it keeps what a word in the prompt makes possible, though
not always certain.
"""

from __future__ import annotations

import builtins
import keyword
import re
import sys

from tabtab_local.prompt import Prompt
from training.data.corruption.example import Example, mentioned

_PACKAGES = (
    "altair bs4 click django fastapi flask geopandas httpx jinja2 joblib keras lightgbm marimo matplotlib mo networkx "
    "nltk np numpy pandas pd PIL pil plotly plt polars pl px pydantic pytest requests rich scipy seaborn sklearn "
    "sns sqlalchemy statsmodels sympy tensorflow tf torch tqdm transformers typer xgboost yaml "
    "alt fig ax args kwargs self cls"
)
_MEMBERS = (
    "Path Counter defaultdict deque namedtuple OrderedDict dataclass field datetime date timedelta timezone "
    "Any Callable Iterable Iterator Sequence Mapping Optional Union Enum ABC abstractmethod partial reduce wraps "
    "lru_cache cache contextmanager suppress chain combinations permutations product groupby islice sqrt pi ceil "
    "floor Decimal Fraction ThreadPoolExecutor StringIO BytesIO ArgumentParser TemporaryDirectory annotations "
    "DictReader DictWriter sleep"
)
_KNOWN = {
    *keyword.kwlist,
    *keyword.softkwlist,
    *dir(builtins),
    *sys.stdlib_module_names,
    *_PACKAGES.split(),
    *_MEMBERS.split(),
    *("_", "__name__", "__main__", "__init__", "__file__", "__all__"),
}

# In this order: prefix and quotes of a string, a comment, a number, a name with what stands around it.
_PIECE = re.compile(
    r"(?P<string>[rbfuRBFU]{0,2}(?:\"\"\"(?:.|\n)*?(?:\"\"\"|\Z)|'''(?:.|\n)*?(?:'''|\Z)"
    r"|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?))"
    r"|(?P<comment>\#[^\n]*)"
    r"|(?P<number>(?<!\w)\d[\w.]*)"
    r"|(?P<name>[^\W\d]\w*)"
)
_FIELD = re.compile(r"\{([^{}]*)\}")
_BINDS_BEHIND = re.compile(r"\s*(?:=(?!=)|:(?!=)\s*[\w\[\]., |]+=(?!=)|:=|,[\w\s,]*=(?!=)|,[\w\s,]*\bin\b)")
_BINDS_BEFORE = re.compile(
    r"(?:\b(?:def|class|for|as|lambda)|\blambda\b[^:]*,|\bfor\b[\w\s,()]*,|\bdef\s+\w*\([^)]*)\s*\(?$"
)
_IMPORTS = re.compile(r"^\s*(?:from\s+[\w.]+\s+)?import\b")
_AS = re.compile(r"\s+as\b")
_ROUND = re.compile(r"[1-9]?\d|[1-9]0+|[125]00+|0?\.\d{1,2}|[0-9]\.0|1e-?\d+|19\d\d|20\d\d")

_SHORT_STRING = 16
_SHOWN_SHARE = 1 / 3
_MAX_PROSE_CHARACTERS = 200
_OPEN = re.compile(
    r"(?:[([{,\\:=+\-*/%|&<>.]|\b(?:and|or|not|in|is|return|import|if|else|for|as|lambda|yield|await|from))\s*$"
)
_BOUND = re.compile(
    r"^[ \t]*([\w, ]+?)\s*(?::[^=\n]+)?=(?!=)|\b(?:def|class|as|import)\s+(\w+)|\bfor\s+([\w, ]+)\s+in\b", re.MULTILINE
)


def unknowable(example: Example) -> tuple[str, ...]:
    """Return the names, numbers and texts that the answer brings in and that cannot be known from the prompt."""
    prompt, answer = example.prompt, example.response.region
    if prompt.region == answer:
        return ()
    start, end = _new_text(prompt.region, answer)
    while end < len(answer) and (answer[end].isalnum() or answer[end] == "_"):
        end += 1
    place = answer.rfind("\n", 0, start) + 1
    seen = _Seen(_shown_words(prompt))
    if f"{prompt.code_above}\n{answer[:place]}".count('"""') % 2:
        # Inside a docstring: all up to its end is prose.
        close = answer.find('"""', start)
        place = end if close < 0 else min(end, close + 3)
        seen.prose(answer[start:place])
    for match in _PIECE.finditer(answer, place):
        if match.start() >= end:
            break
        if match.end() > start:
            seen.piece(match, answer)
    return tuple(name for name in seen.missing if name not in seen.bound)


def called_for(example: Example) -> bool:
    """Return whether the prompt tells what is asked for: an edit, or silence.

    False for an answer that begins a new line behind a finished one without any sign that a line is missing, and for
    silence at the end of a text that stops in the middle of something.
    """
    prompt, answer = example.prompt, example.response.region
    before, behind = prompt.region[: prompt.cursor], prompt.region[prompt.cursor :]
    if prompt.region == answer:
        return example.compiles or bool(behind.strip() or prompt.code_below)
    line = before[before.rfind("\n") + 1 :]
    inserted = answer[prompt.cursor : len(answer) - len(behind)]
    insertion = answer.endswith(behind) and len(answer) > len(prompt.region)
    if not insertion or not inserted.startswith("\n") or not line.strip() or behind[:1] not in ("", "\n"):
        return True
    if prompt.intent or prompt.recent_edits or line.lstrip().startswith("#") or _OPEN.search(line) or _is_open(before):
        return True
    needed = mentioned(f"{behind}\n{prompt.code_below}") - mentioned(f"{prompt.code_above}\n{before}")
    bound = mentioned(" ".join(part for match in _BOUND.findall(inserted) for part in match))
    return not bound.isdisjoint(needed)


def _is_open(code: str) -> bool:
    """Return whether `code` ends inside brackets, roughly: strings are not looked at."""
    return any(code.count(a) > code.count(b) for a, b in ("()", "[]", "{}"))


def _new_text(before: str, after: str) -> tuple[int, int]:
    """Return the offsets of the part of `after` that differs from `before`."""
    start, high = 0, min(len(before), len(after))
    low = 0
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if before[:middle] == after[:middle] else (low, middle - 1)
    start, low, high = low, 0, min(len(before), len(after)) - low
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (
            (middle, high) if before[len(before) - middle :] == after[len(after) - middle :] else (low, middle - 1)
        )
    return start, len(after) - low


def _shown_words(prompt: Prompt) -> set[str]:
    shown = [prompt.region, prompt.code_above, prompt.code_below, prompt.intent]
    shown += [text for edit in prompt.recent_edits for text in (edit.original, edit.updated)]
    return mentioned("\n".join(shown))


class _Seen:
    """What is known while an answer is read: the words shown, those that it has bound, and what is missing."""

    def __init__(self, words: set[str]) -> None:
        self._words = words
        self.bound: set[str] = set()
        self.missing: dict[str, None] = {}

    def piece(self, match: re.Match[str], text: str) -> None:
        """Note one name, number, comment or string of `text`."""
        if match["name"]:
            self._name(match, text)
        elif match["number"]:
            number = match[0]
            if not _ROUND.fullmatch(number) and not all(part in self._words for part in number.split(".")):
                self.missing[number] = None
        else:
            self.prose(self._fields(match[0]) if "{" in match[0] else match[0])

    def prose(self, text: str) -> None:
        """Note a string or comment of which too little is shown."""
        if len(text) <= _SHORT_STRING:
            return
        said = [word.lower() for word in mentioned(text.replace("_", " ")) if len(word) > 3]
        lower = {part for word in self._words for part in word.lower().split("_")}
        known = sum(word in lower or word.rstrip("s") in lower for word in said)
        if len(text) > _MAX_PROSE_CHARACTERS or known < len(said) * _SHOWN_SHARE:
            self.missing[text if len(text) < 40 else text[:37] + "..."] = None

    def _name(self, match: re.Match[str], text: str) -> None:
        name = match[0]
        if name in self._words or name in _KNOWN:
            return
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if before.lstrip().startswith(("import ", "from ")):
            # A module is knowledge where what is taken from it is shown; what is taken is not.
            if _IMPORTS.match(before) and not before.endswith(".") and not _AS.match(text, match.end()):
                self.missing[name] = None
        elif before.endswith("."):
            private = name.startswith("_") and not name.endswith("__")
            own = before.endswith(("self.", "cls.")) and not _BINDS_BEHIND.match(text, match.end())
            if private or own:
                self.missing[name] = None
        elif _BINDS_BEHIND.match(text, match.end()) or _BINDS_BEFORE.search(before):
            self.bound.add(name)
        else:
            self.missing[name] = None

    def _fields(self, string: str) -> str:
        """Note the names in the expressions of an f-string and return the rest of it."""
        for field in _FIELD.findall(string):
            for match in _PIECE.finditer(field):
                if match["name"] and field[match.start() - 1 : match.start()] not in (".", ":", "!"):
                    self._name(match, field)
        return _FIELD.sub(" ", string)
