"""Small fonts made on the spot, so that tests of fonts depend on none that is installed."""

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from tidegate.reporting import fonts
from tidegate.words import words

TEXT = "".join(words("tidegate.reporting", "zh").values()) + "温度负荷年月日" + fonts.SAMPLE


def make_font(path, family="Noto Sans CJK SC", weight=400, text=TEXT):
    """Write a font in which every character of the text is a square one em wide."""
    characters = sorted(set(map(ord, text)))
    names = [".notdef", *(f"uni{code:04X}" for code in characters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(characters, names[1:], strict=True)))
    builder.setupGlyf(dict.fromkeys(names, _square()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 100)))
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    style = {400: "Regular", 700: "Bold"}.get(weight, "Thin")
    builder.setupNameTable({"familyName": family, "styleName": style})
    builder.setupOS2(usWeightClass=weight, sTypoAscender=880, sTypoDescender=-120)
    builder.setupPost()
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.save(path)
    return str(path)


def _square():
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 800), (900, 800), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    return pen.glyph()
