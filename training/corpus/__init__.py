"""The text that the nano is pretrained on: from a manifest of sources to shards of checked Python code."""
