"""Reports for people: the two models side by side."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
