"""From a trained adapter to files that people run: merge, GGUF, quantise, Modelfile."""
