"""Anything that answers a task: a GGUF in our runtime, a Hugging Face model, an OpenAI-compatible endpoint."""
