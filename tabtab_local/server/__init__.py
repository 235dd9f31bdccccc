"""The HTTP server for editors: many dialects in, one question; one suggestion out, in each one's form."""

DEFAULT_PORT = 8765
