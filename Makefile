# What a change needs, see CONTRIBUTING.md. "make" runs lint, types and the fast tests.
.PHONY: check setup lint types test test-all sample report

check: lint types test

setup:
	pip install -r requirements-dev.txt -e .
	pre-commit install

lint:
	ruff check .
	ruff format --check .

types:
	mypy spacy_eiou

test:
	pytest -n 2 --dist worksteal -m "not slow"

test-all:
	pytest -n 2 --dist worksteal

sample:
	python -m spacy project run all

report:
	python benchmarks/report.py
