"""From three raw tables to one that models can be trained on."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
