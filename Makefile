# `make setup check test` is all that a newcomer and CI need.
PYTHON ?= python3
VENV ?= .venv
# -e installs the checkout itself; empty installs a built wheel, as CI does.
EDITABLE ?= -e
ifeq ($(OS),Windows_NT)
BIN = $(VENV)/Scripts
else
BIN = $(VENV)/bin
endif

# Some machines forbid bytecode; without it each run compiles every test anew.
unexport PYTHONDONTWRITEBYTECODE

# Targets beside each other; empty where make has been started with --jobs itself.
JOBS ?= --jobs 2 $(SYNC)
# Make 3.81, which macOS has, cannot keep apart what they print.
SYNC = $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# The tests in parts of similar length, the longest first; "rest" is whatever no other part has.
PARTS = web video training rest nets api
PART_web = tests/web
PART_api = tests/api
PART_video = tests/video tests/cli
PART_training = tests/training
PART_nets = tests/nets tests/evaluation
PART_rest = $(foreach part,$(filter-out rest,$(PARTS)),$(PART_$(part):%=--ignore=%))
FAST_REST = tests/training tests/web tests/api tests/foundation

.PHONY: setup check test $(PARTS:%=test-%) test-fast test-fast-one test-fast-other test-long test-hosts docs translations docs-site browser-site pictures

# Bytecode comes with the first import: of all 17,000 modules it would take a minute and a half.
setup:  ## An environment with every extra, and the wheels that the packaging test installs from.
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt $(EDITABLE) '.[classic,dev,docs,evaluate,fast,formats-all,science,train,video,web]'
	$(BIN)/python -m pip wheel --quiet --constraint constraints.txt --wheel-dir $(VENV)/wheelhouse . hatchling

check:  ## Lint, format, types, import rules, commit subjects.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/check_commits.py

test:  ## What CI runs: all tests but the long ones and those of other hosts.
	@$(MAKE) --no-print-directory $(JOBS) $(PARTS:%=test-%)

$(PARTS:%=test-%): test-%:
	@$(BIN)/python -m pytest -m "not long and not hosts" $(PART_$*)

test-fast:  ## A minute's worth of tests, for each change.
	@$(MAKE) --no-print-directory $(JOBS) test-fast-one test-fast-other

test-fast-one:
	@$(BIN)/python -m pytest -m "not slow and not long and not hosts" $(FAST_REST:%=--ignore=%)

test-fast-other:
	@$(BIN)/python -m pytest -m "not slow and not long and not hosts" $(FAST_REST)

test-long:  ## What takes longer than CI may; the skipped are listed.
	@$(BIN)/python -m pytest -m long

test-hosts:  ## What needs programs of the system: Chromium, PostgreSQL, Redis; the skipped are listed.
	@$(BIN)/python -m pytest -m hosts

docs:  ## Rewrite the pages that repeat what the code says.
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/diagrams.py

translations:  ## Bring the studio's catalogues up to date with its words; exit code 1 where some are untranslated.
	$(BIN)/python tools/translations.py

browser-site:  ## The page that colours in the browser, in build/browser; docs-site then has it as its live demo.
	$(BIN)/python tools/browser_site.py build/browser

docs-site:  ## The documentation as a site in site/, with a page for each public name; warnings are errors.
	$(BIN)/python docs/assemble.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

pictures:  ## Make the README's before/after pictures with the shipped model.
	$(BIN)/python docs/pictures.py
