"""The project's one pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from .nodes import count_words, summarize


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name."""
    nodes = [
        node(count_words, "texts", "counts", name="count_words"),
        node(summarize, "counts", "summary", name="summarize"),
    ]
    return {"__default__": pipeline(nodes)}
