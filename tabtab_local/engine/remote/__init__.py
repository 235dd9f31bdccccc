"""An engine behind HTTP: llama-server, vLLM, Ollama, through their completion routes.

`engine.py` is the `Engine`; what it needs to know of servers is in `server.py` and `ollama.py`, of requests and answers
in `completion.py`, of the wire in `wire.py` and `exchange.py`; `reading.py` follows an answer as it arrives.
"""
