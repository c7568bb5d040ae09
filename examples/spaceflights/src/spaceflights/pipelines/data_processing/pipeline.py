"""The data processing pipeline: three independent roots, and a join."""

from kedro.pipeline import Pipeline, node

from .nodes import clean_companies, clean_shuttles, fingerprint, join_tables, summarise_reviews


def create_pipeline() -> Pipeline:
    """Return the pipeline from the raw tables to the model input table."""
    return Pipeline(
        [
            node(clean_companies, "companies", "companies_clean", name="clean_companies_node"),
            node(clean_shuttles, "shuttles", "shuttles_clean", name="clean_shuttles_node"),
            node(summarise_reviews, ["reviews", "params:reviews"], "review_scores"),
            node(
                join_tables,
                ["companies_clean", "shuttles_clean", "review_scores"],
                "model_input_table@pandas",
                name="join_tables_node",
            ),
            node(fingerprint, "model_input_table@text", "model_input_fingerprint"),
        ]
    )
