"""The checks' side: runs the checks against a program in another process, and says the verdict.

The verdict goes out after the last statement of the checks, over a pipe that the program has no end of. Whatever the
program sends is data: a wrong message can end the checks, never pass them.
"""

from __future__ import annotations

import builtins
import os
import select
import sys

from training.evaluation.sandbox.inside.link import Link, LinkError
from training.evaluation.sandbox.inside.names import Names, copy_into
from training.evaluation.sandbox.inside.remote import Remote, RemoteError
from training.evaluation.sandbox.inside.wire import MODULES, TYPES, Codec, WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any


class Ended(BaseException):
    """The judgement is over, whatever the checks still do: `outcome` and `detail` are the verdict."""

    def __init__(self, outcome: str, detail: str) -> None:
        self.outcome, self.detail = outcome, detail


class Connection(Link):
    """The checks' end of the link: sends requests, and turns the answers into values and exceptions."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        super().__init__(arguments["socket"], arguments["message_bytes"] + 1024)
        self.codec = Codec(self, arguments["message_bytes"])
        self.remotes: dict[int, Remote] = {}
        self.classes: dict[int, type] = {}
        self.callbacks: list[Any] = []
        self.names = Names()
        self.ended: Ended | None = None
        self.outputs = {arguments["stdout"]: bytearray(), arguments["stderr"]: bytearray()}
        self.stdout = self.outputs[arguments["stdout"]]
        self.open = set(self.outputs)
        self.room = arguments["output_bytes"]
        self.poll = select.poll()
        for descriptor in (self.descriptor, *self.outputs):
            os.set_blocking(descriptor, descriptor == self.descriptor)
            self.poll.register(descriptor, select.POLLIN)

    def end(self, outcome: str, detail: str) -> Ended:
        """Return the exception that ends the judgement; the first one decides."""
        self.ended = self.ended or Ended(outcome, detail)
        return self.ended

    def wait(self) -> None:
        """Read what the program prints until it has sent something."""
        while True:
            ready = dict(self.poll.poll())
            for descriptor in sorted(self.open):
                if descriptor in ready:
                    self.drain(descriptor)
            if self.descriptor in ready:
                return

    def drain(self, descriptor: int) -> None:
        """Read what has been printed so far."""
        while True:
            try:
                piece = os.read(descriptor, 65536)
            except BlockingIOError:
                return
            if not piece:
                if descriptor in self.open:
                    self.open.remove(descriptor)
                    self.poll.unregister(descriptor)
                return
            self.room -= len(piece)
            if self.room < 0:
                raise self.end("output", "the program printed more than it may")
            self.outputs[descriptor] += piece

    # Messages

    def message(self) -> tuple[Any, ...]:
        """Return the program's next message; raises `Ended` where there is none."""
        if self.ended:
            raise self.ended
        try:
            message = self.codec.decode(self.receive())
        except EOFError:
            raise self.end("died", "the program ended before its checks") from None
        except (LinkError, WireError) as error:
            raise self.end("error", f"the program sent what is no answer: {error}") from None
        except MemoryError:
            raise self.end("memory", "the program's answer does not fit into memory") from None
        if type(message) is not tuple or not message or type(message[0]) is not str:
            raise self.end("error", "the program sent what is no answer")
        return message

    def ask(self, *request: Any) -> tuple[Any, ...]:
        """Send a request, serve the program's calls back, and return its answer or raise its exception."""
        if self.ended:
            raise self.ended
        try:
            self.send(self.codec.encode(request))
            while True:
                reply = self.message()
                if reply[0] != "callback":
                    break
                self.send(self.codec.encode(self.called_back(reply)))
        except EOFError:
            raise self.end("died", "the program ended before its checks") from None
        try:
            return self.understood(reply, request[0])
        except (TypeError, ValueError, IndexError, KeyError, WireError) as error:
            if getattr(error, "_tabtab_remote", False):
                raise
            raise self.end("error", "the program sent what is no answer") from None

    def understood(self, reply: tuple[Any, ...], asked: str) -> tuple[Any, ...]:
        """Return the value and the changed arguments of a reply to the request `asked`."""
        if reply[0] == "ok":
            _, value, changed, names = reply
            self.names.update({name: self.codec.decode(data) for name, data in names})
            return value, [(key, self.codec.decode(data)) for key, data in changed]
        if reply[0] == "stop" and asked == "next":
            raise _marked(StopIteration(reply[1]))
        if reply[0] == "large":
            raise self.end("output", f"the program answered with {reply[1]}")
        if reply[0] == "raise":
            raise self.exception(*reply[1:])
        raise self.end("error", "the program sent what is no answer")

    def request(self, *request: Any) -> Any:
        """Ask, and return the value."""
        return self.ask(*request)[0]

    def call(self, function: Remote, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function of the program; arguments that it changes are changed here too."""
        encode = self.codec.encode
        value, changed = self.ask(
            "call", function, [encode(arg) for arg in args], {key: encode(arg) for key, arg in kwargs.items()}
        )
        for key, after in changed:
            copy_into(args[key] if type(key) is int else kwargs[key], after)
        return value

    def called_back(self, reply: tuple[Any, ...]) -> tuple[Any, ...]:
        """Run a function of the checks that the program calls."""
        try:
            _, number, args, kwargs = reply
            return "answer", self.callbacks[number](*args, **kwargs)
        except Exception as error:
            return "fault", type(error).__name__, str(error)

    # Handles

    def handle(self, value: Any) -> tuple[bytes, Any]:
        """Return what stands for a value that the checks pass."""
        if type(value) is Remote:
            return b"H", value._tabtab[1]
        if isinstance(value, type) and TYPES.get(value.__name__) is value:
            return b"Y", value.__name__
        if isinstance(value, type) and "_tabtab_number" in vars(value):
            return b"X", value._tabtab_number  # type: ignore[attr-defined]
        if type(value) is type(sys):
            return b"M", value.__name__
        if callable(value) and not isinstance(value, type):
            self.callbacks.append(value)
            return b"L", len(self.callbacks) - 1
        raise TypeError(f"checks cannot pass a {type(value).__name__} to the program")

    def resolve(self, tag: bytes, plain: Any) -> Any:
        """Return what the program's handle stands for."""
        if tag == b"H":
            number, kind = plain
            if type(number) is not int or type(kind) is not str:
                raise WireError("no handle")
            if number not in self.remotes:
                self.remotes[number] = Remote(self, number, kind)
            return self.remotes[number]
        if tag == b"Y":
            return TYPES[plain]
        if tag == b"M":
            return self._module(plain, plain)
        if tag == b"X":
            return self._exception_class(*plain)
        if tag == b"E":
            module, name = plain
            value = getattr(self._module(module, module.partition(".")[0]), name)
            if isinstance(value, type) and issubclass(value, BaseException):
                return value
        raise WireError("no handle")

    def _module(self, name: str, known: str) -> Any:
        if known not in MODULES:
            raise WireError(f"no module {name}")
        __import__(name)
        return sys.modules[name]

    def _exception_class(self, number: int, name: str, bases: tuple[type, ...]) -> type:
        if number not in self.classes:
            safe = tuple(base for base in bases if isinstance(base, type) and issubclass(base, BaseException))
            self.classes[number] = type(name, safe or (RemoteError,), {"_tabtab_number": number})
        return self.classes[number]

    def exception(self, kind: Any, args: tuple[Any, ...], text: str, state: dict[str, Any], line: int) -> BaseException:
        """Return the exception that the program has raised, of the same class where that is a library's."""
        if kind is SystemExit:
            return self.end("died", "the program called exit during its checks")
        # A call that raises StopIteration would look like the end of the checks' own `map` or `zip`.
        if not (isinstance(kind, type) and issubclass(kind, Exception)) or issubclass(kind, StopIteration):
            return _marked(RemoteError(text), line)
        shown: Any = _with_text(kind, text) if "_tabtab_number" in vars(kind) else kind
        made = shown.__new__(shown, *args)
        made.args = args
        for name, value in state.items():
            if not name.startswith("__"):
                setattr(made, name, value)
        return _marked(made, line)


def _with_text(kind: type, text: str) -> type:
    return type(kind.__name__, (kind,), {"__str__": lambda self: text})


def _marked(error: Any, line: int = 0) -> BaseException:
    """Return the exception with the note that it comes from the program."""
    error._tabtab_remote, error._tabtab_line = True, line
    marked: BaseException = error
    return marked


def used_names(code: CodeType) -> set[str]:
    """Return the names that a piece of code and the functions in it refer to."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            names |= used_names(constant)
    return names


def identifiers(source: str) -> set[str]:
    """Return the identifiers that stand in the code of `source`, none where it does not parse."""
    import ast

    try:
        tree = ast.parse(source)
    except Exception:
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name", "asname", "names", "module", "rest", "kwd_attrs"):
            value = getattr(node, field, None)
            for text in value if isinstance(value, list) else (value,):
                if isinstance(text, str):
                    found.update(text.split("."))
    return found


def judge(arguments: dict[str, Any], connection: Connection) -> tuple[str, str]:
    """Run the checks and return the outcome and a line about it."""
    checks = arguments["checks"]
    code = compile(checks, "<checks>", "exec", dont_inherit=True)
    first = connection.message()
    for descriptor in connection.outputs:
        connection.drain(descriptor)
    if first[0] == "syntax":
        return "syntax", str(first[1])
    if first[0] == "raise" and first[1] is SystemExit:
        return "died", "the program called exit before its checks"
    if first[0] == "raise":
        return body_fault(connection.exception(*first[1:]))
    if first[0] != "ready":
        return "error", "the program sent what is no answer"
    values = {name: connection.codec.decode(data) for name, data in first[1]}
    own: dict[str, Any] = {
        "__name__": "checks",
        "__builtins__": builtins,
        "stdout": bytes(connection.stdout).decode("utf-8", "replace"),
        "source": arguments["source"],
    }
    used = used_names(code)
    own["identifiers"] = identifiers(arguments["source"]) if "identifiers" in used else set()
    connection.names.begin(values, used, own)
    try:
        exec(code, connection.names)
    except BaseException as error:
        return check_fault(error, checks)
    return "passed", ""


def body_fault(error: BaseException) -> tuple[str, str]:
    """Return the verdict for a program that raised before its checks."""
    outcome = "memory" if isinstance(error, MemoryError) else "error"
    return outcome, f"{describe(error)} in line {getattr(error, '_tabtab_line', 0)} of the program"


def check_fault(error: BaseException, checks: str) -> tuple[str, str]:
    """Return the verdict for what the checks have raised."""
    if isinstance(error, Ended):
        return error.outcome, error.detail
    line, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == "<checks>":
            line = step.tb_lineno
        step = step.tb_next
    lines = checks.split("\n")
    detail = f"{describe(error)} in line {line}: {lines[line - 1].strip() if 0 < line <= len(lines) else ''}"
    if isinstance(error, MemoryError):
        return "memory", detail
    return ("error" if getattr(error, "_tabtab_remote", False) else "failed"), detail


def describe(error: BaseException) -> str:
    """Return the exception's type and message."""
    try:
        text = str(error)
    except BaseException:
        text = ""
    return type(error).__name__ + (f": {text[:120]}" if text else "")


def main(arguments: dict[str, Any]) -> None:
    """Judge, and write the verdict: the outcome, a line end, the detail."""
    verdict = os.dup(1)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    connection = Connection(arguments)
    try:
        outcome, detail = judge(arguments, connection)
    except SyntaxError as error:
        outcome, detail = "failed", f"the checks are no Python: {error}"
    except MemoryError:
        outcome, detail = "memory", "the program's answer does not fit into memory"
    except Ended as ended:
        outcome, detail = ended.outcome, ended.detail
    except Exception as error:
        outcome, detail = "error", f"the program sent what is no answer: {describe(error)}"
    if connection.ended is not None:
        outcome, detail = connection.ended.outcome, connection.ended.detail
    line = " ".join(detail.split())[:240]
    os.write(verdict, f"{outcome}\n{line}".encode("utf-8", "replace"))
    os._exit(0)
