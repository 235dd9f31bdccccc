"""The text that models are trained on: clean code, corruptions of it, and data sets of both."""
