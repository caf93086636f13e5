# `make demo` and `make test` work on a fresh machine: each sets up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint docs format sanitize wheel portable portable-quick clean

demo: $(READY)
	$(BIN)/tidegate forecast fit examples/data/electricity.csv --config examples/data/electricity.toml --out run/demo --overwrite

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)
	$(BIN)/python docs/build.py

# The engine's tests again, with every address and every undefined operation checked.
SANITIZED := build/sanitize
SITE = $(shell $(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")
sanitize: $(READY)
	$(BIN)/cmake -S . -B $(SANITIZED) -G Ninja -DPython_EXECUTABLE=$(abspath $(BIN)/python) -DTIDEGATE_SANITIZE=ON
	$(BIN)/cmake --build $(SANITIZED)
	rm -rf $(SANITIZED)/package && mkdir $(SANITIZED)/package && cp -r src/tidegate $(SANITIZED)/package
	$(BIN)/cmake --install $(SANITIZED) --prefix $(SANITIZED)/package
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
	  OMP_NUM_THREADS=1 PYTHONPATH=$(SANITIZED)/package:$(SITE) $(BIN)/python -S -m pytest -p no:cacheprovider \
	  tests/engine/test_native.py tests/engine/test_resets.py tests/engine/test_sessions.py -k "not simd_level and not processes and not forked and not memory"

# Builds and tests as on the machines that others have; `.venv/bin/python -m portable NAME` runs one condition alone.
portable: $(READY)
	$(BIN)/python -m portable

portable-quick: $(READY)
	$(BIN)/python -m portable --quick

# A wheel with the engine inside, for machines without a compiler; on Linux auditwheel names the oldest glibc it runs on.
wheel: $(READY)
	rm -rf build/wheel
	$(BIN)/python -m pip wheel --quiet --no-build-isolation --no-deps --wheel-dir build/wheel .
	mkdir -p dist
	if [ "$$(uname)" = Linux ]; then \
	  PATH="$(abspath $(BIN)):$$PATH" $(BIN)/auditwheel repair --plat auto --wheel-dir dist build/wheel/*.whl; \
	else cp build/wheel/*.whl dist; fi
	@ls dist/*.whl

# torch comes first and pinned: a bare `torch` pulls gigabytes of CUDA libraries.
$(READY): pyproject.toml constraints.txt CMakeLists.txt $(wildcard native/*)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt scikit-build-core nanobind sympy cmake ninja
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build dist run
