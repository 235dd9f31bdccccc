"""What `make demo` shows: the next edit of a script, of a Marimo notebook, and of a Jupyter cell with an intent.

Runs the commands that it prints; nothing in the files is changed.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

FOLDER = Path(__file__).parent
PROGRAM = Path(sysconfig.get_path("scripts")) / "tabtab-local"

COMMANDS = (
    ("complete", "load_csv.py", "--line", "4"),
    ("complete", "sales_report.py", "--line", "31"),
    ("complete", "house_prices.ipynb", "--cell", "4", "--line", "1", "--intent", "Plot a histogram of price"),
)


def main() -> int:
    """Run the commands; return 1 if one of them fails or has nothing to suggest."""
    for command in COMMANDS:
        shown = " ".join(f'"{part}"' if " " in part else part for part in command)
        print(f"\n$ tabtab-local {shown}", flush=True)
        done = subprocess.run([PROGRAM, *command], cwd=FOLDER, stdout=subprocess.PIPE, check=False)
        if done.returncode or not done.stdout:
            print("there should have been an edit", file=sys.stderr)
            return 1
        print(done.stdout.decode(), end="")
    print("\nNothing was written: add --apply to make an edit in the file.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
