"""Cut a model's vocabulary down to what Python code needs: a smaller file, and cheaper batches.

What is kept: every byte, every marker and every token with a meaning of its own (end of text and the like), the tokens
that a corpus of code and edits are cut into, most frequent first, and whatever those are merged from. The rows of the
embedding and of the output matrix, the tokens, the merges and all ids are rewritten; nothing else of the model changes.
As all bytes are there, every text still has tokens and decodes to itself; rare words have more of them.

Code and edits count for the same: an edit model also reads intents, notebooks and half-typed lines, which packages of
code have few of. Within code, a token counts for the square root of how often each package has it, summed: what many
packages use a little is likelier in the next one than what one package uses all the time.

Works on a Hugging Face folder, before fine-tuning or after merging. Memory holds one tensor at a time.
"""

from __future__ import annotations

import json
import math
import shutil
import statistics
import sysconfig
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, pre_tokenizers

from convert.architecture import EMBEDDING, OUTPUT, architecture_of
from convert.default import KEEP_TOKENS
from convert.folder import Stored, read_json, stored_tensors, write_tensors
from convert.sample import Text, draw
from convert.terms import copy_terms
from convert.vocabulary import read_vocabulary
from tabtab_local.errors import DocumentError, ModelError
from tabtab_local.fingerprint import TRAINING_FILE
from tabtab_local.output import check_free, new_folder
from tabtab_local.prompt import MARKERS

# Every so many packages of the corpus are not counted, but kept to measure on.
_HELD_OUT = 10
_EDITS = 1000  # to count, and as many to measure on
_MOST_FILES = 100  # of a package, so that a large one does not speak for all
_ROWS_MULTIPLE = 64
_SITE_PACKAGES = "site-packages"
_COPIED = ("generation_config.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json")
_ID_KEYS = ("bos_token_id", "eos_token_id", "pad_token_id")


@dataclass(frozen=True)
class Pruned:
    """What pruning did: rows of the embedding, and tokens of so many bytes of code that was not counted.

    `median_more` is how much longer code became, as a share, in the median package of it, and `edits_more` edits that
    were not counted, all together.
    """

    rows_before: int
    rows: int
    counted_files: int
    held_out_files: int
    held_out_bytes: int
    tokens_before: int
    tokens: int
    median_more: float
    edits_more: float

    def __str__(self) -> str:
        more = 100 * (self.tokens / self.tokens_before - 1)
        return (
            f"{self.rows_before:,} → {self.rows:,} tokens; {self.held_out_files} files of code that were not counted: "
            f"{self.tokens_before / self.held_out_bytes:.4f} → {self.tokens / self.held_out_bytes:.4f} tokens a byte "
            f"({more:+.2f} %; in the median package {100 * self.median_more:+.2f} %); "
            f"edits that were not counted: {100 * self.edits_more:+.2f} %"
        )


def prune(
    folder: Path, out: Path, *, corpus: Sequence[Path] = (), data: Path | None = None, keep: int = KEEP_TOKENS
) -> Pruned:
    """Write the model in `folder` to `out` with a vocabulary of about `keep` tokens.

    They are those of the Python files and notebooks in `corpus`, folders of packages, and of the edits in `data`
    (`convert.sample.draw`); by default the standard library of the Python that runs this, what is installed beside it
    and the recorded traces. Raises `ModelError` for a model that cannot be converted, `DocumentError` for a corpus
    without code or data that cannot be read.
    """
    check_free(out)
    config = read_json(folder / "config.json")
    architecture_of(folder, config)
    read_vocabulary(folder, config["vocab_size"], markers=False)
    document = read_json(folder / "tokenizer.json")
    tokenizer = Tokenizer.from_str(json.dumps(document))
    counted, held_out = _divided(corpus or [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")])
    edits = draw(data, lambda text: len(tokenizer.encode(text).ids), texts=_EDITS)
    ids = _kept(document, _weights(tokenizer, counted, edits.measure), config["vocab_size"], keep)
    smaller = _smaller(document, ids)
    with new_folder(out) as target:
        _write_weights(folder, target, ids)
        _write_settings(folder, target, config, ids)
        (target / "tokenizer.json").write_text(json.dumps(smaller, ensure_ascii=False), encoding="utf-8")
        result = _measured(tokenizer, Tokenizer.from_str(json.dumps(smaller)), held_out, edits.judge)
        result = replace(result, rows_before=config["vocab_size"], rows=len(ids), counted_files=sum(map(len, counted)))
        _write_record(folder, target, result)
    return result


def _measured(before: Tokenizer, after: Tokenizer, packages: Sequence[Sequence[Path]], edits: Sequence[Text]) -> Pruned:
    """Return how many tokens code and edits have before and after; refuse a tokenizer that loses text."""

    def tokens(texts: Sequence[str]) -> tuple[int, int]:
        _check_lossless(after, texts)
        old, new = (sum(map(len, _encoded(one, texts))) for one in (before, after))
        return old, new

    files = size = 0
    totals: list[tuple[int, int]] = []
    for package in packages:
        texts = list(_texts(package))
        files += len(texts)
        size += sum(len(text.encode()) for text in texts)
        totals.append(tokens(texts))
    more = [new / old - 1 for old, new in totals if old]
    old, new = (sum(column) for column in zip(*totals, strict=True))
    old_edits, new_edits = tokens([edit.prompt + edit.answer for edit in edits])
    return Pruned(0, 0, 0, files, size, old, new, statistics.median(more), new_edits / old_edits - 1)


def _divided(corpus: Sequence[Path]) -> tuple[list[list[Path]], list[list[Path]]]:
    """Return the files to count, and those to measure on, which are of other packages; each by its package."""
    packages: dict[tuple[Path, str], list[Path]] = {}
    for root in corpus:
        for file in sorted([*root.rglob("*.py"), *root.rglob("*.ipynb")]):
            inside = file.relative_to(root).parts
            if _SITE_PACKAGES not in inside:
                packages.setdefault((root, inside[0]), []).append(file)
    if len(packages) < _HELD_OUT:
        raise DocumentError(
            f"{', '.join(map(str, corpus))} holds {len(packages)} packages or modules of Python: give more of it"
        )
    parts = [files[:: -(-len(files) // _MOST_FILES)] for files in packages.values()]
    return [part for number, part in enumerate(parts) if number % _HELD_OUT], parts[::_HELD_OUT]


def _texts(package: Iterable[Path]) -> Iterator[str]:
    return (text for file in package if (text := _code(file)) is not None)


def _code(file: Path) -> str | None:
    """Return the code in a Python file or a notebook; nothing for one that cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix != ".ipynb":
            return text
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        return "\n\n".join("".join(cell["source"]) for cell in cells)
    except (UnicodeDecodeError, ValueError, KeyError, TypeError):
        return None


def _encoded(tokenizer: Tokenizer, texts: Iterable[str]) -> Iterator[list[int]]:
    for text in texts:
        yield tokenizer.encode(text, add_special_tokens=False).ids


def _weights(tokenizer: Tokenizer, packages: Iterable[Iterable[Path]], edits: Iterable[Text]) -> dict[int, float]:
    """Return what each token counts for: of code and of edits the same in all."""
    code: dict[int, float] = defaultdict(float)
    for package in packages:
        for id_, count in _counts(tokenizer, _texts(package)).items():
            code[id_] += math.sqrt(count)
    edited = _counts(tokenizer, (edit.prompt + edit.answer for edit in edits))
    share = sum(code.values()) / sum(edited.values())
    return {id_: code.get(id_, 0.0) + share * edited[id_] for id_ in {*code, *edited}}


def _counts(tokenizer: Tokenizer, texts: Iterable[str]) -> Counter[int]:
    counts: Counter[int] = Counter()
    for tokens in _encoded(tokenizer, texts):
        counts.update(tokens)
    return counts


def _kept(document: dict[str, Any], weights: dict[int, float], rows: int, keep: int) -> list[int]:
    """Return the ids that are kept, in their order.

    About `keep`: what a token is merged from comes with it, and markers that are yet to be trained need free rows.
    """
    vocabulary: dict[str, int] = document["model"]["vocab"]
    merging = _Merging(document)
    kept = {vocabulary[byte] for byte in pre_tokenizers.ByteLevel.alphabet()}
    kept |= {token["id"] for token in document["added_tokens"]}
    added = {token["content"] for token in document["added_tokens"]}
    taken = set(vocabulary.values()) | {token["id"] for token in document["added_tokens"]}
    free = (row for row in range(max(taken) + 1, rows))
    kept |= {row for marker, row in zip([m for m in MARKERS if m not in added], free, strict=False)}
    room = max(keep, len(kept))
    room += -room % _ROWS_MULTIPLE
    for id_, _weight in sorted(weights.items(), key=lambda item: (-item[1], item[0])):
        family = merging.family(id_) - kept
        if len(kept) + len(family) <= room:
            kept |= family
    return sorted(kept)


class _Merging:
    """What byte-level BPE makes of a token's characters on the way to it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._vocabulary: dict[str, int] = document["model"]["vocab"]
        self._names = {id_: token for token, id_ in self._vocabulary.items()}
        self._ranks = {_pair(merge): rank for rank, merge in enumerate(document["model"]["merges"])}

    def family(self, id_: int) -> set[int]:
        """Return the ids of a token and of all that it is merged from; none for one that is not merged."""
        if id_ not in self._names:
            return set()
        pieces = list(self._names[id_])
        found = {id_}
        while len(pieces) > 1:
            ranked = [(self._ranks.get(pair), at) for at, pair in enumerate(pairwise(pieces))]
            known = [(rank, at) for rank, at in ranked if rank is not None]
            if not known:  # a word that is taken as it is (`ignore_merges`)
                break
            _, at = min(known)
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
            found.add(self._vocabulary[pieces[at]])
        return found


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _smaller(document: dict[str, Any], ids: list[int]) -> dict[str, Any]:
    """Return the tokenizer.json with these ids alone, numbered anew."""
    new = {old: index for index, old in enumerate(ids)}
    model = document["model"]
    vocabulary = {token: new[id_] for token, id_ in model["vocab"].items() if id_ in new}
    merges = [
        merge
        for merge in model["merges"]
        if all(token in vocabulary for token in (*_pair(merge), "".join(_pair(merge))))
    ]
    smaller = {
        **document,
        "model": {**model, "vocab": vocabulary, "merges": merges},
        "added_tokens": [{**token, "id": new[token["id"]]} for token in document["added_tokens"]],
    }
    processor = smaller.get("post_processor")
    if processor:
        smaller["post_processor"] = _renumbered(processor, new)
    return smaller


def _renumbered(processor: dict[str, Any], new: dict[int, int]) -> dict[str, Any]:
    if "processors" in processor:
        return {**processor, "processors": [_renumbered(one, new) for one in processor["processors"]]}
    special = processor.get("special_tokens")
    if not isinstance(special, dict):
        return processor
    tokens = {name: {**token, "ids": [new[id_] for id_ in token["ids"]]} for name, token in special.items()}
    return {**processor, "special_tokens": tokens}


def _write_weights(folder: Path, target: Path, ids: list[int]) -> None:
    rows = torch.tensor(ids)
    stored = stored_tensors(folder)
    smaller: dict[str, Stored] = {}
    for key, one in stored.items():
        shape = (len(ids), *one.shape[1:]) if key in (EMBEDDING, OUTPUT) else one.shape
        smaller[key] = replace(one.moved(target), shape=shape)
    values = (
        one.read().index_select(0, rows) if key in (EMBEDDING, OUTPUT) else one.read() for key, one in stored.items()
    )
    write_tensors(target, smaller, values)


def _write_settings(folder: Path, target: Path, config: dict[str, Any], ids: list[int]) -> None:
    new = {old: index for index, old in enumerate(ids)}

    def renumbered(settings: dict[str, Any]) -> dict[str, Any]:
        changed = dict(settings)
        for key in _ID_KEYS:
            if (value := settings.get(key)) is not None:
                changed[key] = [new[id_] for id_ in value] if isinstance(value, list) else new[value]
        return changed

    for name in _COPIED:
        if not (folder / name).is_file():
            continue
        if not name.endswith(".json"):
            shutil.copyfile(folder / name, target / name)
            continue
        settings = renumbered(read_json(folder / name))
        if decoder := settings.get("added_tokens_decoder"):
            settings["added_tokens_decoder"] = {str(new[int(id_)]): token for id_, token in decoder.items()}
        (target / name).write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    copy_terms(folder, target)
    settings = {**renumbered(config), "vocab_size": len(ids)}
    (target / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _write_record(folder: Path, target: Path, result: Pruned) -> None:
    """Carry over what training recorded, with what was done to it since; nothing where there is no record."""
    if (folder / TRAINING_FILE).is_file():
        record = {**read_json(folder / TRAINING_FILE), "pruned": asdict(result)}
        (target / TRAINING_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _check_lossless(tokenizer: Tokenizer, texts: Sequence[str]) -> None:
    for text, tokens in zip(texts, _encoded(tokenizer, texts), strict=True):
        normal = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
        if tokenizer.decode(tokens, skip_special_tokens=False) != normal:
            raise ModelError(
                "the pruned tokenizer does not give a text back as it was: report this with the model's name"
            )
