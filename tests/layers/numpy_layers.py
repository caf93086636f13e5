"""What layers compute, stated once more in NumPy and float64, for one sequence (T, F) and without torch."""

import numpy as np


def weights_of(layer):
    return {name: value.detach().numpy() for name, value in layer.named_parameters()}


def softmax(scores):
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def elman_step(weights, x, h):
    """One step of a simple recurrence of one layer: tanh(W x + b + U h + b')."""
    sums = weights["weight_ih_l0"] @ x + weights["bias_ih_l0"] + weights["weight_hh_l0"] @ h + weights["bias_hh_l0"]
    return np.tanh(sums)


def elman(weights, x, h=None):
    """All outputs of a simple recurrence over a sequence, and its last state."""
    h, outputs = np.zeros(weights["weight_hh_l0"].shape[0]) if h is None else h, []
    for each in x:
        h = elman_step(weights, each, h)
        outputs.append(h)
    return np.array(outputs).reshape(len(x), len(h)), h


def pooled(weights, y):
    """Yang et al., equations 5 to 7: one vector of a sequence, and the shares of its steps."""
    scores = np.tanh(y @ weights["project.weight"].T + weights["project.bias"]) @ weights["query.weight"][0]
    shares = softmax(scores)
    return shares @ y, shares


def norm(x, weight, bias):
    spread = x - x.mean(-1, keepdims=True)
    return spread / np.sqrt((spread**2).mean(-1, keepdims=True) + 1e-5) * weight + bias
