"""The language server: suggestions for editors that speak the Language Server Protocol, over stdin and stdout."""
