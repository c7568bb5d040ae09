"""Put the two models beside each other: in figures, in tables and in a plot."""

from typing import Any

import pandas as pd


def compare_models(active: dict[str, float], candidate: dict[str, float]) -> dict[str, Any]:
    """Return the metrics of both models, and which has the smaller mean error: a draw keeps the active one."""
    better = "candidate" if candidate["mean_error"] < active["mean_error"] else "active"
    return {"active": active, "candidate": candidate, "better": better}


def tabulate_metrics(comparison: dict[str, Any]) -> pd.DataFrame:
    """Return one row for each model."""
    models = [name for name in comparison if name != "better"]
    return pd.DataFrame([{"model": name, **comparison[name]} for name in models])


def list_errors_by_port(
    table: pd.DataFrame, active: pd.DataFrame, candidate: pd.DataFrame, options: dict[str, Any]
) -> pd.DataFrame:
    """Return both models' mean errors on the flights from the busiest ports, most flights first."""
    flights = table.set_index("shuttle").loc[active.index]
    errors = pd.DataFrame(
        {
            "port": flights["port"],
            "active": (active["predicted"] - flights["fare"]).abs(),
            "candidate": (candidate["predicted"] - flights["fare"]).abs(),
        }
    )
    ports = errors.groupby("port").agg(
        flights=("active", "size"), active=("active", "mean"), candidate=("candidate", "mean")
    )
    busiest = ports.reset_index().sort_values(["flights", "port"], ascending=[False, True])
    return busiest.head(options["ports"]).round(2)


def plot_predictions(
    target: pd.DataFrame, active: pd.DataFrame, candidate: pd.DataFrame, options: dict[str, Any]
) -> Any:
    """Return a figure with the fares that each model expects against those that were paid."""
    # Imported here, so that only the plotting job waits for it. Without pyplot there is no window and no state.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    shown = target.head(options["plotted"])
    fares = shown.squeeze("columns")
    limits = (fares.min(), fares.max())
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for panel, (name, predictions) in zip(panels, {"active": active, "candidate": candidate}.items(), strict=True):
        panel.scatter(fares, predictions.loc[shown.index, "predicted"], s=8, alpha=0.5, linewidths=0)
        panel.plot(limits, limits, color="black", linewidth=0.8)
        panel.set(title=f"{name} model", xlabel="fare paid, $")
    panels[0].set_ylabel("fare expected, $")
    return figure
