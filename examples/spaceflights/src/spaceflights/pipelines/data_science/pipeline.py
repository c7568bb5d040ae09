"""The data science pipeline: one split, and one modelling pipeline used twice, each time in a namespace."""

from kedro.pipeline import Pipeline, node, pipeline

from .nodes import evaluate_model, predict_fares, split_table, train_model

SPLIT = ["train_features", "test_features", "train_target", "test_target"]
MODELS = ["active", "candidate"]


def create_pipeline() -> Pipeline:
    """Return the pipeline from the model input table to the metrics of both models."""
    split = Pipeline([node(split_table, ["model_input_table@pandas", "params:split"], SPLIT, name="split_table_node")])
    return sum(map(_named_modelling, MODELS), start=split)


def _named_modelling(model: str) -> Pipeline:
    """Return the modelling pipeline in the model's namespace, its results named for use outside of it."""
    results = {"predictions": f"{model}_predictions", "metrics": f"{model}_metrics"}
    return pipeline(_modelling(), inputs=set(SPLIT), outputs=results, namespace=f"{model}_modelling_pipeline")


def _modelling() -> Pipeline:
    return Pipeline(
        [
            node(
                train_model,
                ["train_features", "train_target", "params:model_options"],
                "regressor",
                name="train_model_node",
                tags="training",
            ),
            node(
                predict_fares,
                ["regressor", "test_features", "params:model_options"],
                "predictions",
                name="predict_fares_node",
            ),
            node(evaluate_model, ["predictions", "test_target"], "metrics", name="evaluate_model_node"),
        ]
    )
