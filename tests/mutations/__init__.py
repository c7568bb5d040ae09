"""Mutations of guards, generated: `make mutants FILES="runs/claiming.py …"` says which of them no test notices."""
