"""From a manifest to the corpus: sources fetched and checked, texts decided, the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tabtab_local.errors import DocumentError
from tests.corpora import PROGRAM
from training.corpus import build, fetch, manifest, store
from training.corpus import part as parts
from training.corpus.manifest import Group, Manifest, Package, Repository
from training.corpus.source import files as sources_of
from training.data.contamination import Set

MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy of it, subject to the following"


def sdist(name: str, version: str, files: dict[str, str], licence: str = "MIT") -> bytes:
    """Return a source distribution."""
    out = io.BytesIO()
    content = {"PKG-INFO": f"Metadata-Version: 2.4\nName: {name}\nLicense-Expression: {licence}\n", **files}
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, text in content.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo(f"{name}-{version}/linked.py")
        link.type, link.linkname = tarfile.SYMTYPE, "../elsewhere.py"
        archive.addfile(link)
    return out.getvalue()


class World:
    """A package index and a host of repositories in a folder, served on the loopback address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        handler = partial(_Handler, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def package(self, name: str, version: str, files: dict[str, str], licence: str = "MIT") -> Package:
        """Publish a version, listed behind those before it."""
        content = sdist(name, version, files, licence)
        sha256 = hashlib.sha256(content).hexdigest()
        (self.folder / f"{name}-{version}.tar.gz").write_bytes(content)
        listing = self.folder / "simple" / name / "index.html"
        listing.parent.mkdir(parents=True, exist_ok=True)
        entries = json.loads(listing.read_text())["files"] if listing.exists() else []
        entry = {"filename": f"{name}-{version}.tar.gz", "url": f"{self.address}/{name}-{version}.tar.gz"}
        entry |= {"hashes": {"sha256": sha256}, "upload-time": f"2026-01-{len(entries) + 1:02}"}
        listing.write_text(json.dumps({"files": [*entries, entry]}))
        return Package(name, version, licence, sha256)

    def repository(self, name: str, files: dict[str, str], licence: str = "MIT") -> Repository:
        """Commit files to a repository of that name."""
        place = self.folder / f"{name}.git"
        place.mkdir(parents=True)
        for path, text in files.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text)
        author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        for arguments in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "All"]):
            subprocess.run(["git", "-C", str(place), *arguments], check=True)
        head = subprocess.run(
            ["git", "-C", str(place), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
        )
        return Repository(name, head.stdout.strip(), licence)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.close()


def program(number: int) -> str:
    """Return a program that is like no other of another number."""
    words = [hashlib.sha256(f"{number}/{at}".encode()).hexdigest()[:7] for at in range(60)]
    lines = [
        f"def do_{one}(a_{two}):\n    return a_{two} + len(b_{three})\n"
        for one, two, three in zip(words[::3], words[1::3], words[2::3], strict=True)
    ]
    return PROGRAM.format(n=number) + "\n\n" + "\n\n".join(lines)


@pytest.fixture(scope="module")
def sources(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, Path]:
    """A package and a repository, fetched."""
    files = {f"alpha/m{n}.py": program(n) for n in range(8)}
    files |= {"alpha/copy.py": program(3).replace("a_", "a_", 1), "tests/test_a.py": program(90), "setup.cfg": "x"}
    files |= {"alpha/secret.py": program(91) + f"KEY = 'AKIA{'Q3EGRWZ5TBN7XM2K'}'\n", "alpha/_vendor/b.py": program(92)}
    alpha = world.package("alpha", "1.2", files)
    cells = [{"cell_type": "code", "source": program(20 + n)} for n in range(3)]
    book = json.dumps({"nbformat": 4, "cells": cells})
    beta = {"LICENSE": MIT, "guide.ipynb": book, "again.py": program(4), "asked.py": program(50)}
    groups = (Group("first", (alpha,)), Group("second", (world.repository("some/beta", beta),)))
    found, folder = Manifest(groups), tmp_path_factory.mktemp("sources")
    lines = list(fetch.fetched(found, folder, f"{world.address}/simple", str(world.folder)))
    assert [line.partition(":")[0] for line in lines] == [source.label for source in found.sources]
    assert list(fetch.fetched(found, folder, "http://127.0.0.1:9", "nowhere")) == []
    return found, folder


ASKED = Set("quiz", {"1": (program(50).split("\n\n\n")[-1],)})


@pytest.fixture(scope="module")
def built(sources: tuple[Manifest, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "corpus"
    build.build(*sources, [ASKED], out, workers=1)
    return out


def all_texts(folder: Path) -> list[str]:
    return [*store.Texts(folder), *store.Texts(folder, store.HELD_OUT)]


def test_what_is_kept_is_what_may_and_should_be_learnt(built: Path) -> None:
    texts = all_texts(built)
    kept = [
        number for number in (*range(8), 90, 91, 92, 50) if any(program(number).strip() == t.strip() for t in texts)
    ]
    assert kept == [*range(8), 90]
    [book] = [text for text in texts if "def total_20" in text]
    assert "def total_22" in book
    assert len(texts) == 10


def test_the_card_counts_what_was_left_out(built: Path) -> None:
    card = (built / "README.md").read_text()
    for line in (
        "| near-duplicate of another text | 2 |",
        "| holds a piece of quiz | 1 |",
        "| holds what looks like a secret | 1 |",
        "| test | 1 |",
        "| of others, generated, or a test's input | 1 |",
        "| notebook | 1 |",
    ):
        assert line in card, line
    assert "alpha 1.2 | MIT | 12 | 9 |" in card
    assert not (built / ".parts").exists()


def test_a_notebook_comes_back_with_its_cells(built: Path) -> None:
    texts = store.Texts(built)
    documents = [texts.document(number) for number in range(len(texts))]
    [book] = [document for document in documents if document.cells]
    assert [cell.of(book.text) for cell in book.cells] == [program(20 + n).strip("\n") for n in range(3)]
    assert texts.lengths().tolist() == [len(text.encode()) for text in texts]


def test_it_is_the_same_by_any_number_of_workers_and_after_an_interruption(
    sources: tuple[Manifest, Path], built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "again"
    with monkeypatch.context() as patch:
        patch.setattr(build, "_write_shards", lambda rows, out: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            build.build(*sources, [ASKED], out, workers=2)
    assert len(list((out / ".parts").glob("*.npz"))) == 2
    with monkeypatch.context() as patch:
        patch.setattr(parts, "make", None)
        build.build(*sources, [ASKED], out, workers=2)
    for file in sorted(path for path in built.rglob("*") if path.is_file()):
        assert (out / file.relative_to(built)).read_bytes() == file.read_bytes(), file.name


def test_a_folder_of_another_corpus_is_left_alone(sources: tuple[Manifest, Path], built: Path, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="holds a corpus of another manifest"):
        build.build(*sources, [], built)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DocumentError, match="not an empty folder"):
        build.build(*sources, [], tmp_path)


def test_a_source_gives_no_more_than_is_fair(monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import Counter

    from training.corpus.filter import Text

    monkeypatch.setattr(parts, "MOST_BYTES", 1000)
    found = [(f"m{n}.py", Text("x" * 150, "library")) for n in range(20)]
    found += [(f"t{n}.py", Text("x" * 50, "test")) for n in range(20)]
    dropped: Counter[str] = Counter()
    taken = list(parts._fair(found, dropped))
    assert Counter(text.kind for _, text in taken) == {"library": 6, "test": 4}
    assert dropped.total() == 30


def test_a_source_that_is_not_what_it_was_is_refused(sources: tuple[Manifest, Path], tmp_path: Path) -> None:
    manifest_, folder = sources
    shutil.copytree(folder, tmp_path / "sources")
    archive = tmp_path / "sources" / "alpha-1.2.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(DocumentError, match="not what the manifest says"):
        build.build(manifest_, tmp_path / "sources", [], tmp_path / "out", workers=1)
    archive.unlink()
    with pytest.raises(DocumentError, match="is not there: run `python -m training corpus fetch`"):
        build.build(manifest_, tmp_path / "sources", [], tmp_path / "out", workers=1)


@pytest.mark.parametrize("content", [b"no archive", sdist("eta", "1.0", {"a.py": "x = 1\n" * 900})[:-40]])
def test_an_archive_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "eta-1.0.tar.gz").write_bytes(content)
    eta = Package("eta", "1.0", "MIT", hashlib.sha256(content).hexdigest())
    with pytest.raises(DocumentError, match=r"eta-1.0.tar.gz cannot be read"):
        list(sources_of(eta, tmp_path))


def test_what_cannot_be_fetched_is_said_and_the_rest_is_fetched(world: World, tmp_path: Path) -> None:
    good = world.package("gamma", "1.0", {"a.py": program(1)})
    wrong = Package("gamma-more", "1.0", "MIT", "0" * 64)
    other = Package("gamma", "0.9", "MIT", "1" * 64)
    (world.folder / "simple" / "gamma-more").mkdir()
    (world.folder / "simple" / "gamma-more" / "index.html").write_text(
        json.dumps(
            {"files": [{"filename": "x", "url": f"{world.address}/gamma-1.0.tar.gz", "hashes": {"sha256": "0" * 64}}]}
        )
    )
    lost = Repository("some/lost", "0" * 40, "MIT")
    both = Manifest((Group("", (wrong, other, lost, good)),))
    lines = list(fetch.fetched(both, tmp_path, f"{world.address}/simple", str(world.folder)))
    assert [isinstance(line, fetch.Failed) for line in lines] == [True, True, True, False]
    assert "has the SHA-256" in lines[0] and "has no file of gamma with" in lines[1]
    assert sorted(path.name for path in tmp_path.rglob("*.tar.gz")) == ["gamma-1.0.tar.gz"]
    assert not (tmp_path / "some" / "lost").exists()


def test_a_pin_is_the_newest_release_and_must_be_permissive(world: World, tmp_path: Path) -> None:
    world.package("delta", "1.0", {"a.py": program(1)})
    newest = world.package("delta", "1.1", {"a.py": program(2)})
    world.package("delta", "2.0rc1", {"a.py": program(3)})
    world.package("epsilon", "1.0", {"a.py": program(1)}, licence="GPL-3.0-only")
    free = world.repository("some/zeta", {"LICENSE": MIT, "a.py": program(1)})
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "zeta").symlink_to(world.folder / "some" / "zeta.git")
    lines = list(fetch.pinned(["delta", "epsilon", "some/zeta"], tmp_path, f"{world.address}/simple"))
    assert lines[0] == manifest.line(newest)
    assert isinstance(lines[1], fetch.Failed) and "epsilon is not under permissive licences alone" in lines[1]
    assert lines[2] == manifest.line(free)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x = 1", "list of \\[\\[group\\]\\] tables"),
        ("[[group]]\npackages = []", "does not say why"),
        ("[[group]]\nwhy = 'x'\nmore = 1", "unknown key more"),
        ("[[group]]\nwhy = 'x'\npackages = [{ name = 'a' }]", "must have licence, name, sha256, version"),
        ("[[group]]\nwhy = ''\nrepositories = [{ name = 'a/b', revision = 'c', licence = 'x' }]", "no commit of 40"),
        (
            "[[group]]\nwhy = ''\npackages = [{ name = 'a', version = '1', licence = 'GPL', sha256 = '"
            + 64 * "0"
            + "' }]",
            "not permissive",
        ),
    ],
)
def test_a_manifest_with_a_fault_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(DocumentError, match=complaint):
        manifest.read(tmp_path / "m.toml")


def test_the_shipped_manifest_can_be_read() -> None:
    found = manifest.read(Path(__file__).parents[1] / "configs" / "corpus.toml")
    assert len(found.sources) > 200


def test_the_command_line_builds_and_refuses_in_one_line(sources: tuple[Manifest, Path], tmp_path: Path) -> None:
    entries = ",\n".join(manifest.line(source) for source in sources[0].sources[:1])
    (tmp_path / "m.toml").write_text(f"[[group]]\nwhy = 'all'\npackages = [\n{entries}\n]\n")
    command = [
        sys.executable,
        "-m",
        "training",
        "corpus",
        "build",
        "--manifest",
        str(tmp_path / "m.toml"),
        "--unchecked",
    ]
    command += ["--out", str(tmp_path / "out"), "--workers", "1", "--sources"]
    done = subprocess.run([*command, str(sources[1])], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Not checked against MBPP" in (tmp_path / "out" / "README.md").read_text()
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True)
    assert "holds this corpus already" in done.stderr
    command[command.index("--out") + 1] = str(tmp_path / "other")
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: ") and "Traceback" not in done.stderr
