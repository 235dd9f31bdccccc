"""What the checks see of an object that stays with the program: a handle that asks the program for everything.

A handle is equal to itself only, so that an object which claims to be equal to everything proves nothing. Operators
never hand the checks' own values to the program for a plain answer: `abs(spoof - 3.14) < 1e-6` is an error.
`bool`, `len` and `in` are the program's word: `assert f(x)` and `assert 3 in f(x)` say little of an object,
`assert list(f(x)) == [3]` says all.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


class RemoteError(Exception):
    """The program raised what is no exception of a library, or cannot do what the checks ask."""


class Remote:
    """An object of the program. `_tabtab` holds the connection to it, its number and its type's name."""

    __slots__ = ("_tabtab",)

    def __init__(self, connection: Any, number: int, kind: str) -> None:
        object.__setattr__(self, "_tabtab", (connection, number, kind))

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return self.__getattr__("__doc__")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it; a list, dict or set that the call changes is changed here too."""
        return self._tabtab[0].call(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return self._tabtab[0].request("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._tabtab[0].request("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        self._tabtab[0].request("delete", self, name)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return hash(self._tabtab[1])

    def __iter__(self) -> Iterator[Any]:
        iterator = self._builtin("iter")
        return iterator if isinstance(iterator, Remote) else iter(iterator)

    def __next__(self) -> Any:
        return self._tabtab[0].request("next", self)

    def __str__(self) -> str:
        return self._text("str")

    def __repr__(self) -> str:
        return self._text("repr")

    def __format__(self, spec: str) -> str:
        return self._text("format", spec)

    def __bool__(self) -> bool:
        return self._builtin("bool") is True

    def __len__(self) -> int:
        size = self._builtin("len")
        if type(size) is not int:
            raise TypeError("the program's len is no integer")
        return size

    def __enter__(self) -> Any:
        return self.__getattr__("__enter__")()

    def __exit__(self, *raised: Any) -> bool:
        return self.__getattr__("__exit__")(None, None, None) is True

    def __instancecheck__(self, value: object) -> bool:
        return self._builtin("isinstance", value, first=True) is True

    def __subclasscheck__(self, value: object) -> bool:
        return self._builtin("issubclass", value, first=True) is True

    def _builtin(self, name: str, *others: Any, first: bool = False) -> Any:
        operands = (*others, self) if first else (self, *others)
        return self._tabtab[0].request("builtin", name, *operands)

    def _text(self, name: str, *others: Any) -> str:
        text = self._builtin(name, *others)
        if type(text) is not str:
            raise TypeError(f"the program's {name} is no text")
        return text


def _binary(name: str) -> Callable[[Remote, Any], Any]:
    def apply(self: Remote, other: Any) -> Any:
        return _own(self, other, self._tabtab[0].request("operator", name, self, other))

    return apply


def _reflected(name: str) -> Callable[[Remote, Any], Any]:
    def apply(self: Remote, other: Any) -> Any:
        return _own(self, other, self._tabtab[0].request("operator", name, other, self))

    return apply


def _own(self: Remote, other: Any, result: Any) -> Any:
    """Return `result`, unless the program made a plain value out of one that the checks gave it."""
    if not isinstance(other, Remote) and not isinstance(result, Remote):
        raise TypeError(
            f"{self._tabtab[2]} and {type(other).__name__} give a plain value: compare values in the checks"
        )
    return result


def _ordered(name: str) -> Callable[[Remote, Any], Any]:
    def apply(self: Remote, other: Any) -> Any:
        if not isinstance(other, Remote):
            return NotImplemented
        return self._tabtab[0].request("operator", name, self, other) is True

    return apply


def _asked(name: str) -> Callable[..., Any]:
    return lambda self, *operands: self._tabtab[0].request("operator", name, self, *operands)


for _name in (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
):
    _function = _name + "_" if _name in ("and", "or") else _name
    setattr(Remote, f"__{_name}__", _binary(_function))
    setattr(Remote, f"__r{_name}__", _reflected(_function))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Remote, f"__{_name}__", _ordered(_name))
for _name in ("neg", "pos", "invert", "abs", "getitem", "setitem", "delitem", "contains"):
    setattr(Remote, f"__{_name}__", _asked(_name))
