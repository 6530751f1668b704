# `make demo` and `make test` need python3 >= 3.11 with venv, and a network for pip the first time.
PYTHON ?= python3
BIN := .venv/bin
EXTRAS := dask,cloud,reports,docs,test
PYTEST ?= -n auto --dist loadfile
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --compile --constraint constraints.txt
DEMO := llama-70b-parallelism
DEMO_STORE := runs/llama-70b.zarr

# A virtual environment holds absolute paths, so a moved checkout gets a new one; changed dependencies are installed anew.
PLACE := $(shell pwd | cksum | cut -d ' ' -f 1)
KEY := $(PLACE)-$(shell cat pyproject.toml constraints.txt Makefile | cksum | cut -d ' ' -f 1)

# Modules without bytecode are compiled again at every start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint format docs notebooks bench calibrate lowest lock clean

help:
	@echo "make demo    install, run a shipped sweep and print its best strategies"
	@echo "make test    lint, type check and run all tests (PYTEST='-m \"not slow\"' for some of them)"
	@echo "make lint    ruff and pyright alone"
	@echo "make format  ruff's formatter and its safe fixes, applied"
	@echo "make docs    the documentation site, in site/"
	@echo "make notebooks  the notebooks of the documentation, run anew"
	@echo "make bench   the benchmarks"
	@echo "make calibrate MEASURED=FOLDER  the shipped calibration, fitted anew on the tables in FOLDER"
	@echo "make lowest  the tests with the lowest versions that pyproject.toml allows"
	@echo "make lock    new versions in constraints.txt (Python 3.11, the oldest supported)"
	@echo "make clean   remove the environment, build outputs and caches; runs/ stays"

demo: .venv/demo-$(KEY)
	$(BIN)/rooflax run $(DEMO) -o $(DEMO_STORE)
	$(BIN)/rooflax best $(DEMO_STORE) --sel 'scale_out_bandwidth=50 GB/s'

test: lint
	$(BIN)/python -m pytest $(PYTEST)

lint: .venv/test-$(KEY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: .venv/test-$(KEY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Unused anchors and links to nowhere are warnings, and warnings are errors. The variable silences an advertisement.
docs: .venv/test-$(KEY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --clean

notebooks: .venv/test-$(KEY)
	$(BIN)/python docs/notebooks/execute.py

bench: .venv/test-$(KEY)
	$(BIN)/python -m benchmarks

# Which inputs are fitted, their priors and the kinds of tables are declared in specs/calibration.py.
calibrate: .venv/test-$(KEY)
	@test -n "$(MEASURED)" || { echo "make calibrate MEASURED=FOLDER: name a folder of measured tables"; exit 1; }
	$(BIN)/rooflax fit $(MEASURED) --leave-one-family-out --whole -o specs/calibration.yaml
	$(BIN)/rooflax fit $(MEASURED) --stage serving --leave-one-family-out --whole -o specs/serving_calibration.yaml

lowest:
	rm -rf build/lowest && $(PYTHON) -m venv build/lowest
	build/lowest/bin/python -c 'import tomllib; [print(x.replace(">=", "==")) for x in \
	  tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]]' > build/lowest.txt
	build/lowest/bin/python -m pip install --quiet --disable-pip-version-check --constraint build/lowest.txt --editable '.[$(EXTRAS)]'
	build/lowest/bin/python -m pytest $(PYTEST)

# The oldest supported Python decides, since later ones have wheels of the same versions and not the other way round.
lock:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "make lock needs Python 3.11: make lock PYTHON=python3.11"; exit 1; }
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[all]'
	{ echo "# The versions that the tests run with, of every extra; made by \`make lock\`."; \
	  build/lock/bin/python -m pip freeze --all --exclude-editable --exclude pip; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

clean:
	rm -rf .venv build dist site *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/place-$(PLACE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "rooflax needs Python 3.11 or later, and $(PYTHON) is not; name another: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv --clear .venv
	mkdir .venv/typing && ln -s ../.. .venv/typing/rooflax
	touch $@

.venv/demo-$(KEY): .venv/place-$(PLACE)
	$(INSTALL) --editable .
	touch $@

.venv/test-$(KEY): .venv/place-$(PLACE)
	$(INSTALL) --editable '.[$(EXTRAS)]'
	touch $@ .venv/demo-$(KEY)
