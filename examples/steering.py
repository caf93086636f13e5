"""A8: five future steering angles from five past values of curvature, velocity and steering and five known curvatures.

What the article got wrong, and is right here: windows of one drive were shuffled between training and test, although
neighbours share nine of ten rows; here the test is the last fifth of the drive. Repeating the last angle, which is very
good at 25 Hz, stands beside the network. Labels may be Chinese: `main(labels=CHINESE)`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

import tidegate

BUNDLED = Path(__file__).parent / "data" / "drive.csv"
DRIVE = Path(os.environ.get("TIDEGATE_DATA", "../shared/data")) / "vehicle" / "iac_Putnam_park2023_run4_2.csv.xz"
ENGLISH = ("truth", "forecast", "step", "mean of all steps", "MAE per step (rad)")
CHINESE = ("真实值", "预测值", "第几步", "各步平均", "各步平均绝对误差 (rad)")


def drive() -> pd.DataFrame:
    """The whole drive above 5 m/s where the public data are, else the bundled minutes of it."""
    if not DRIVE.exists():
        return pd.read_csv(BUNDLED).drop(columns="time")
    run = pd.read_csv(DRIVE).query("`vx(m/s)` > 5").rename(columns={"vx(m/s)": "velocity", "delta(rad)": "steering"})
    return run.assign(curvature=run["omega(rad/s)"] / run["velocity"])[["curvature", "velocity", "steering"]]


def main(epochs: int = 40, out: str = "run/steering", labels: tuple[str, ...] = ENGLISH) -> None:
    """Train LSTM 64 × 2, print R² and MAE per step, draw each step, their mean and a bar chart of MAE."""
    roles = {"target_col": "steering", "past_cols": ("velocity",), "future_cols": ("curvature",)}
    network = {"lookback": 5, "horizon": 5, "units": 64, "layers": 2, "scaler": "standard", "scale_by": "global"}
    result = tidegate.Forecaster(**roles, **network, linear_skip=0, epochs=epochs).backtest(drive(), test_size=0.2)
    errors = result.errors.query("method == 'LSTM' and step != 'all'")
    print(result.verdict.text, errors[["step", "mae", "r2"]].to_string(index=False), sep="\n")
    if labels != ENGLISH and len(tidegate.font_families()) == 1:
        print("No font with Chinese characters was found, so the figure is in English; install one: fonts-noto-cjk.")
        labels = ENGLISH
    truth, forecast, step, mean, mae = labels
    table = result.forecasts_by_step.pivot_table(index="cutoff", columns="step", values=["y", "LSTM"])
    curves = {f"{step} {n}": (table["y", n], table["LSTM", n]) for n in range(1, 6)}
    curves[mean] = table["y"].mean(axis=1), table["LSTM"].mean(axis=1)
    with rc_context({"font.family": tidegate.font_families()}):
        figure = Figure(figsize=(10, 14), layout="constrained")
        *panels, last = figure.subplots(7, 1)
        for axes, (name, (true, predicted)) in zip(panels, curves.items(), strict=True):
            axes.plot(pd.concat([true, predicted], axis=1), label=[truth, f"{forecast}, {name}"])
            axes.legend(loc="upper left")
        last.bar(errors["step"].astype(str), errors["mae"])
        last.set_title(mae)
        print("report:", tidegate.write_report(result, Path(out)))
        figure.savefig(Path(out) / "steering.png")


if __name__ == "__main__":
    main()
