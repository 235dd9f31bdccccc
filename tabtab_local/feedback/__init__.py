"""What became of suggestions: told from the text, kept on disk where the user wants it, and given back for training."""
