# Everything here works on a machine that has Python 3.11 or newer, pip and make.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check install -qq

CLIENTS := prettier @anthropic-ai/claude-code @openai/codex @google/gemini-cli opencode-ai \
           @github/copilot @modelcontextprotocol/inspector@2.12.0 \
           @modelcontextprotocol/conformance@0.1.16 node@22

# The tests start craftkit thousands of times: compiled once, not every time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-sampled machine clients lint bench house \
        statements mutants docs clean

# Tests make thousands of repositories and databases: memory is quicker than a disk.
# Some of them become another user, who has to reach what they made.
define run_tests
	@place=$$(mktemp -d "$$([ -w /dev/shm ] && \
	    [ "$$(df -Pk /dev/shm | awk 'NR == 2 { print $$4 }')" -gt 2000000 ] && \
	    echo /dev/shm || echo "$${TMPDIR:-/tmp}")/craftkit.XXXXXX") && chmod 755 "$$place" && \
	  trap 'rm -rf "$$place"' EXIT && \
	  TMPDIR="$$place" $(1) $(PY) -m pytest -n 3 --dist worksteal -q $(T)
endef

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 20

demo: $(VENV)/.installed ## run the whole story on a throw-away repository
	@$(VENV)/bin/craftkit demo

test: $(VENV)/.installed-dev ## run the tests: every statement, a part of the random walks (T=tests/cli)
	$(call run_tests,)

test-all: $(VENV)/.installed-dev clients ## run everything: all products, 1,000 stories, true processes
	$(call run_tests,CRAFTKIT_TESTS=all)

test-sampled: $(VENV)/.installed-dev ## run the tests with other cases than usual (CRAFTKIT_SEED=N)
	$(call run_tests,CRAFTKIT_TESTS=sampled)

machine: $(VENV)/.installed-dev ## walk two clones and a GitHub through 10,000 stories
	@CRAFTKIT_THOROUGH=1 $(PY) -m pytest -n 2 -q tests/sync/test_machine.py

clients: | $(PY) ## install the coding agents that some tests talk to (1.4 GB; needs npm)
	@command -v npm >/dev/null || { echo "npm is missing: these tests are skipped"; exit 0; }; \
	  echo "Installing coding agents for the tests ..."; \
	  npm install --prefix $(VENV)/clients --no-audit --no-fund --loglevel=error $(CLIENTS) >/dev/null
	@$(PIP) agnix || echo "agnix is not here for this machine: its test is skipped"

lint: $(VENV)/.installed-dev ## style, types and the direction of imports
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(PY) docs/style_lint.py
	@$(PY) docs/audit.py

bench: $(VENV)/.installed-dev ## print the speed figures (AGAINST=REV: beside those of a revision)
	@$(PY) benchmarks/run.py $(if $(AGAINST),--against $(AGAINST))

house: $(VENV)/.installed-dev ## print packages, circles, the longest module and function
	@$(PY) benchmarks/house.py

statements: $(VENV)/.installed-dev ## print what a command costs in SQL, file reads and requests
	@$(PY) benchmarks/statements.py

mutants: $(VENV)/.installed-dev ## put defects in, one at a time, and see which harness catches each
	@$(PY) benchmarks/mutants.py

docs: $(VENV)/.installed-dev ## write the generated pages and the plugin anew
	@$(PY) docs/generate.py
	@$(PY) docs/generate_plugin.py

clean: ## remove everything that make can make again
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# pip fills the environment from outside where Python came without ensurepip.
$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "craftkit needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Creating $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || \
	  { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) && \
	    $(PYTHON) -m pip --disable-pip-version-check --python $(PY) install -qq pip; } || \
	  { rm -rf $(VENV); exit 1; }

# Order-only: the interpreter must be there, its date says nothing.
$(VENV)/.installed: pyproject.toml | $(PY)
	@echo "Installing craftkit ..."
	@$(PIP) -e ".[sandbox]"
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(PY)
	@echo "Installing craftkit and its development tools ..."
	@$(PIP) -e '.[dev]'
	@touch $(VENV)/.installed $@
