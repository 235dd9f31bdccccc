"""Where training data come from: each module is one sort of source, a function from numbers to units."""
