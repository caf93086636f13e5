"""The phrases of the HTML report: key -> (English, Chinese)."""

from __future__ import annotations

REPORT_WORDS: dict[str, tuple[str, str]] = {
    "report.title": ("Forecast report", "预测报告"),
    "report.judged": (
        "Judged on {windows} test windows, each {horizon} step{s} ahead, in {series} series, from {start} to {end}: "
        "rows that neither training nor early stopping had seen.",
        "评判依据：{series} 个序列、{windows} 个测试窗口、每个 {horizon} 步，从 {start} 到 {end}；"
        "训练和早停都没有见过这些数据。",
    ),
    "report.errors": ("Errors on the test windows", "测试窗口上的误差"),
    "report.errors_caption": (
        "All methods on the same windows, in original units; the best of each column is marked ★.",
        "所有方法使用相同的窗口，误差以原始单位计；每列最好的值以 ★ 标出。",
    ),
    "report.method": ("method", "方法"),
    "report.best": ("best", "最好"),
    "report.network": ("network", "网络"),
    "report.all_targets": ("mean over all targets", "所有目标的平均"),
    "report.target": ("Target: {target}", "目标：{target}"),
    "report.test": (
        "Diebold–Mariano test (with the correction of Harvey, Leybourne and Newbold) of {method} against {naive}: "
        "statistic {statistic}, {p}, over {origins} origins in time.",
        "Diebold–Mariano 检验（含 Harvey、Leybourne 与 Newbold 校正），{method} 对 {naive}："
        "统计量 {statistic}，{p}，共 {origins} 个时间起点。",
    ),
    "report.no_test": (
        "The Diebold–Mariano test could not be made: it needs more test origins than steps of the horizon.",
        "无法进行 Diebold–Mariano 检验：测试起点数必须多于预测步数。",
    ),
    "report.few_origins": (
        "With fewer than ten test origins per step of the horizon its p-value may be too small.",
        "每个预测步的测试起点少于十个，p 值可能偏小。",
    ),
    "report.coverage": (
        "The {level} % intervals held {share} % of the true values.",
        "{level} % 区间包含了 {share} % 的真实值。",
    ),
    "report.forecasts": ("Forecasts and truth", "预测与真实值"),
    "report.steps": ("The errors in detail", "误差细节"),
    "report.steps_table": ("MAE of every step, as a table", "各步 MAE 表"),
    "report.step": ("step", "步"),
    "report.data": ("Data and split", "数据与划分"),
    "report.split": (
        "The split follows time: the network learned from the first part, the second decided when to stop, the third "
        "was used once, for this report.",
        "按时间划分：网络从第一部分学习，第二部分决定何时停止，第三部分只在本报告中使用一次。",
    ),
    "report.part": ("part", "部分"),
    "report.from": ("from", "从"),
    "report.to": ("to", "到"),
    "report.rows": ("rows", "行数"),
    "report.notes": ("What was inferred or left out", "推断或略去的内容"),
    "report.training": ("Training", "训练过程"),
    "report.settings": ("Settings", "设置"),
    "report.reading": ("How to read this", "如何阅读本报告"),
    "report.read_naive": (
        "Naive forecasts need no training: repeat-last repeats the last known value, seasonal naive repeats the last "
        "season, drift continues the line from the first to the last value, mean is the mean of the past. A network "
        "that does not beat them is not worth its cost. The best naive forecast is the one with the lowest {metric} "
        "over the test windows, the metric by which the network is judged too.",
        "朴素预测无需训练：重复末值沿用最后的已知值，季节性朴素沿用上一季，漂移延长首末两值的连线，均值取过去的平均。"
        "不能胜过它们的网络不值得使用。最好的朴素预测是测试窗口上 {metric} 最低者，网络也按同一指标评判。",
    ),
    "report.read_units": (
        "MAE, MSE and RMSE are in the units of the data (MSE in their square); lower is better.",
        "MAE、MSE、RMSE 以数据的单位计（MSE 为其平方），越低越好。",
    ),
    "report.read_percent": (
        "MAPE is in percent of the true value and skips true values of zero; sMAPE runs from 0 to 200 %.",
        "MAPE 为相对真实值的百分比，跳过为零的真实值；sMAPE 的范围为 0 到 200 %。",
    ),
    "report.read_mase": (
        "MASE is the error divided by that of the one-season-back forecast on the training rows: below 1 is better.",
        "MASE 为误差与训练数据上季节性朴素预测误差之比，小于 1 更好。",
    ),
    "report.read_r2": (
        "R² is 1 for a perfect forecast, 0 for one no better than the mean of the test values, negative for a worse "
        "one. A high R² alone proves little: on slow series repeating the last value has one too.",
        "R² 为 1 表示完全正确，0 表示不比测试均值好，负值更差。仅有高 R² 说明不了什么："
        "对变化缓慢的序列，重复末值的 R² 也很高。",
    ),
    "report.read_p": (
        "p is the probability of a difference at least this large if both methods were equally good; below 0.05 it is "
        "called significant.",
        "p 是两种方法同样好时出现至少这么大差异的概率；低于 0.05 称为显著。",
    ),
    "report.made_by": ("Made by Tidegate", "由 Tidegate 生成"),
    "report.no_chinese_font": (
        "No font with Chinese characters was found, so the PNG files of the figures are in English; install one (for "
        "instance fonts-noto-cjk) and write the report again.",
        "本机没有中文字体，图的 PNG 文件中文字为英文；请安装中文字体（例如 fonts-noto-cjk）后重新生成报告。",
    ),
    "alt.overview": (
        "Line chart of {target} over time, with the training, validation and test parts shaded.",
        "{target} 随时间变化的折线图，训练、验证、测试部分以底色区分。",
    ),
    "alt.forecast": (
        "Line chart of {target}: truth, {method} and the best naive forecast, one step ahead, over all parts.",
        "{target} 的折线图：各部分的真实值、{method} 与最好的朴素预测（提前一步）。",
    ),
    "alt.zoom": (
        "Line chart of the last test windows of {target}: truth, {method} and the best naive forecast.",
        "{target} 最后测试窗口的折线图：真实值、{method} 与最好的朴素预测。",
    ),
    "alt.error_per_step": (
        "Chart of the mean absolute error of every method by step ahead; the numbers are in the tables.",
        "各方法平均绝对误差随预测步数变化的图；数值见表。",
    ),
    "alt.residuals": (
        "Three charts of the errors of {method} one step ahead: over time, their distribution, their autocorrelation.",
        "{method} 一步预测误差的三幅图：随时间、分布、自相关。",
    ),
    "alt.loss": ("Line chart of training and validation loss by epoch.", "训练与验证损失随轮次变化的折线图。"),
    "caption.overview": (
        "The true values; tints mark the validation and the test part.",
        "真实值；底色标出验证和测试部分。",
    ),
    "caption.forecast": (
        "Each point was forecast from the values up to the step before it. Only the test part shows skill: the network "
        "has seen the others. A forecast that merely follows one step behind the truth is no better than repeat-last.",
        "每个点都由其前一步为止的数据预测。只有测试部分体现能力：其余部分网络已经见过。"
        "若预测只是滞后一步地跟随真实值，就不比重复末值好。",
    ),
    "caption.zoom": (
        "Each stretch is one forecast, made at the thin vertical line from the values before it.",
        "每一段是一次预测，在细竖线处根据之前的数据作出。",
    ),
    "caption.zoom_one": (
        "Each point was forecast from the values up to the step before it.",
        "每个点都由其前一步为止的数据预测。",
    ),
    "caption.residuals": (
        "Good forecasts leave residuals without a trend, centred on zero, with bars inside the grey band.",
        "好的预测留下的残差没有趋势、以零为中心，自相关条在灰色带内。",
    ),
    "caption.loss": (
        "The weights of the marked epoch were kept. Training loss far below validation loss means overfitting.",
        "采用所标轮次的权重。训练损失远低于验证损失表示过拟合。",
    ),
}
