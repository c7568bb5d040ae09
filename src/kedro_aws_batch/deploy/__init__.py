"""Deploys the service, and asks AWS whether jobs would run."""
