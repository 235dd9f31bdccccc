"""The program's side: runs the program, then answers what its checks ask.

Nothing here protects anything: the program can change all of it, and then it can only give wrong answers. What it
cannot do is to pass, because neither the checks nor what they expect are in this process.
"""

from __future__ import annotations

import _operator as operator
import builtins
import sys

from training.evaluation.sandbox.inside.link import Link
from training.evaluation.sandbox.inside.wire import MODULES, TYPES, Codec, TooLargeError, WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SCALARS = {type(None), bool, int, float, complex, str, bytes, range, type(Codec.encode), type(sys), type(len)}
# Looking for changes in a larger value after each request would take longer than the request; only another value under
# its name is noticed.
_LARGE = 1 << 16


class Candidate:
    """The objects that the checks have handles to, and the link to them."""

    def __init__(self, link: Link, limit: int) -> None:
        self.link, self.codec = link, Codec(self, limit)
        self.objects: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.names: dict[str, Any] = {}
        self.sent: dict[str, tuple[Any, bytes]] = {}

    # What is not plain data

    def handle(self, value: Any) -> tuple[bytes, Any]:
        """Return what stands for `value`: its name where it is a builtin or a library's, a number else."""
        kind: Any = type(value)
        if isinstance(value, type):
            if TYPES.get(value.__name__) is value:
                return b"Y", value.__name__
            if issubclass(value, BaseException):
                if _library_class(value):
                    return b"E", (value.__module__, value.__qualname__)
                return b"X", (self._number(value), value.__name__, value.__bases__)
        elif isinstance(value, type(sys)) and value.__name__ in MODULES and sys.modules.get(value.__name__) is value:
            return b"M", value.__name__
        return b"H", (self._number(value), kind.__name__)

    def _number(self, value: Any) -> int:
        number = self.numbers.get(id(value))
        if number is None:
            number = self.numbers[id(value)] = len(self.objects)
            self.objects.append(value)
        return number

    def resolve(self, tag: bytes, plain: Any) -> Any:
        """Return what the checks have passed as a handle."""
        if tag in b"HX":
            return self.objects[plain]
        if tag == b"Y":
            return TYPES[plain]
        if tag == b"M":
            return __import__(plain)
        if tag == b"L":
            return lambda *args, **kwargs: self._call_back(plain, args, kwargs)
        raise WireError(f"no tag {tag!r}")

    # Speaking with the checks

    def serve(self) -> None:
        """Answer until the checks are done."""
        while True:
            self._answer(self.codec.decode(self.link.receive()))

    def _answer(self, request: tuple[Any, ...]) -> None:
        try:
            reply = getattr(self, "do_" + request[0])(*request[1:])
        except TooLargeError as error:
            reply = self.codec.encode(("large", str(error)))
        except EOFError:
            raise
        except BaseException as error:
            reply = self.raised(error)
        self.link.send(reply)

    def _call_back(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.link.send(self.codec.encode(("callback", number, args, kwargs)))
        while True:
            message = self.codec.decode(self.link.receive())
            if message[0] == "answer":
                return message[1]
            if message[0] == "fault":
                raise TYPES.get(message[1], RuntimeError)(message[2])
            self._answer(message)

    def raised(self, error: BaseException) -> bytes:
        """Return the message that says what was raised, and in which line of the program."""
        line, step = 0, error.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename == "<program>":
                line = step.tb_lineno
            step = step.tb_next
        try:
            text = str(error)[:2000]
        except BaseException:
            text = ""
        state = getattr(error, "__dict__", {})
        for args, attributes in ((error.args, state), (error.args, {}), ((text,), {})):
            try:
                return self.codec.encode(("raise", type(error), args, text, dict(attributes), line))
            except Exception:
                continue
        return self.codec.encode(("raise", RuntimeError, (), "", {}, line))

    def changed_names(self) -> list[tuple[str, bytes]]:
        """Return the program's global names whose values have changed since they were last sent."""
        changed = []
        for name, value in list(self.names.items()):
            if type(name) is not str or (name.startswith("__") and name.endswith("__")):
                continue
            before = self.sent.get(name)
            if before is not None and before[0] is value and (type(value) in _SCALARS or len(before[1]) > _LARGE):
                continue
            try:
                data = self.codec.encode(value)
            except WireError:
                data = b"H" + self.codec.encode((self._number(value), type(value).__name__))
            if before is None or before[1] != data:
                changed.append((name, data))
            self.sent[name] = value, data
        return changed

    def _done(self, value: Any, changed: list[tuple[Any, bytes]]) -> bytes:
        return self.codec.encode(("ok", value, changed, self.changed_names()))

    # What the checks can ask

    def do_call(self, function: Any, args: list[bytes], kwargs: dict[str, bytes]) -> bytes:
        """Call, and tell which arguments the call has changed."""
        before: list[tuple[Any, bytes, Any]] = [
            (key, data, self.codec.decode(data)) for key, data in [*enumerate(args), *kwargs.items()]
        ]
        positional = [value for key, _, value in before if type(key) is int]
        result = function(*positional, **{key: value for key, _, value in before if type(key) is str})
        changed = []
        for key, data, value in before:
            if type(value) not in _SCALARS and data[:1] not in (b"H", b"L", b"X"):
                after = self.codec.encode(value)
                if after != data:
                    changed.append((key, after))
        return self._done(result, changed)

    def do_get(self, value: Any, name: str) -> bytes:
        """Get an attribute."""
        return self._done(getattr(value, name), [])

    def do_set(self, value: Any, name: str, new: Any) -> bytes:
        """Set an attribute."""
        setattr(value, name, new)
        return self._done(None, [])

    def do_delete(self, value: Any, name: str) -> bytes:
        """Delete an attribute."""
        delattr(value, name)
        return self._done(None, [])

    def do_next(self, value: Any) -> bytes:
        """Take one item of an iterator."""
        try:
            item = next(value)
        except StopIteration as stop:
            return self.codec.encode(("stop", stop.value))
        return self._done(item, [])

    def do_operator(self, name: str, *operands: Any) -> bytes:
        """Apply one of the operator module's functions."""
        return self._done(getattr(operator, name)(*operands), [])

    def do_builtin(self, name: str, *operands: Any) -> bytes:
        """Apply a builtin such as len or str."""
        return self._done(getattr(builtins, name)(*operands), [])


def _library_class(value: type) -> bool:
    root = value.__module__.partition(".")[0] if type(value.__module__) is str else ""
    home = sys.modules.get(value.__module__) if root in MODULES else None
    return getattr(home, value.__qualname__, None) is value


def main(arguments: dict[str, Any]) -> None:
    """Run the program and answer its checks."""
    link = Link(arguments["socket"], arguments["message_bytes"])
    candidate = Candidate(link, arguments["message_bytes"])
    sys.path.insert(0, arguments["folder"])
    for name, text in arguments["files"].items():
        _write(name, text)
    stdout, stderr = sys.stdout, sys.stderr
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    candidate.names = module.__dict__
    candidate.names["__file__"] = arguments["folder"] + "/program.py"
    try:
        code = compile(arguments["program"], "<program>", "exec", dont_inherit=True)
    except BaseException as error:
        link.send(candidate.codec.encode(("syntax", f"{type(error).__name__}: {error}"[:2000])))
        return
    try:
        exec(code, candidate.names)
    except BaseException as error:
        first = candidate.raised(error)
    else:
        first = b""
    for stream in (sys.stdout, sys.stderr, stdout, stderr):
        try:
            stream.flush()
        except Exception:
            continue
    link.send(first or candidate.codec.encode(("ready", candidate.changed_names())))
    if not first:
        try:
            candidate.serve()
        except EOFError:
            return


def _write(name: str, text: str) -> None:
    import os  # pathlib would take longer to import than most programs run

    folder = os.path.dirname(name)  # noqa: PTH120
    if folder:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    with open(name, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
        file.write(text)
