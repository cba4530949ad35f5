# Two commands for a newcomer: `make demo` and `make test`. Both set everything up by themselves.
SHELL := /bin/bash
# A ROS 2 that is sourced is used; else `make DISTRO=kilted ...` takes Kilted's wheels, in an environment of its own.
DISTRO := $(or $(ROS_DISTRO),jazzy)
SECOND := $(if $(ROS_DISTRO),,$(filter kilted,$(DISTRO)))
VENV ?= $(if $(SECOND),.venv-$(SECOND),.venv)
BIN := $(VENV)/bin
# One thread per process: the suite runs many small processes on few cores.
export OMP_NUM_THREADS ?= 1
# Workers that share the tests; much of the time is waiting for nodes and controllers, so two pay on one core too.
JOBS ?= 2

.PHONY: help demo test test-all faults lint types setup clean
help:
	@echo "make demo       a simulated UR10 clears a heap (ARGS='--objects 5 --seed 1')"
	@echo "make test       lint, types and the tests of a few minutes (DISTRO=kilted: the nodes' tests with ROS 2 Kilted)"
	@echo "make test-all   the long tests too"
	@echo "make faults     every fault in mid-move on the simulated controllers, as a table (an hour at most)"
	@echo "make setup      only install what is needed into $(VENV)"

demo: setup
	@$(BIN)/gpnet demo $(ARGS)

test: setup $(if $(SECOND),,lint types)
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow and not hardware" $(if $(SECOND),test/nodes) $(ARGS)

test-all: setup lint types
	$(BIN)/python -m pytest -m "not hardware" $(ARGS)

faults: setup
	$(BIN)/python -m pytest -s -m fault_matrix $(ARGS)

lint: setup
	$(BIN)/ruff check gpnet_ros test launch setup.py
	$(BIN)/ruff format --check gpnet_ros test launch setup.py

types: setup
	$(BIN)/mypy

setup: $(VENV)/ready

$(VENV)/ready: $(wildcard requirements/*) setup.py
	@bash requirements/install.sh $(VENV) $(DISTRO)
	@touch $@

clean:
	rm -rf $(VENV) .venv-kilted build install log *.egg-info
