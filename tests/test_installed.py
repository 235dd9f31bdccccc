"""Code of the packages that are installed."""

from __future__ import annotations

import pytest

from tabtab_local.errors import DocumentError
from training import licence
from training.data import installed


def test_files_are_read_from_the_library_and_the_packages_without_tests():
    files = installed.load(("click",))
    assert {file.package.partition(" ")[0] for file in files} == {"python", "click"}
    assert not any("/tests/" in f"/{file.name}" for file in files)


def test_a_missing_package_is_named_with_its_cure():
    with pytest.raises(DocumentError, match="pip install no-such-package"):
        installed.load(("no-such-package",))


@pytest.mark.parametrize("licences", [{"MPL-2.0", "MIT"}, set()])
def test_a_package_with_another_licence_is_refused(monkeypatch, licences):
    monkeypatch.setattr(licence, "names", lambda fields: licences)
    with pytest.raises(DocumentError, match="permissive licences alone"):
        installed.load(("click",))
