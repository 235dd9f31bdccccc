"""Local next-edit code completion for Python files and notebooks."""

__version__ = "0.1.0"
