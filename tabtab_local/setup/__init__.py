"""The configuration of the editors that ask us: what it says, where it belongs, and how it gets there."""
