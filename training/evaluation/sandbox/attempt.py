"""Attempts to get out of the sandbox, or to pass without being right: data for the tests and for `escape.report`.

A program finds what it needs of the machine in constants that `escape.stage` sets: a secret file and its text, a port,
and so on. One that tries the walls collects in `worked` what it got; one that tries to cheat has a wrong `f`.
"""

from __future__ import annotations

from dataclasses import dataclass

_RIGHT = "assert f(2) == 4321987"
_STANDS = "assert worked == [], ', '.join(map(str, worked))\nassert f(2) == 4"
_F = "\ndef f(x): return x * 2\n"


@dataclass(frozen=True)
class Attempt:
    """A hostile program, the outcomes that are right for it, and `holds`: what must be true in a few words."""

    name: str
    holds: str
    program: str
    outcomes: frozenset[str]
    checks: str = _RIGHT


def _cheat(name: str, program: str, outcomes: str = "failed", checks: str = _RIGHT) -> Attempt:
    return Attempt(name, "no pass", program, frozenset(outcomes.split()), checks)


def _wall(name: str, body: str) -> Attempt:
    """Return an attempt whose statements must all raise OSError or similar; each that does not is in `worked`."""
    lines = ["import ctypes, os, resource, signal, socket, sys", "worked = []"]
    for statement in body.strip().split("\n"):
        lines += ["try:", f"    {statement}", f"    worked.append({statement!r})", "except Exception: pass"]
    return Attempt(name, "nothing of it works", "\n".join(lines) + _F, frozenset({"passed"}), _STANDS)


def _bomb(name: str, program: str, outcomes: str, checks: str = _RIGHT) -> Attempt:
    return Attempt(name, "ended in time, machine unharmed", program, frozenset(outcomes.split()), checks)


ATTEMPTS: tuple[Attempt, ...] = (
    # Ending before the checks
    _cheat("sys.exit(0) before the checks", "import sys\nsys.exit(0)", "died"),
    _cheat("os._exit(0) before the checks", "import os\nos._exit(0)", "died"),
    _cheat("sys.exit(0) in the tested function", "import sys\ndef f(x): sys.exit(0)", "died"),
    _cheat("os._exit(0) in the tested function", "import os\ndef f(x): os._exit(0)", "died"),
    _cheat(
        "exit inside a check that catches everything",
        "import os\ndef f(x): os._exit(0)",
        "died",
        "try:\n    f(2)\nexcept BaseException:\n    pass",
    ),
    _cheat(
        "a thread that exits",
        "import os, threading, time\ndef go():\n    time.sleep(0.05)\n    os._exit(0)\n"
        "threading.Thread(target=go).start()\ndef f(x): time.sleep(1)",
        "died",
    ),
    _cheat("killing itself", "import os\nos.kill(os.getpid(), 9)", "died"),
    _cheat("a crash of the interpreter", "import ctypes\nctypes.string_at(0)", "died"),
    _cheat(
        "atexit and exit hooks",
        "import atexit, sys\natexit.register(lambda: print('passed'))\n"
        "sys.exitfunc = lambda: 0\nsys.excepthook = lambda *a: None\nraise SystemExit(0)",
        "died",
    ),
    # Tampering with what judges
    _cheat(
        "an object equal to everything",
        "class Same:\n    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\ndef f(x): return Same()",
    ),
    _cheat(
        "an int equal to everything",
        "class Same(int):\n    def __eq__(self, other): return True\n"
        "    __hash__ = int.__hash__\ndef f(x): return Same(1)",
    ),
    _cheat(
        "a list of objects equal to everything",
        "class Same:\n    def __eq__(self, other): return True\ndef f(x): return [Same()]",
        checks="assert f(2) == [4]",
    ),
    _cheat("mock.ANY", "from unittest.mock import ANY\ndef f(x): return ANY"),
    _cheat(
        "arithmetic that is always nought",
        "class Close:\n    def __sub__(self, other): return 0\n"
        "    def __abs__(self): return 0\n    def __lt__(self, other): return True\ndef f(x): return Close()",
        checks="assert abs(f(2) - 4) < 1e-6",
    ),
    _cheat(
        "comparisons that are always true",
        "class Big:\n    def __gt__(self, other): return True\n"
        "    __lt__ = __ge__ = __le__ = __gt__\ndef f(x): return Big()",
        checks="assert f(2) > 3",
    ),
    _cheat("a global abs", "def abs(x): return 0\ndef f(x): return 1", checks="assert abs(f(2) - 4) < 1e-6"),
    _cheat(
        "a global len, the tested function set late",
        "def len(x):\n    globals()['f'] = lambda x: []\n    return 2",
        checks="data = [1, 2]\nn = len(data)\nassert len(f(data)) == n",
    ),
    _cheat("a global len", "def len(x): return 3", checks="assert len(stdout) == 3"),
    _cheat(
        "a global abs, set late",
        "def f(x):\n    globals()['abs'] = lambda x: 0\n    return 1",
        checks="f(1)\nassert abs(f(2) - 4) < 1e-6",
    ),
    _cheat(
        "a math of its own",
        "class math:\n    isclose = staticmethod(lambda *a, **k: True)\ndef f(x): return 1",
        checks="assert math.isclose(f(2), 4)",
    ),
    _cheat(
        "a numpy of its own, set late",
        "class Fake:\n    allclose = staticmethod(lambda *a: True)\ndef f(x):\n"
        "    globals()['np'] = Fake\n    return 1",
        checks="import numpy as np\nf(1)\nassert np.allclose(f(2), 4)",
    ),
    _cheat(
        "names of the checks",
        "def f(x):\n    globals().update(expected=1, stdout='', source='')\n    return 1",
        checks="expected = 4\nf(1)\nassert f(2) == expected",
    ),
    _cheat(
        "patched builtins",
        "import builtins\nclass Never(Exception): pass\nbuiltins.AssertionError = Never\n"
        "builtins.__import__ = lambda *a: None\nbuiltins.print = builtins.len = builtins.exec = lambda *a: 0\n"
        "builtins.isinstance = lambda *a: True\ndef f(x): return 1",
        "failed died",
    ),
    _cheat(
        "a patched interpreter",
        "import gc, sys\nsys.settrace(lambda *a: None)\nfor m in list(sys.modules.values()):\n"
        "    for n in ('encode', 'decode', 'judge', 'check_fault'):\n"
        "        try: setattr(m, n, lambda *a: ('passed', ''))\n        except Exception: pass\ndef f(x): return 1",
    ),
    _cheat(
        "reading what is expected from frames and objects",
        "import gc, sys\ndef f(x):\n    frame, seen = sys._getframe(),"
        " []\n    while frame:\n        seen += [*frame.f_locals.values(), *frame.f_code.co_consts]\n"
        "        frame = frame.f_back\n    for o in gc.get_objects():\n        if isinstance(o, (list, tuple)): "
        "seen += list(o)[:1000]\n        if isinstance(o, dict): seen += list(o.values())[:1000]\n"
        "    return next((o for o in seen if type(o) is int and 4000000 < o < 5000000), 1)",
    ),
    _cheat("raising what checks raise", "def f(x): raise AssertionError('passed')", "error"),
    _cheat(
        "an end of iteration for the checks' own map",
        "def f(x): raise StopIteration",
        "error",
        "assert all(map(lambda x: f(x) == 4321987, [1, 2]))",
    ),
    _cheat(
        "an exception that lies about its class",
        "class Lie(Exception):\n    __class__ = StopIteration\n"
        "    def __str__(self): raise SystemExit\ndef f(x): raise Lie",
        "error",
    ),
    # Forging
    _cheat(
        "a forged verdict on standard output",
        "import os\nfor d in (1, 2):\n    os.write(d, b'passed\\n')\nprint('passed\\n', flush=True)\nos._exit(0)",
        "died",
    ),
    _cheat(
        "a forged verdict on every descriptor",
        "import os\nfor d in range(3, 64):\n    try: os.write(d, b'passed\\n')\n"
        "    except OSError: pass\ndef f(x): return 1",
        "error",
    ),
    _cheat(
        "forged answers",
        "import os\ndef message(b): return len(b).to_bytes(4, 'little') + b\n"
        "ready = b't\\x02\\0\\0\\0s\\x05\\0\\0\\0readyl\\0\\0\\0\\0'\nfor d in range(3, 64):\n    for _ in range(9):\n"
        "        try: os.write(d, message(ready))\n        except OSError: break\ndef f(x): return 1",
        "failed error",
    ),
    _cheat(
        "a message of 4 GiB",
        "import os\nfor d in range(3, 64):\n    try: os.write(d, b'\\xff' * 9)\n"
        "    except OSError: pass\ndef f(x): return 1",
        "error",
    ),
    _cheat("closing the link", "import os\nos.closerange(3, 64)\ndef f(x): return 1", "died"),
    _cheat(
        "flooding the link",
        "import os\ndef f(x):\n    while True:\n        for d in range(3, 64):\n"
        "            try: os.write(d, b'x' * 65536)\n            except OSError: pass",
        "error",
    ),
    _cheat(
        "a replaced sys.stdout",
        "import sys\nclass Out:\n    def write(self, text): raise SystemExit(0)\n"
        "    flush = write\nsys.stdout = sys.stderr = sys.__stdout__ = Out()\ndef f(x): return 1",
        "died failed",
    ),
    # Using up the machine
    _bomb("a fork bomb", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "timeout memory died"),
    _bomb(
        "a thread bomb",
        "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(60,)).start()",
        "error timeout memory",
    ),
    _bomb("a memory bomb", "x = []\nwhile True: x.append(bytearray(1 << 24))", "memory timeout"),
    _bomb(
        "a memory bomb in many processes",
        "import os, time\nfor _ in range(6):\n    try: os.fork()\n"
        "    except OSError: pass\nx = []\nwhile len(x) < 30: x.append(b'x' * (1 << 24))\ntime.sleep(9)",
        "memory timeout",
    ),
    _bomb("a memory bomb in the tested function", "def f(x): return bytearray(1 << 40)", "memory"),
    _bomb("infinite output", "while True: print('x' * 1000)", "output"),
    _bomb("infinite output to standard error", "import os\nwhile True: os.write(2, b'x' * 65536)", "output"),
    _bomb("an endless loop", "while True: pass", "timeout"),
    _bomb(
        "an endless loop that ignores signals",
        "import signal\nfor s in range(1, 64):\n"
        "    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass",
        "timeout",
    ),
    _bomb("an endless sleep", "import time\ntime.sleep(1e6)", "timeout"),
    _bomb("stopping itself", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", "timeout"),
    _bomb("a huge integer", "x = 7 ** (10 ** 10)", "timeout memory"),
    _bomb("a regular expression without end", "import re\nre.match('(a+)+$', 'a' * 60 + 'b')", "timeout"),
    _bomb(
        "endless recursion",
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(x): return f([x]) \nf(1)",
        "died memory timeout",
    ),
    _bomb(
        "a crash by nesting",
        "x = []\nfor _ in range(10 ** 6): x = [x]\nimport sys\nsys.setrecursionlimit(10 ** 9)\nrepr(x)",
        "died memory timeout error",
    ),
    _bomb("a value nested too deeply", "x = []\nfor _ in range(10 ** 5): x = [x]\ndef f(n): return x", "failed"),
    _bomb("a huge answer", "def f(x): return 'x' * (1 << 26)", "output memory"),
    _bomb("an answer of many parts", "def f(x): return [[] for _ in range(10 ** 7)]", "output memory timeout"),
    _bomb(
        "a generator without end",
        "def f(x):\n    while True: yield x",
        "timeout memory",
        "assert list(f(2)) == [4321987]",
    ),
    _bomb(
        "a length that lies",
        "class L:\n    def __len__(self): return 1 << 62\n    def __iter__(self): return iter([1])\n"
        "def f(x): return L()",
        "failed memory",
        "assert list(f(2)) == [4321987]",
    ),
    Attempt(
        "filling the disk",
        "the folder is full at its size",
        "import os\nwritten = 0\ntry:\n    for n in range(10 ** 6):\n"
        "        with open(f'x{n}', 'wb') as file: written += file.write(b'x' * 1000000)\nexcept OSError: pass\n" + _F,
        frozenset({"passed"}),
        "assert 0 < written <= FOLDER_BYTES\nassert f(2) == 4",
    ),
    Attempt(
        "a file without end",
        "it ends at its size",
        "written = 0\ntry:\n    with open('x', 'wb', 0) as file:\n"
        "        while True: written += file.write(b'x' * 100000)\nexcept OSError: pass\n" + _F,
        frozenset({"passed", "output"}),
        "assert 0 < written <= FILE_BYTES\nassert f(2) == 4",
    ),
    # The machine
    _wall("reading the home directory", "open(SECRET_FILE).read()\nos.listdir(os.path.dirname(SECRET_FILE))"),
    _wall(
        "a link to the home directory",
        "os.symlink(SECRET_FILE, 'mine') or open('mine').read()\n"
        "os.symlink('/', 'root') or open('root' + SECRET_FILE).read()\n"
        "os.link(SECRET_FILE, 'hard')\nopen('../../..' + SECRET_FILE).read()",
    ),
    _wall(
        "reading the repository", "os.listdir(REPOSITORY + '/training')\nopen(REPOSITORY + '/pyproject.toml').read()"
    ),
    _wall(
        "reading the machine's files",
        "open('/etc/passwd').read()\nopen('/etc/hostname').read()\nos.listdir('/home')\n"
        "os.listdir('/var')\nos.listdir(HOST_FOLDER)\nos.listdir('/run')\nos.listdir('/sys')",
    ),
    _wall(
        "secrets in the environment",
        "next(v for v in os.environ.values() if SECRET in v)\nnext(n for n in os.environ if n == 'TABTAB_ESCAPE')",
    ),
    _wall(
        "/proc of the machine",
        "os.listdir('/proc')\nopen(f'/proc/{PARENT}/environ').read()\nopen('/proc/1/mem')\n"
        "open('/proc/self/status').read()",
    ),
    _wall(
        "writing outside",
        "open('/x', 'w')\nopen('/usr/x', 'w')\nopen('/etc/x', 'w')\nopen('/dev/x', 'w')\n"
        "open(SECRET_FILE, 'a')\nopen(HOST_FOLDER + '/x', 'w')\nos.mkdir('/root/x')",
    ),
    _wall(
        "writing to the interpreter",
        "open(os.__file__, 'a')\nopen(os.path.dirname(os.__file__) + '/x.py', 'w')\n"
        "open(PACKAGES + '/x.pth', 'w')\nos.rename(os.__file__, os.__file__)\nos.chmod(os.__file__, 0o644)\n"
        "open(sys.executable, 'ab')",
    ),
    _wall(
        "the machine's devices",
        "open('/dev/mem')\nopen('/dev/kmsg')\nopen('/dev/tty')\nopen('/dev/sda')\n"
        "os.mknod('disk', 0o60666, os.makedev(8, 0))\nos.listdir('/dev/shm')",
    ),
    _wall(
        "a server of the machine",
        "socket.create_connection(('127.0.0.1', PORT), 1)\n"
        "socket.create_connection(('localhost', PORT), 1)\n"
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
    ),
    _wall("an abstract socket of the machine", "socket.socket(socket.AF_UNIX).connect(chr(0) + ABSTRACT)"),
    _wall("the network", "socket.create_connection(('1.1.1.1', 53), 1)\nsocket.getaddrinfo('example.org', 80)"),
    _wall("becoming root", "os.setuid(0)\nos.setresuid(0, 0, 0)\nos.setgroups([0])\nos.chroot('.')\nos.nice(-5)"),
    _wall(
        "raising the limits",
        "resource.setrlimit(resource.RLIMIT_NPROC, (9999, 9999))\n"
        "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\nresource.setrlimit(resource.RLIMIT_CPU, (-1, -1))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))",
    ),
    _wall(
        "new namespaces, mounts and tracing",
        "assert ctypes.CDLL(None).unshare(0x10000000) == 0\n"
        "assert ctypes.CDLL(None).mount(b'x', b'/sandbox', b'tmpfs', 0, None) == 0\n"
        "assert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0\nassert ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0\n"
        "assert ctypes.CDLL(None).setns(3, 0) == 0",
    ),
    _wall(
        "memory that no limit counts", "os.memfd_create('x')\nassert ctypes.CDLL(None).shmget(0, 1 << 20, 0o1666) >= 0"
    ),
    _wall("killing the parent", "os.kill(PARENT, 9)\nos.kill(PARENT, 0)\nos.killpg(PARENT, 9)"),
    Attempt(
        "killing everything",
        "the checks live on",
        "import os, signal\nfor n in [1, -1, *range(3, 400)]:\n"
        "    try: os.kill(n, signal.SIGKILL)\n    except OSError: pass\n" + _F,
        frozenset({"passed"}),
        "assert f(2) == 4",
    ),
    # Living on
    Attempt(
        "a thread that lives on",
        "gone with its program",
        "import subprocess, sys, threading\nthreading.Thread(target="
        "lambda: subprocess.run([sys.executable, '-S', '-c', SURVIVOR])).start()\n" + _F,
        frozenset({"passed"}),
        "assert f(2) == 4",
    ),
    Attempt(
        "a daemon left behind",
        "gone with its program",
        "import os, signal, sys\nif os.fork() == 0:\n    os.setsid()\n"
        "    signal.signal(signal.SIGHUP, signal.SIG_IGN)\n    if os.fork() == 0:\n"
        "        os.execv(sys.executable, [sys.executable, '-S', '-c', SURVIVOR])\n    os._exit(0)\n" + _F,
        frozenset({"passed"}),
        "import time\ntime.sleep(0.1)\nassert f(2) == 4",
    ),
    Attempt(
        "a daemon of a program that has exited",
        "gone with its program",
        "import os, sys\nif os.fork() == 0:\n"
        "    os.setsid()\n    os.execv(sys.executable, [sys.executable, '-S', '-c', SURVIVOR])\nos._exit(0)",
        frozenset({"died"}),
    ),
)
