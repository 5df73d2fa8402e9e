# make demo   from nothing to a trained model, its predictions, and a report
# make test   the test suite
# Each sets up .venv first. A GPU user says: make demo TORCH=torch

PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: setup demo test test-slow test-all lint bench bench-gpu example clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "seqcnn needs Python 3.11 or later; set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing PyTorch and the other libraries into $(VENV): some minutes"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: setup
	rm -rf $(DEMO) && mkdir $(DEMO)
	$(BIN)/seqcnn train data/peaks.narrowPeak --genome data/genome.fa.gz --length 101 --test-chroms chr4 --seed 1 -o $(DEMO)/run
	$(BIN)/seqcnn predict $(DEMO)/run data/peaks.narrowPeak --genome data/genome.fa.gz -o $(DEMO)/scores.tsv
	$(BIN)/seqcnn motifs $(DEMO)/run data/peaks.narrowPeak --genome data/genome.fa.gz --negatives dinucleotide --logos none --top 12 -o $(DEMO)/run/motifs
	$(BIN)/seqcnn mutate $(DEMO)/run data/peaks.narrowPeak --genome data/genome.fa.gz --maps 0 --no-table -o $(DEMO)/run/mutations
	$(BIN)/seqcnn report $(DEMO)/run -o $(DEMO)/report.html
	@echo
	@echo "Made from the simulated example in data/:"
	@echo "  $(DEMO)/run/model.safetensors  the model (seqcnn info $(DEMO)/run)"
	@echo "  $(DEMO)/run/metrics.json       how good it is on chromosome 4, which it never saw"
	@echo "  $(DEMO)/report.html            all of this as a page: open it in a browser"
	@echo "  $(DEMO)/run/history.tsv        loss and validation score of every epoch"
	@echo "  $(DEMO)/run/run.json           options, inputs, versions, counts"
	@echo "  $(DEMO)/scores.tsv             a score and a probability for each peak"
	@echo "The command is $(BIN)/seqcnn; after 'source $(BIN)/activate' just seqcnn."

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-slow: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m slow

test-all: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m ''

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Peers are installed beside seqcnn in an environment of their own.
.bench-venv/.installed: benchmarks/requirements.txt pyproject.toml
	$(PYTHON) -m venv .bench-venv
	.bench-venv/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	.bench-venv/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt -e .
	touch $@

BENCHMARKS := encoding intervals shuffle training prediction published memory compare motifs mutagenesis architectures_mutate variants \
              calibration

bench: .bench-venv/.installed
	@for name in $(BENCHMARKS); do echo "== $$name"; .bench-venv/bin/python benchmarks/$$name.py || exit 1; echo; done

bench-gpu: setup
	$(BIN)/python benchmarks/gpu.py

example: setup
	$(BIN)/python data/make_example.py
	$(BIN)/python data/workflow_example.py

clean:
	rm -rf $(VENV) .bench-venv $(DEMO)
