"""Where training text comes from."""

from __future__ import annotations

import random

import pytest

from tabtab_local.errors import DocumentError
from training import licence
from training.data import installed
from training.settings import DISTRIBUTIONS


@pytest.fixture(scope="module")
def small() -> installed.Corpus:
    return installed.load(("click",), 0.5)


def test_files_are_read_from_the_library_and_the_packages_without_tests(small):
    packages = small.packages()
    assert any(name.startswith("python 3.") for name in packages)
    assert any(name.startswith("click ") for name in packages)
    assert not any("/test" in f"/{file.name}" for file in small.files if "/tests/" in f"/{file.name}")


def test_held_out_files_are_never_trained_on(small):
    assert small.held_out
    assert not {file.name for file in small.held_out} & {file.name for file in small.files}


def test_documents_of_both_kinds_are_drawn(small):
    rng = random.Random(0)
    drawn = [small.document(rng) for _ in range(60)]
    assert any(document.intents for document in drawn)
    assert any(not document.intents and not document.cells for document in drawn)
    assert all(len(document.text) < 6000 for document in drawn)


def test_a_missing_package_is_named_with_its_cure():
    with pytest.raises(DocumentError, match="pip install no-such-package"):
        installed.load(("no-such-package",), 0.5)


@pytest.mark.parametrize("licences", [{"MPL-2.0", "MIT"}, set()])
def test_a_package_with_another_licence_is_refused(monkeypatch, licences):
    monkeypatch.setattr(licence, "names", lambda fields: licences)
    with pytest.raises(DocumentError, match="permissive licences alone"):
        installed.load(("click",), 0.5)


def test_all_of_the_recipes_packages_are_permissive():
    assert installed.load(DISTRIBUTIONS, 0.5).files
