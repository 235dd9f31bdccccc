"""The processes of a training: one, or several under `accelerate launch` that share out the examples of a step."""

from __future__ import annotations

import click
import torch
from accelerate import PartialState


def processes() -> PartialState:
    """Return which of how many processes this is."""
    return PartialState(cpu=not torch.cuda.is_available())


def say(text: str) -> None:
    """Report on stderr, once for all processes."""
    if processes().is_main_process:
        click.echo(text, err=True)


def leave() -> None:
    """Wait until all processes are done, and end their connection: what a command does last.

    Threads of gloo may still hold tensors for a moment. A process whose interpreter ends in that moment aborts, and the
    launcher then kills the one that is still writing.
    """
    processes().wait_for_everyone()
    processes().destroy_process_group()
