"""Every phrase that reports and figures show, in English and Chinese."""

from __future__ import annotations

from tidegate.errors import SettingError
from tidegate.reporting.report_words import REPORT_WORDS

LANGUAGES = ("en", "zh")

_WORDS: dict[str, tuple[str, str]] = {
    "verdict.beats": (
        "The {method} beats the best naive forecast ({naive}): {metric} {error} against {naive_error}, {change}; "
        "Diebold–Mariano {p}.",
        "{method} 优于最好的朴素预测（{naive}）：{metric} {error} 对 {naive_error}，{change}；"
        "Diebold–Mariano 检验 {p}。",
    ),
    "verdict.worse": (
        "The {method} does NOT beat the best naive forecast ({naive}): {metric} {error} against {naive_error}, "
        "{change} (Diebold–Mariano {p}); do not use it.",
        "{method} 不如最好的朴素预测（{naive}）：{metric} {error} 对 {naive_error}，{change}"
        "（Diebold–Mariano 检验 {p}）；请不要使用它。",
    ),
    "verdict.no_better": (
        "The {method} does NOT beat the best naive forecast ({naive}): {metric} {error} against {naive_error}, "
        "{change}; use the naive forecast, which is simpler.",
        "{method} 没有优于最好的朴素预测（{naive}）：{metric} {error} 对 {naive_error}，{change}；"
        "请使用更简单的朴素预测。",
    ),
    "verdict.unsure": (
        "The {method} does not clearly beat the best naive forecast ({naive}): {metric} {error} against {naive_error}, "
        "{change}, but the difference is not significant (Diebold–Mariano {p}): treat them as equal.",
        "{method} 没有明显优于最好的朴素预测（{naive}）：{metric} {error} 对 {naive_error}，{change}，"
        "但差异不显著（Diebold–Mariano 检验 {p}）：应视为相同。",
    ),
    "verdict.mixed": (
        "The {method} does not clearly beat the best naive forecast ({naive}): {metric} {error} against {naive_error}, "
        "{change} over all windows, but not lower when every origin in time counts alike: treat them as equal.",
        "{method} 没有明显优于最好的朴素预测（{naive}）：按全部窗口计 {metric} {error} 对 {naive_error}，{change}，"
        "但按时间起点平均并不更低：应视为相同。",
    ),
    "verdict.untested": (
        "The {method} has a lower error than the best naive forecast ({naive}): {metric} {error} against "
        "{naive_error}, {change}, but there are too few test windows to tell this from chance.",
        "{method} 的误差低于最好的朴素预测（{naive}）：{metric} {error} 对 {naive_error}，{change}，"
        "但测试窗口太少，无法排除偶然。",
    ),
    "verdict.alone": (
        "The {method} has {metric} {error}, and no naive forecast could be made to compare it with.",
        "{method} 的 {metric} 为 {error}，没有可供比较的朴素预测。",
    ),
    "verdict.broken": (
        "The {method} gives no usable forecast (its error is not a number): do not use it.",
        "{method} 没有给出可用的预测（误差不是数值）：请不要使用它。",
    ),
    "verdict.lower": ("lower", "更低"),
    "verdict.higher": ("higher", "更高"),
    "verdict.equal": ("the same", "相同"),
    "verdict.lower_percent": ("{percent} % lower", "低 {percent} %"),
    "verdict.times": ("{times} times as high", "是其 {times} 倍"),
    "verdict.higher_percent": ("{percent} % higher", "高 {percent} %"),
    "method.RepeatLast": ("repeat-last", "重复末值"),
    "method.SeasonalNaive": ("seasonal naive", "季节性朴素"),
    "method.Drift": ("drift", "漂移"),
    "method.Mean": ("mean", "均值"),
    "part.train": ("training", "训练"),
    "part.validation": ("validation", "验证"),
    "part.test": ("test", "测试"),
    "truth": ("truth", "真实值"),
    "epoch": ("epoch", "轮次"),
    "loss": ("loss", "损失"),
    "step": ("steps ahead", "预测步数"),
    "residual": ("residual", "残差"),
    "lag": ("lag", "滞后"),
    "residual.time": ("over time", "随时间"),
    "residual.spread": ("distribution", "分布"),
    "residual.memory": ("autocorrelation", "自相关"),
    "figure.overview": ("The data and how they were split", "数据及其划分"),
    "figure.forecast": ("One step ahead, over all parts", "各部分的一步预测"),
    "figure.zoom": ("The last test windows", "最后的测试窗口"),
    "figure.loss": ("Loss by epoch", "各轮损失"),
    "figure.best_epoch": ("epoch {epoch} kept", "采用第 {epoch} 轮"),
    "figure.error_per_step": ("Error by step ahead", "各步误差"),
    "figure.error": ("Error of every method", "各方法的误差"),
    "figure.residuals": (
        "What the network got wrong (truth − forecast, one step ahead)",
        "预测残差（真实值 − 一步预测）",
    ),
} | REPORT_WORDS


class Words:
    """The phrases of one language."""

    def __init__(self, lang: str) -> None:
        if lang not in LANGUAGES:
            raise SettingError(f"lang is {lang!r}, but reports are written in: {', '.join(LANGUAGES)}.")
        self.lang = lang
        self._column = LANGUAGES.index(lang)

    def __getitem__(self, key: str) -> str:
        return _WORDS[key][self._column]

    def get(self, key: str, default: str) -> str:
        """The phrase, or the default where there is none."""
        return self[key] if key in _WORDS else default


def words(lang: str) -> Words:
    """The phrases of a language, "en" or "zh"; SettingError for any other."""
    return Words(lang)


def method_name(method: str, lang: str) -> str:
    """A method's name in words: the naive ones in the language, others as they are."""
    phrase = _WORDS.get(f"method.{method}")
    return phrase[LANGUAGES.index(lang)] if phrase else method
