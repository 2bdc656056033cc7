# Everything sets itself up: a virtual environment in .venv, renewed only when pyproject.toml or constraints.txt change.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PEERS := .peers

.PHONY: demo notebook test peers gpu cluster lint bench clean long faults extractors verify-fid

# Two ways to keep a critic Lipschitz and a model without a critic, trained on as many points, two at a time, scored, and
# compared.
demo: $(READY)
	@echo "Three trainings, two at a time: 3 to 4 minutes. How far they are: $(BIN)/kantor status outputs/demo"
	$(BIN)/kantor train -m experiment=point_demo_gp,point_demo_clip,point_demo_flow outputs=outputs/demo rerun=true \
		trainer.progress=false hydra/launcher=joblib hydra.launcher.n_jobs=2
	$(BIN)/kantor compare outputs/demo/point_demo_* out=outputs/demo/comparison

# The lessons in the browser; Ctrl-C twice ends it.
notebook: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebooks]'
	$(BIN)/jupyter lab notebooks/first_run.ipynb

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not long and not peers and not gpu and not cluster"

# Trains for minutes: what the README says, over seeds.
long: $(READY)
	$(BIN)/python -m pytest -m long --ignore tests/faults

# Kills every command at its file operations and at random moments; KANTOR_FAULTS=0.1 makes a tenth of the trials.
faults: $(READY)
	$(BIN)/python -m pytest -m long -s tests/faults

# Samplers against those of diffusers and azula, step by step.
peers: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[peers]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps pythae imageio
	$(BIN)/python -m pytest -m peers

# What only a CUDA device can show.
gpu: $(READY)
	$(BIN)/python -m pytest -m gpu tests/gpu

# Two nodes of a SLURM that is started for it on this machine, as root, from Debian's slurm-wlm and munge.
cluster: $(READY)
	$(BIN)/python -m pytest -m cluster tests/cluster

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY) $(PEERS)/.ready
	$(BIN)/python bench/point.py
	$(BIN)/python bench/images.py
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/compare.py
	$(BIN)/python bench/sweeps.py
	$(BIN)/python bench/processes.py
	$(BIN)/python bench/evaluate.py
	$(BIN)/python bench/diffusion.py --peers $(PEERS)
	$(BIN)/python bench/variational.py --peers $(PEERS)
	$(BIN)/python bench/energy.py --peers $(PEERS)

# Other libraries, which bench/diffusion.py times: by themselves, so that they bring no torch and change nothing of ours.
$(PEERS)/.ready: $(READY) bench/peers.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(PEERS) -r bench/peers.txt
	touch $@

# With the real weights and CIFAR-10, downloaded once: the constants of torch-fidelity's own tests.
verify-fid: $(READY)
	$(BIN)/python bench/verify_fid.py

# Trains again the classifiers that ship with kantor (MNIST in data/MNIST/raw), on one thread and with instructions that
# every x86 machine of the last ten years has: other ones round otherwise.
extractors: $(READY)
	OMP_NUM_THREADS=1 ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 MKL_CBWR=AVX2 \
	$(BIN)/python bench/training/train_extractors.py

clean:
	rm -rf .venv $(PEERS) build dist .pytest_cache .ruff_cache .mypy_cache src/*.egg-info

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@
