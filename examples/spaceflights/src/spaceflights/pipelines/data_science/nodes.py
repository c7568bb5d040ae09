"""Split the table, train models, and measure them."""

from typing import Any, Protocol

import pandas as pd


class Regressor(Protocol):
    """A model, as this project needs it."""

    def fit(self, features: pd.DataFrame, target: pd.Series) -> object:
        """Learn the target from the features."""

    def predict(self, features: pd.DataFrame) -> Any:
        """Return one figure for each row of the features."""


def split_table(
    table: pd.DataFrame, options: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the features for training and for testing, then the target of both.

    The rows keep the shuttle's number as their index.
    """
    flights = table.set_index("shuttle")
    test = flights.sample(frac=options["test_share"], random_state=options["seed"]).sort_index()
    train = flights.drop(index=test.index)
    features, target = options["features"], [options["target"]]
    return train[features], test[features], train[target], test[target]


def train_model(features: pd.DataFrame, target: pd.DataFrame, options: dict[str, Any]) -> Regressor:
    """Return a model of the kind that the options name, trained on the features that they name."""
    model = _make_regressor(options["kind"], options["settings"])
    model.fit(features[options["features"]], target.squeeze("columns"))
    return model


def predict_fares(model: Regressor, features: pd.DataFrame, options: dict[str, Any]) -> pd.DataFrame:
    """Return the fare that the model expects of each flight."""
    predicted = model.predict(features[options["features"]])
    return pd.DataFrame({"predicted": predicted}, index=features.index)


def evaluate_model(predictions: pd.DataFrame, target: pd.DataFrame) -> dict[str, float]:
    """Return how far the predictions lie from the fares, in dollars, and the share of variance they explain."""
    fares = target.squeeze("columns")
    errors = predictions["predicted"] - fares
    variance = ((fares - fares.mean()) ** 2).sum()
    return {
        "r2": round(float(1 - (errors**2).sum() / variance), 4),
        "mean_error": round(float(errors.abs().mean()), 2),
        "largest_error": round(float(errors.abs().max()), 2),
    }


def _make_regressor(kind: str, settings: dict[str, Any]) -> Regressor:
    # scikit-learn takes over a second to import, and every job imports this module: only jobs that train wait for it.
    from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415
    from sklearn.tree import DecisionTreeRegressor  # noqa: PLC0415

    kinds = {"forest": RandomForestRegressor, "tree": DecisionTreeRegressor}
    if kind not in kinds:
        raise ValueError(f"Unknown kind of model {kind!r}. Set 'kind' in 'model_options' to one of {sorted(kinds)}.")
    return kinds[kind](**settings)
