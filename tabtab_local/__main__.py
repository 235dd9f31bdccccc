"""`python -m tabtab_local` is `tabtab-local`."""

from tabtab_local.cli import main

main(prog_name="tabtab-local")
