"""The layout: which module may import which, what loads when, and what is in the wheel."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RUNTIME = ROOT / "tabtab_local"

# For each module of the runtime, or package in it, the others that it may import besides `errors`.
ALLOWED = {
    "errors": set(),
    "edits": set(),
    "prompt": set(),
    "names": set(),
    "region": {"edits"},
    "notebook": {"edits", "names"},
    "marimo": {"edits", "names", "notebook"},
    "jupyter": {"edits", "notebook"},
    "document": {"edits", "jupyter", "marimo", "notebook", "region"},
    "gates": {"edits", "prompt"},
    "show": {"edits"},
    "output": set(),
    "hub": set(),
    "fingerprint": set(),
    "store": {"edits"},
    "config": {"gates"},
    "registry": {"prompt"},
    "machine": set(),
    "draft": set(),
    "recent": {"edits", "prompt"},
    "place": {"document", "edits", "names", "recent"},
    "engine": {"draft", "edits", "machine", "prompt"},
    "answer": {"config", "draft", "engine", "prompt"},
    "complete": {"answer", "config", "document", "edits", "engine", "gates", "prompt", "suggestion"},
    "suggestion": {"document", "edits", "engine", "prompt", "region"},
    "session": {
        *("answer", "complete", "config", "document", "edits", "engine", "place", "prompt", "recent", "suggestion"),
    },
    "feedback": {"edits", "names", "output", "prompt", "suggestion"},
    "desk": {"complete", "document", "edits", "engine", "feedback", "prompt", "session", "suggestion"},
    "server": {
        *("complete", "desk", "document", "edits", "engine", "feedback", "marimo", "notebook", "prompt", "recent"),
        *("store", "suggestion"),
    },
    "setup": {"edits", "output", "server", "store"},
    "lsp": {"desk", "document", "edits", "prompt", "recent", "suggestion"},
    "tuning": {"draft", "machine", "output", "registry"},
    "doctor": {
        *("document", "draft", "engine", "fingerprint", "machine", "prompt", "registry", "replay", "server", "session"),
        *("setup", "show", "tuning"),
    },
    "replay": {
        *("config", "desk", "document", "edits", "engine", "fingerprint", "jupyter", "machine", "notebook"),
        *("session", "show", "suggestion", "tuning"),
    },
    "benchmark": {"edits", "engine", "fingerprint", "machine", "prompt"},
    "command": set(),
}
PURE = (
    "edits",
    "prompt",
    "names",
    "region",
    "notebook",
    "marimo",
    "jupyter",
    "document",
    "gates",
    "show",
    "draft",
    "recent",
    "place",
)
IMPURE = {"os", "io", "pathlib", "time", "random", "socket", "subprocess", "tempfile", "threading", "datetime"}
FOLDERS = ("training", "convert", "bench")

# Read before the tests get a home of their own: llama.cpp is not compiled again where pip has kept its wheel.
HOME = str(Path.home())


def imports(path: Path) -> set[str]:
    """Return the dotted names that a file imports, wherever it does."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def modules() -> dict[str, set[str]]:
    """Return what each module of the runtime, or package in it, imports."""
    found: dict[str, set[str]] = {}
    for path in RUNTIME.rglob("*.py"):
        name = path.relative_to(RUNTIME).parts[0].removesuffix(".py")
        found[name] = found.get(name, set()) | imports(path)
    return found


def test_arrows_inside_the_runtime_point_one_way():
    own = modules()
    for name, imported in own.items():
        if name in ("cli", "__init__", "__main__"):
            continue
        used = {part.split(".")[1] for part in imported if part.startswith("tabtab_local.")} & own.keys()
        assert used - {name} <= ALLOWED[name] | {"errors"}, name


def test_only_the_engine_imports_llama_cpp_and_nothing_imports_torch():
    for name, imported in modules().items():
        tops = {part.split(".")[0] for part in imported}
        assert "llama_cpp" not in tops or name == "engine", name
        assert not tops & {"torch", "transformers", "peft", *FOLDERS}, name


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_do_nothing_to_the_world(name):
    for path in [RUNTIME / f"{name}.py", *(RUNTIME / name).glob("*.py")]:
        if not path.exists():
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not {part.split(".")[0] for part in imports(path)} & IMPURE
        calls = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not calls & {"open", "print", "input", "exec", "eval"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_folders_beside_the_runtime_never_import_each_other(folder):
    for path in (ROOT / folder).rglob("*.py"):
        others = {part.split(".")[0] for part in imports(path)} & (set(FOLDERS) - {folder})
        assert not others, path


@pytest.mark.parametrize(
    "command", [["--help"], ["--version"], ["models"], ["complete", "--help"], ["feedback", "--help"]]
)
def test_help_loads_neither_torch_nor_llama_cpp(command):
    program = (
        "import sys\n"
        "from tabtab_local.cli import main\n"
        f"main({command!r}, standalone_mode=False)\n"
        "heavy = {'torch', 'llama_cpp', 'transformers', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_tabtab_local_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"tabtab_local"}
    assert {"tabtab_local/py.typed", "tabtab_local/models/tabtab-nano.gguf", "tabtab_local/models/README.md"} <= set(
        names
    )
    assert wheel.stat().st_size < 42_000_000
    assert sum(name.startswith("tabtab_local/replay/traces/") for name in names) >= 40


def test_the_wheel_installs_and_completes_without_torch(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    scripts = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [scripts / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    environment = {**os.environ, "HOME": HOME, "USERPROFILE": HOME}
    subprocess.run([*pip, "-c", ROOT / "constraints.txt", wheel], check=True, cwd=tmp_path, env=environment)
    assert subprocess.run([scripts / "python", "-c", "import torch"], capture_output=True, cwd=tmp_path).returncode
    (tmp_path / "a.py").write_text("import pandas as pd\n\nfile = 'a.csv'\ndf = \n")
    command = [scripts / "tabtab-local", "complete", "a.py", "--line", "4"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert "+df = pd.read_csv(" in done.stdout
