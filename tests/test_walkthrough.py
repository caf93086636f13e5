"""The walkthrough is up to date, and each of its numbers is that of torch's automatic differentiation."""

import re
import sys
from decimal import Decimal
from pathlib import Path

import pytest
import torch

from tidegate import cells

DOCS = Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS))
PAGES = {"en": "walkthrough.md", "zh": "walkthrough.zh-CN.md"}
LETTERS = ("i", "f", "c", "o")


def read(lang):
    return (DOCS / PAGES[lang]).read_text(encoding="utf-8")


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


def given(page):
    """The numbers that the page begins with, as leaves of a graph."""
    x, h, c, y = (numbers(re.search(rf"\${re.escape(name)} = ([^$]*?)(?:\^|\$)", page)[1])
                  for name in ("x_t", "h_{t-1}", "c_{t-1}", "y"))  # fmt: skip
    rows = {letter: re.search(rf"^\| \${letter}\$ \|(.*)\|(.*)\|(.*)\|$", page, re.MULTILINE) for letter in LETTERS}
    leaves = {"x_t": x, r"h_{t-1}": h, r"c_{t-1}": c}
    for letter, row in rows.items():
        leaves |= {f"{name}_{{{letter}}}": numbers(row[place]) for place, name in enumerate("WUb", 1)}
    tensors = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in leaves.items()}
    return tensors, y[0]


def autograd(page):
    """Every value by its name on the page: an LSTM step in plain torch, and what torch's autograd makes of it."""
    values, target = given(page)
    leaves = list(values)
    for letter in LETTERS:
        w, u, b = (values[f"{name}_{{{letter}}}"] for name in "WUb")
        values[f"z_{{{letter}}}"] = (w * values["x_t"]).sum() + u * values["h_{t-1}"] + b
    values["i_t"], values["f_t"], values["o_t"] = (torch.sigmoid(values[f"z_{{{letter}}}"]) for letter in "ifo")
    values[r"\tilde{c}_t"] = torch.tanh(values["z_{c}"])
    values["c_t"] = values["f_t"] * values["c_{t-1}"] + values["i_t"] * values[r"\tilde{c}_t"]
    values["h_t"] = values["o_t"] * torch.tanh(values["c_t"])
    values["L"] = 0.5 * ((values["h_t"] - target) ** 2).sum()
    inner = [name for name in values if name != "L"]
    for name, gradient in zip(
        inner, torch.autograd.grad(values["L"], [values[name] for name in inner], retain_graph=True), strict=True
    ):
        values[rf"\frac{{\partial L}}{{\partial {name}}}"] = gradient
    for letter, gate in zip(LETTERS, ("i_t", "f_t", r"\tilde{c}_t", "o_t"), strict=True):
        z = f"z_{{{letter}}}"
        own = torch.autograd.grad(values[gate].sum(), values[z], retain_graph=True)[0]
        values[rf"\frac{{\partial {gate}}}{{\partial {z}}}"] = own
    return {name: value.flatten().tolist() for name, value in values.items() if name not in leaves}


def printed(page):
    """The last number, or pair of numbers, of each line of a block, by the name before the sign of equality."""
    rows = re.findall(r"^(\S.*?) &= (.* = )?(\(?-?\d[\d., -]*\)?)(?: \\\\)?$", page, re.MULTILINE)
    assert len({name for name, _, _ in rows}) == len(rows)
    return {name: value for name, _, value in rows}


@pytest.mark.parametrize("lang", PAGES)
def test_the_page_is_what_the_equations_say(lang):
    import walkthrough

    assert read(lang) == walkthrough.page(lang)


@pytest.mark.parametrize("lang", PAGES)
def test_every_number_is_that_of_autograd(lang):
    page = read(lang)
    expected, found = autograd(page), printed(page)
    assert set(found) == set(expected)
    assert len(found) == 40
    for name, text in found.items():
        assert numbers(text) == pytest.approx(expected[name], abs=0.51e-5), name


@pytest.mark.parametrize("lang", PAGES)
def test_numbers_put_into_formulas_are_those_computed_before(lang):
    """Each number with five decimals that stands within a line is one that the page has computed, or was given."""
    page = read(lang)
    known = {f"{value:.5f}" for values in autograd(page).values() for value in values}
    known |= {f"{value:.5f}" for leaf in given(page)[0].values() for value in leaf.flatten().tolist()}
    lines = re.findall(r"^.* &= .* = .*$", page, re.MULTILINE)
    inside = [number for line in lines for number in re.findall(r"-?\d+\.\d{5}", line)]
    assert len(inside) > 45
    assert set(inside) <= known


def test_both_languages_have_the_same_formulas_and_headings():
    english, chinese = (read(lang) for lang in PAGES)
    blocks = [re.findall(r"\$\$.*?\$\$", page, re.DOTALL) for page in (english, chinese)]
    assert blocks[0] == blocks[1]
    levels = [re.findall(r"^#+", page, re.MULTILINE) for page in (english, chinese)]
    assert levels[0] == levels[1]
    assert re.findall(r"\]\((cells.*?|grad.*?)\)", english) == re.findall(r"\]\((cells.*?|grad.*?)\)", chinese)


def test_a_template_without_a_place_for_a_block_is_refused(tmp_path, monkeypatch):
    import walkthrough

    (tmp_path / PAGES["en"]).write_text("{{given}} {{given}}", encoding="utf-8")
    monkeypatch.setattr(walkthrough, "TEMPLATES", tmp_path)
    with pytest.raises(ValueError, match=r"has \{\{given\}\} 2 times, not once"):
        walkthrough.page("en")


def test_the_page_on_vanishing_gradients_has_the_numbers_of_today():
    """Each to half a unit of its last digit."""
    import gradients

    names = ("rnn", "lstm", "gru", "mingru")
    measured = gradients.measured(names).set_index(["layer", "distance"])["relative"]
    page = (DOCS / "gradients.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \[(\w+)\]\S* \|(.*) \|$", page, re.MULTILINE))
    assert sorted(rows) == cells.names()
    for name in names:
        for distance, text in zip(gradients.DISTANCES, rows[name].split("|"), strict=True):
            unit = 10.0 ** Decimal(text.strip()).as_tuple().exponent
            assert float(text) == pytest.approx(measured[name, distance], abs=0.51 * unit), (name, distance)
