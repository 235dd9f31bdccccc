# Needs Python 3.11 or newer, make and a C++ compiler (llama.cpp is compiled once, about six minutes on two cores).
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: demo test search editors check bench nano clean

demo: .venv/base         ## Show next edits for the files in examples/
	$(BIN)/python examples/demo.py

test: .venv/all          ## Run the tests
	$(BIN)/python -m pytest

search: .venv/all        ## Run the property tests and the fuzzer with examples that were not tried before
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=search

# Chromium comes from the system: apt-get install chromium, or its like. Without it these tests are skipped.
editors: .venv-editors/all ## Run the tests with real editors, Marimo in a browser among them
	.venv-editors/bin/python -m pytest tests/editors -rs

check: .venv/all         ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# VOCAB=FILE, a GGUF with Qwen's tokenizer, adds the true shapes of Qwen3 with random weights.
SHAPES := $(if $(VOCAB),$(addprefix runs/shapes/,qwen3-0.6b.gguf qwen3-1.7b.gguf))
TYPING := --keys 160 --speed each-key --speed average
FEWER := $(TYPING) --rounds 2
PEERS := llama-server/own,llama-server-ngram/ours

bench: .venv/all $(SHAPES) ## Measure this machine: README's tables of speed, in half an hour, with shapes in two hours
	$(BIN)/tabtab-local bench
	$(BIN)/python -m bench decode
	$(BIN)/python -m bench exactness --json bench/results/exactness.json
	$(BIN)/python -m bench limit --json bench/results/limit-nano.json
	$(BIN)/python -m bench typing $(TYPING) --waiting-keys 100 --peers $(PEERS),llama-cpp-python-lookup/ours
	for shape in $(SHAPES); do \
	  case $$shape in *1.7b*) keys=20;; *) keys=40;; esac; \
	  $(BIN)/python -m bench limit --model $$shape --json bench/results/limit-$$(basename $$shape .gguf).json && \
	  $(BIN)/python -m bench typing --model $$shape --oracle $(FEWER) --waiting-keys $$keys --peers $(PEERS) || exit 1; \
	done
	$(BIN)/python -m bench report

runs/shapes/%.gguf: | .venv/all
	$(BIN)/python -m bench shape $* --vocab $(VOCAB) --out $@

# MBPP's test problems, to keep them out: from the Hub, or set TABTAB_MBPP to the file.
nano: .venv/all          ## Make a nano from the recipe: fetches four gigabytes, then some hours on two cores
	$(BIN)/python -m training corpus fetch
	$(BIN)/python -m training corpus build --out runs/corpus
	$(BIN)/python -m training pretrain --corpus runs/corpus --out runs/nano/pretrain --compile
	$(BIN)/python -m training data build --config configs/nano.toml --out runs/nano/data
	$(BIN)/python -m training sft --base runs/nano/pretrain/model --data runs/nano/data --out runs/nano/sft
	rm -rf runs/nano/release
	$(BIN)/python -m convert all --adapter runs/nano/sft/adapter --out runs/nano/release
	cp runs/nano/release/tabtab-nano-Q8_0.gguf tabtab_local/models/tabtab-nano.gguf

# The two installs differ by gigabytes: a user's, and a developer's with torch.
.venv/bin/pip:
	$(PYTHON) -m venv .venv

.venv/base: pyproject.toml constraints.txt | .venv/bin/pip
	$(INSTALL) .
	touch $@

.venv/all: pyproject.toml constraints.txt | .venv/bin/pip
	$(INSTALL) '.[train,dev]'
	touch .venv/base $@

# Marimo and what it needs stay out of the other environment.
.venv-editors/all: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-editors
	.venv-editors/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,editors]'
	touch $@

clean:                   ## Remove the environment and what was built
	rm -rf .venv .venv-editors build dist
