"""Values as bytes, between the program under judgement and its checks.

A value is a tag of one byte, then its content; lengths are 4 bytes, little-endian. Plain data are written by value.
What else there is goes to a `Codec`'s owner, which may write a handle to it. Reading never runs code that the bytes
name: the tags are a closed list, so bytes from a hostile program can only be a wrong value or a `WireError`. Types of
libraries stand in `library.py`, which is loaded when the first of them is met. It knows nothing of processes.
"""

from __future__ import annotations

import builtins
from _struct import pack, unpack_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# What stands for itself on both sides: builtin types, and the modules that a program and its checks may both import.
TYPES = {name: value for name, value in vars(builtins).items() if type(value) is type}
MODULES = {
    *("bisect", "calendar", "cmath", "collections", "copy", "csv", "dataclasses", "datetime", "decimal", "enum"),
    *("fractions", "functools", "heapq", "io", "itertools", "json", "math", "numbers", "numpy", "operator", "os"),
    *("os.path", "pandas", "pathlib", "posixpath", "random", "re", "statistics", "string", "sys", "textwrap", "time"),
    *("typing", "uuid", "zoneinfo"),
}
# Deeper data are written as a handle: a list that holds itself would never end.
DEPTH = 80


class WireError(Exception):
    """Bytes that are no value, or a value that cannot be bytes."""


class TooLargeError(WireError):
    """A value of more bytes than may cross."""


class Codec:
    """Writes and reads values; `owner` writes and reads what is not plain data.

    `owner.handle(value)` returns the tag and the plain value that stand for `value`; `owner.resolve(tag, value)` is its
    inverse. Both raise `WireError` for what they do not know. `limit` is the most bytes of one value.
    """

    def __init__(self, owner: Any, limit: int) -> None:
        self.owner, self.limit = owner, limit
        self.library: Any = None

    def encode(self, value: Any) -> bytes:
        """Return `value` as bytes. Raises `WireError`."""
        out = bytearray()
        self.write(out, value, 0)
        return bytes(out)

    def decode(self, data: bytes) -> Any:
        """Return the value that `data` is. Raises `WireError`."""
        try:
            value, end = self.read(data, 0)
        except (WireError, MemoryError):
            raise
        except RecursionError:
            raise WireError("the value is nested too deeply") from None
        except Exception as error:
            raise WireError(f"no value: {type(error).__name__}") from None
        if end != len(data):
            raise WireError("more bytes than one value")
        return value

    def write(self, out: bytearray, value: Any, depth: int) -> None:
        """Append `value` to `out`."""
        if len(out) > self.limit:
            raise TooLargeError(f"a value of more than {self.limit} bytes")
        writer = _WRITERS.get(type(value)) if depth < DEPTH else _SCALARS.get(type(value))
        if writer is not None:
            writer(self, out, value, depth + 1)
            return
        foreign = self._foreign(value) if depth < DEPTH else None
        if foreign is not None:
            out += b"x"
            self.write(out, foreign, depth + 1)
        else:
            tag, plain = self.owner.handle(value)
            out += tag
            self.write(out, plain, 0)

    def read(self, data: bytes, at: int) -> tuple[Any, int]:
        """Return the value at `at` and where the next one begins."""
        tag = data[at : at + 1]
        reader = _READERS.get(tag)
        if reader is not None:
            return reader(self, data, at + 1)
        plain, end = self.read(data, at + 1)
        if tag == b"x":
            return self._library().restore(plain), end
        return self.owner.resolve(tag, plain), end

    def _foreign(self, value: Any) -> tuple[str, Any] | None:
        module = type(value).__module__
        known = type(module) is str and module.partition(".")[0] in _LIBRARIES
        if known or (isinstance(value, tuple) and hasattr(value, "_fields")):
            reduced: tuple[str, Any] | None = self._library().reduce(value)
            return reduced
        return None

    def _library(self) -> Any:
        if self.library is None:
            from training.evaluation.sandbox.inside import library

            self.library = library
        return self.library


# Where the types that `library.py` knows are defined; `builtins` is there for the views of a dict.
_LIBRARIES = {"builtins", "collections", "datetime", "decimal", "fractions", "numpy", "pandas", "zoneinfo", "uuid"}
_LIBRARIES |= {"pathlib", "_decimal", "_datetime", "_collections"}


def _size(data: bytes, at: int) -> tuple[int, int]:
    (size,) = unpack_from("<I", data, at)
    at += 4
    if size > len(data) - at:
        raise WireError("a length past the end")
    return size, at


def _int(codec: Codec, out: bytearray, value: int, depth: int) -> None:
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    if len(raw) > codec.limit:
        raise TooLargeError(f"a value of more than {codec.limit} bytes")
    out += b"i" + pack("<I", len(raw)) + raw


def _raw(tag: bytes, content: Callable[[Any], bytes]) -> Callable[..., None]:
    def write(codec: Codec, out: bytearray, value: Any, depth: int) -> None:
        if len(value) > codec.limit:
            raise TooLargeError(f"a value of more than {codec.limit} bytes")
        raw = content(value)
        out += tag + pack("<I", len(raw)) + raw

    return write


def _items(tag: bytes) -> Callable[..., None]:
    def write(codec: Codec, out: bytearray, value: Any, depth: int) -> None:
        if len(value) > codec.limit:
            raise TooLargeError(f"a value of more than {codec.limit} bytes")
        out += tag + pack("<I", len(value))
        for item in value:
            codec.write(out, item, depth)

    return write


def _dict(codec: Codec, out: bytearray, value: dict[Any, Any], depth: int) -> None:
    out += b"d" + pack("<I", len(value))
    for key, item in value.items():
        codec.write(out, key, depth)
        codec.write(out, item, depth)


def _three(tag: bytes) -> Callable[..., None]:
    def write(codec: Codec, out: bytearray, value: Any, depth: int) -> None:
        out += tag
        for part in (value.start, value.stop, value.step):
            codec.write(out, part, depth)

    return write


def _constant(tag: bytes) -> Callable[..., None]:
    def write(codec: Codec, out: bytearray, value: Any, depth: int) -> None:
        out += tag

    return write


def _bool(codec: Codec, out: bytearray, value: bool, depth: int) -> None:
    out += b"T" if value else b"F"


def _float(codec: Codec, out: bytearray, value: float, depth: int) -> None:
    out += b"f" + pack("<d", value)


def _complex(codec: Codec, out: bytearray, value: complex, depth: int) -> None:
    out += b"c" + pack("<dd", value.real, value.imag)


_SCALARS: dict[type, Callable[..., None]] = {
    type(None): _constant(b"N"),
    type(...): _constant(b"e"),
    type(NotImplemented): _constant(b"!"),
    bool: _bool,
    int: _int,
    float: _float,
    complex: _complex,
    str: _raw(b"s", lambda text: text.encode("utf-8", "surrogatepass")),
    bytes: _raw(b"b", bytes),
    bytearray: _raw(b"a", bytes),
    range: _three(b"r"),
}
_WRITERS: dict[type, Callable[..., None]] = {
    **_SCALARS,
    slice: _three(b"/"),
    list: _items(b"l"),
    tuple: _items(b"t"),
    set: _items(b"S"),
    frozenset: _items(b"Z"),
    dict: _dict,
}


def _value(value: Any) -> Callable[..., tuple[Any, int]]:
    return lambda codec, data, at: (value, at)


def _bytes(make: Callable[[bytes], Any]) -> Callable[..., tuple[Any, int]]:
    def read(codec: Codec, data: bytes, at: int) -> tuple[Any, int]:
        size, at = _size(data, at)
        return make(data[at : at + size]), at + size

    return read


def _many(make: Callable[[list[Any]], Any]) -> Callable[..., tuple[Any, int]]:
    def read(codec: Codec, data: bytes, at: int) -> tuple[Any, int]:
        size, at = _size(data, at)
        items = []
        for _ in range(size):
            item, at = codec.read(data, at)
            items.append(item)
        return make(items), at

    return read


def _pairs(codec: Codec, data: bytes, at: int) -> tuple[Any, int]:
    size, at = _size(data, at)
    value = {}
    for _ in range(size):
        key, at = codec.read(data, at)
        value[key], at = codec.read(data, at)
    return value, at


def _parts(make: Callable[..., Any]) -> Callable[..., tuple[Any, int]]:
    def read(codec: Codec, data: bytes, at: int) -> tuple[Any, int]:
        parts = []
        for _ in range(3):
            part, at = codec.read(data, at)
            parts.append(part)
        return make(*parts), at

    return read


_READERS: dict[bytes, Callable[..., tuple[Any, int]]] = {
    b"N": _value(None),
    b"e": _value(...),
    b"!": _value(NotImplemented),
    b"T": _value(True),
    b"F": _value(False),
    b"i": _bytes(lambda raw: int.from_bytes(raw, "little", signed=True)),
    b"f": lambda codec, data, at: (unpack_from("<d", data, at)[0], at + 8),
    b"c": lambda codec, data, at: (complex(*unpack_from("<dd", data, at)), at + 16),
    b"s": _bytes(lambda raw: raw.decode("utf-8", "surrogatepass")),
    b"b": _bytes(bytes),
    b"a": _bytes(bytearray),
    b"r": _parts(range),
    b"/": _parts(slice),
    b"l": _many(list),
    b"t": _many(tuple),
    b"S": _many(set),
    b"Z": _many(frozenset),
    b"d": _pairs,
}
