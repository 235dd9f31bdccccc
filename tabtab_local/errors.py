"""The errors that a user can meet, each with one line that says what failed, with which value, and what to do.

    TabTabError
    ├── UsageError      the request itself is wrong (exit code 2)
    ├── DocumentError   a file cannot be read, understood or written
    ├── FormatError     text that should follow the prompt format does not
    ├── ModelError      a model file is missing, damaged or made for something else
    └── Cancelled       a newer request has stopped this one

Only the command line prints them and exits.
"""

from __future__ import annotations


class TabTabError(Exception):
    """Root of all errors that this project raises on purpose."""


class UsageError(TabTabError):
    """The request is wrong: a line past the end, an option that does not fit the file."""


class DocumentError(TabTabError):
    """A file cannot be read, understood or written."""


class FormatError(TabTabError):
    """Text that should follow the prompt format does not."""


class ModelError(TabTabError):
    """A model file is missing, damaged or made for something else."""


class Cancelled(TabTabError):
    """A newer request has stopped this one."""
