"""Files read as text and written back."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local import store
from tabtab_local.edits import Edit, apply, diff
from tabtab_local.errors import DocumentError

RAW = st.lists(
    st.sampled_from(["a", "b = 1", "é", "🙂", "    ", "\n", "\n", "\r\n", "\r\n", "\r", "\t", "\x0c", "\u2028"]),
    max_size=30,
).map("".join)
# A carriage return before a newline is one line end when it is read again, so new text cannot have the two.
TEXT = RAW.map(lambda text: text.replace("\r", "_"))


@pytest.fixture(autouse=True, scope="module")
def _temporary_folders(tmp_path_factory):
    tempfile.tempdir = str(tmp_path_factory.mktemp("store"))
    yield
    tempfile.tempdir = None


def saved(data: bytes, name: str = "code.py") -> Path:
    path = Path(tempfile.mkdtemp()) / name
    path.write_bytes(data)
    return path


def error_of(action, *arguments) -> str:
    with pytest.raises(DocumentError) as caught:
        action(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@given(RAW)
def test_a_text_has_newlines_only_and_lone_carriage_returns_stay(raw):
    source = store.read(saved(raw.encode()))
    assert source.text == raw.replace("\r\n", "\n")


@given(RAW)
def test_writing_no_edits_leaves_the_bytes_as_they_are(raw):
    path = saved(raw.encode())
    store.write(store.read(path), ())
    assert path.read_bytes() == raw.encode()


@given(RAW, TEXT)
def test_a_written_diff_reads_back_as_the_new_text(raw, new):
    path = saved(raw.encode())
    source = store.read(path)
    store.write(source, diff(source.text, new))
    assert store.read(path).text == new
    assert files_in(path.parent) == ["code.py"]


@given(st.lists(st.sampled_from(["a\n", "bc\r\n", "\n", "\r\n", "é\r\n", "d\n"]), min_size=1, max_size=12), st.data())
def test_lines_that_no_edit_touches_keep_their_bytes(lines, data):
    path = saved("".join(lines).encode())
    row = data.draw(st.integers(0, len(lines) - 1))
    source = store.read(path)
    start = sum(len(line.replace("\r\n", "\n")) for line in lines[:row])
    end = start + len(lines[row].strip())
    store.write(source, [Edit(data.draw(st.integers(start, end)), end, "x\ny")])
    written = path.read_bytes()
    assert written.startswith("".join(lines[:row]).encode())
    assert written.endswith(("y" + lines[row][len(lines[row].rstrip()) :] + "".join(lines[row + 1 :])).encode())


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        (b"a\r\nb\r\nc\n", b"a\r\nx\r\ny\r\nb\r\nc\n"),
        (b"a\nb\nc\r\n", b"a\nx\ny\nb\nc\r\n"),
        (b"a\r\nb", b"a\r\nx\r\ny\r\nb"),
        (b"a\nb", b"a\nx\ny\nb"),
    ],
)
def test_new_lines_end_as_most_lines_of_the_file_do(raw, written):
    path = saved(raw)
    store.write(store.read(path), [Edit(2, 2, "x\ny\n")])
    assert path.read_bytes() == written


def test_an_empty_file_is_an_empty_text():
    path = saved(b"")
    source = store.read(path)
    assert (source.text, source.encoding, source.newline, source.bom) == ("", "utf-8", "\n", False)
    store.write(source, [Edit(0, 0, "x = 1\n")])
    assert path.read_bytes() == b"x = 1\n"


@pytest.mark.parametrize("name", ["code.py", "book.ipynb"])
def test_a_byte_order_mark_is_no_part_of_the_text_and_stays(name):
    path = saved(b"\xef\xbb\xbfx = 1\n", name)
    source = store.read(path)
    assert (source.text, source.bom) == ("x = 1\n", True)
    store.write(source, [Edit(0, 1, "é")])
    assert path.read_bytes() == "\ufeffé = 1\n".encode()


def test_a_coding_line_is_followed_both_ways():
    path = saved("# -*- coding: latin-1 -*-\nname = 'é'\n".encode("latin-1"))
    source = store.read(path)
    assert source.text.endswith("'é'\n")
    store.write(source, diff(source.text, source.text.replace("é", "éü")))
    assert path.read_bytes().endswith(b"'\xe9\xfc'\n")


def test_a_notebook_is_utf_8_whatever_a_line_in_it_looks_like():
    assert store.read(saved("# coding: latin-1\né".encode(), "book.ipynb")).text.endswith("é")


def test_a_character_that_the_encoding_lacks_is_named():
    path = saved(b"# coding: latin-1\nx = 1\n")
    message = error_of(store.write, store.read(path), [Edit(18, 19, "€")])
    assert "U+20AC" in message
    assert "line 2" in message
    assert path.read_bytes() == b"# coding: latin-1\nx = 1\n"


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (b"a\x00b", ["NUL byte at offset 1"]),
        (b"ok = 1\nx = '\xff'\n", ["utf-8", "byte offset 12"]),
        (b"\xef\xbb\xbfx = '\xff'\n", ["byte offset 8"]),
        (b"# coding: klingon\n", ["'klingon'"]),
        (b"\xef\xbb\xbf# coding: latin-1\n", ["'latin-1'"]),
        (b"# coding: rot13\n", ["'rot13'"]),
        (b"# coding: ascii\n# \xc3\xa9\n", ["ascii", "byte offset 18"]),
    ],
)
def test_what_is_not_text_is_refused_with_the_place(data, parts):
    message = error_of(store.read, saved(data))
    assert all(part in message for part in parts), message


def test_a_missing_file_a_folder_a_pipe_and_a_huge_file_are_refused(tmp_path):
    assert "does not exist" in error_of(store.read, tmp_path / "none.py")
    assert "is a folder" in error_of(store.read, tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in error_of(store.read, tmp_path / "pipe")
    with (tmp_path / "huge.py").open("wb") as file:
        file.truncate(store.MAX_BYTES + 1)
    assert str(store.MAX_BYTES) in error_of(store.read, tmp_path / "huge.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    assert "loop.py" in error_of(store.read, tmp_path / "loop.py")
    assert "does not exist" in error_of(store.read, tmp_path / "two\nlines.py")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="an administrator may read everything")
def test_a_file_that_may_not_be_read_is_refused():
    path = saved(b"x")
    path.chmod(0)
    assert "cannot be read" in error_of(store.read, path)


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o664])
def test_the_mode_stays(mode):
    path = saved(b"x = 1\n")
    path.chmod(mode)
    store.write(store.read(path), [Edit(0, 1, "y")])
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only an administrator gives files away")
def test_the_owner_stays():
    path = saved(b"x = 1\n")
    os.chown(path, 1234, 1235)
    store.write(store.read(path), [Edit(0, 1, "y")])
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path):
    target = saved(b"x = 1\n")
    link = tmp_path / "link.py"
    link.symlink_to(target)
    store.write(store.read(link), [Edit(0, 1, "y")])
    assert link.is_symlink()
    assert target.read_bytes() == b"y = 1\n"
    assert files_in(tmp_path) == ["link.py"]


def test_a_read_only_file_is_refused_even_for_an_administrator():
    path = saved(b"x = 1\n")
    path.chmod(0o444)
    assert "read-only" in error_of(store.write, store.read(path), [Edit(0, 1, "y")])
    assert path.read_bytes() == b"x = 1\n"
    assert files_in(path.parent) == ["code.py"]


def test_a_file_that_changed_or_went_since_it_was_read_is_refused():
    path = saved(b"x = 1\n")
    source = store.read(path)
    path.write_bytes(b"x = 2\n")
    assert "has changed" in error_of(store.write, source, [Edit(0, 1, "y")])
    assert path.read_bytes() == b"x = 2\n"
    path.unlink()
    assert "does not exist" in error_of(store.write, source, [Edit(0, 1, "y")])
    assert files_in(path.parent) == []


def test_a_change_during_the_write_is_noticed_and_nothing_stays_behind(monkeypatch):
    path = saved(b"x = 1\n")
    source = store.read(path)
    monkeypatch.setattr(os, "fsync", lambda handle: path.write_bytes(b"x = 2\n"))
    assert "has changed" in error_of(store.write, source, [Edit(0, 1, "y")])
    assert path.read_bytes() == b"x = 2\n"
    assert files_in(path.parent) == ["code.py"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(monkeypatch):
    path = saved(b"x = 1\n")
    source = store.read(path)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in error_of(store.write, source, [Edit(0, 1, "y")])
    assert path.read_bytes() == b"x = 1\n"
    assert files_in(path.parent) == ["code.py"]


@pytest.mark.parametrize(
    ("data", "edit"),
    [
        (b"a\rxb\n", Edit(2, 3, "\n")),
        (b"# coding: ascii\n", Edit(10, 15, "utf-8")),
        (b"x\n", Edit(0, 0, "\ufeff")),
    ],
)
def test_an_edit_that_would_read_back_as_something_else_is_refused(data, edit):
    path = saved(data)
    source = store.read(path)
    assert "would not read back" in error_of(store.write, source, [edit])
    assert path.read_bytes() == data


def test_edits_outside_the_text_are_a_programming_error():
    with pytest.raises(ValueError, match="outside"):
        store.write(store.read(saved(b"x")), [Edit(0, 5, "")])


@given(RAW, TEXT)
def test_the_edits_are_those_of_the_text(raw, new):
    path = saved(raw.encode())
    source = store.read(path)
    edits = diff(source.text, new)
    assert apply(source.text, edits) == new
    store.write(source, edits)
    assert path.read_bytes().decode().replace("\r\n", "\n") == new
