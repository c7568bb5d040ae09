"""The reporting pipeline: everything that people look at."""

from kedro.pipeline import Pipeline, node

from .nodes import compare_models, list_errors_by_port, plot_predictions, tabulate_metrics

PREDICTIONS = ["active_predictions", "candidate_predictions"]


def create_pipeline() -> Pipeline:
    """Return the pipeline from both models' outputs to the report's tables and plot."""
    return Pipeline(
        [
            node(
                compare_models,
                ["active_metrics", "candidate_metrics"],
                "metrics_comparison",
                name="compare_models_node",
            ),
            node(tabulate_metrics, "metrics_comparison", "metrics_table"),
            node(
                list_errors_by_port,
                ["model_input_table@pandas", *PREDICTIONS, "params:report"],
                "errors_by_port",
                name="list_errors_by_port_node",
            ),
            node(
                plot_predictions,
                ["test_target", *PREDICTIONS, "params:report"],
                "predictions_plot",
                name="plot_predictions_node",
            ),
        ]
    )
