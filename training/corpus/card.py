"""The card of a corpus: what its texts are, where they come from, what was left out and why.

Follows the Hugging Face Hub's data set cards. The same corpus has the same card to the byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from training.corpus.filter import KINDS
from training.corpus.manifest import Manifest
from training.data import contamination, duplicate
from training.data.contamination import Set
from training.data.shard import Shard, whole_sha256
from training.markdown import table

if TYPE_CHECKING:
    from training.corpus.build import Tally


_UNCHECKED = "**Not checked against MBPP's validation and test problems.**\n"


def render(manifest: Manifest, tallies: Mapping[str, Tally], sets: Sequence[Set], shards: Sequence[Shard]) -> str:
    """Return the card in Markdown, with the Hub's metadata above it."""
    texts = sum((tally.texts for tally in tallies.values()), Counter[str]())
    size = sum((tally.bytes for tally in tallies.values()), Counter[str]())
    files = sum(tally.files for tally in tallies.values())
    head = [
        "---",
        "language:",
        "- code",
        "license: other",
        "task_categories:",
        "- text-generation",
        "tags:",
        "- python",
    ]
    head += ["configs:", "- config_name: default", "  data_files:", "  - split: train", "    path: data/train-*"]
    head += ["  - split: held_out", "    path: data/held_out-*", "---", ""]
    parts = [
        "\n".join(head),
        "# Permissively licensed Python\n",
        f"{texts.total():,} texts, {size.total() / 1e6:,.1f} MB, of {files:,} files in {len(tallies)} sources: the"
        " programs, and the code cells of the notebooks. Made by `python -m training corpus build`; the same manifest"
        " gives the same bytes.\n",
        "## Kinds\n",
        _table(("kind", "texts", "MB"), ((k, f"{texts[k]:,}", f"{size[k] / 1e6:,.1f}") for k in KINDS)),
        "## Left out\n",
        _dropped(tallies),
        f"Near-duplicates are told by MinHash with {duplicate.PERMUTATIONS} permutations over runs of five words or"
        f" signs, from a similarity of {duplicate.DOCUMENT_THRESHOLD} on, and the first is kept. A text is left out"
        f" whole where it holds a run of {contamination.RUN} words or signs of an evaluation task with at least"
        f" {contamination.TELLING} telling words, or any run of {contamination.LONG_RUN}, that no other task of the set"
        " has.\n",
        _table(("evaluation set", "tasks"), ((each.name, f"{len(each.tasks):,}") for each in sets)),
        *(() if any(each.name.startswith("mbpp") for each in sets) else (_UNCHECKED,)),
        *_groups(manifest, tallies),
        "## Shards\n",
        _table(("file", "texts", "SHA-256"), ((each.name, f"{each.rows:,}", f"`{each.sha256}`") for each in shards)),
        f"All: `{whole_sha256(shards)}`\n",
    ]
    return "\n".join(parts)


def _dropped(tallies: Mapping[str, Tally]) -> str:
    dropped = sum((tally.dropped for tally in tallies.values()), Counter[str]())
    rows = sorted(((reason, count) for reason, count in dropped.items() if count), key=lambda row: (-row[1], row[0]))
    return _table(("reason", "files"), ((reason, f"{count:,}") for reason, count in rows))


def _groups(manifest: Manifest, tallies: Mapping[str, Tally]) -> Iterable[str]:
    yield "## Sources\n"
    for group in manifest.groups:
        yield f"**{group.why[0].upper()}{group.why[1:]}**\n"
        rows = []
        for source in group.sources:
            tally = tallies[source.label]
            size = tally.bytes.total() / 1e6
            rows.append((source.label, source.licence, f"{tally.files:,}", f"{tally.texts.total():,}", f"{size:,.1f}"))
        yield _table(("source", "licence", "files", "texts", "MB"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"{line}\n" for line in table(head, list(rows)))
