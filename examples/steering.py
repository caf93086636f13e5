"""A8: five future steering angles from five past values of curvature, velocity and steering and five known curvatures.

What the article got wrong, and is right here: windows of one drive were shuffled between training and test, although
neighbours share nine of ten rows; here the test is the last fifth of the drive. Repeating the last angle, which is very
good at 25 Hz, stands beside the network. Labels may be Chinese: `main(labels=CHINESE)`.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

import tidegate

BUNDLED = Path(__file__).parent / "data" / "drive.csv"
ENGLISH = {"truth": "truth", "forecast": "forecast", "step": "step", "mean": "mean of all steps", "mae": "MAE (rad)"}
CHINESE = {"truth": "真实值", "forecast": "预测值", "step": "第几步", "mean": "各步平均", "mae": "平均绝对误差 (rad)"}


def main(epochs: int = 40, out: str = "run/steering", labels: dict[str, str] = ENGLISH, data: Path = BUNDLED) -> None:
    """Train LSTM 64 × 2, print R² and MAE per step, draw each step, their mean and a bar chart of MAE."""
    forecaster = tidegate.Forecaster(
        lookback=5,
        horizon=5,
        units=64,
        layers=2,
        epochs=epochs,
        scaler="standard",
        scale_by="global",
        time_col="time",
        target_col="steering",
        past_cols=("velocity",),
        future_cols=("curvature",),
    )
    judgement = forecaster.backtest(pd.read_csv(data), test_size=0.2)
    print(judgement.verdict.text)
    errors = judgement.errors.query("method == 'LSTM' and step != 'all'")
    print(errors[["step", "mae", "r2"]].to_string(index=False))

    steps = judgement.forecasts.pivot_table(index="cutoff", columns="step", values=["y", "LSTM"])
    with rc_context({"font.family": tidegate.font_families()}):
        figure = Figure(figsize=(10, 14), layout="constrained")
        axes = figure.subplots(7, 1)
        for step in range(1, 6):
            axes[step - 1].plot(steps["y", step], label=labels["truth"])
            axes[step - 1].plot(steps["LSTM", step], label=f"{labels['forecast']}, {labels['step']} {step}")
        axes[5].plot(steps["y"].mean(axis=1), label=labels["truth"])
        axes[5].plot(steps["LSTM"].mean(axis=1), label=f"{labels['forecast']}, {labels['mean']}")
        axes[6].bar(errors["step"].astype(str), errors["mae"], label=labels["mae"])
        for each in axes:
            each.legend(loc="upper left")
        Path(out).mkdir(parents=True, exist_ok=True)
        figure.savefig(Path(out) / "steering.png")
    print("report:", tidegate.write_report(judgement, Path(out)))


if __name__ == "__main__":
    main()
