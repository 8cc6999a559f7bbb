"""Draw charts as small SVG files: readable on light and dark pages, without scripts, and reproducible."""

import math
import sys
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

import pygal
from pygal.style import Style

# Pygal hooks into later imports to find maps, which we do not draw, and Python warns of the way it does so.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

COLORS = ("#2f74c0", "#d9822b", "#2e9e6b", "#c8504f", "#8a63c4", "#7d8590")
LIGHT = {"background": "#ffffff", "foreground": "#57606a", "foreground_strong": "#24292f", "guide": "#d0d7de"}
DARK = {"background": "#0d1117", "foreground": "#9aa4af", "foreground_strong": "#e6edf3", "guide": "#30363d"}
SVG = "{http://www.w3.org/2000/svg}"

Series = Mapping[str, Sequence[float | None]]
"""The name of each series, and its figure for each label, or None."""

STYLE = Style(
    background=LIGHT["background"],
    plot_background=LIGHT["background"],
    foreground=LIGHT["foreground"],
    foreground_strong=LIGHT["foreground_strong"],
    foreground_subtle=LIGHT["foreground"],
    guide_stroke_color=LIGHT["guide"],
    major_guide_stroke_color=LIGHT["guide"],
    font_family="system-ui, sans-serif",
    colors=COLORS,
    opacity=".9",
    stroke_opacity="1",
    stroke_width="2",
    transition="0",
    title_font_size=17,
    label_font_size=12,
    major_label_font_size=12,
    legend_font_size=12,
)
ON_DARK_PAGES = f"""
inline:@media (prefers-color-scheme: dark) {{
svg, .background {{ background-color: {DARK["background"]} !important; fill: {DARK["background"]} !important }}
text {{ fill: {DARK["foreground"]} !important }}
.title, .axis text.major {{ fill: {DARK["foreground_strong"]} !important }}
.axis .line {{ stroke: {DARK["guide"]} !important }}
}}
""".strip()


def lines(name: str, title: str, labels: Sequence[str], series: Series, unit: str) -> str:
    """Lines on a logarithmic scale, on which a factor of two always has the same height."""
    chart = pygal.Line(**_options(title, unit), **_logarithmic(series))
    return _drawn(chart, name, labels, series)


def bars(name: str, title: str, labels: Sequence[str], series: Series, unit: str) -> str:
    return _drawn(pygal.Bar(**_options(title, unit)), name, labels, series)


def flat_bars(
    name: str, title: str, labels: Sequence[str], series: Series, unit: str, *, logarithmic: bool = False
) -> str:
    """Horizontal bars, for long labels; the first label on top."""
    chart = pygal.HorizontalBar(**_options(title, unit), **(_logarithmic(series) if logarithmic else {}))
    return _drawn(chart, name, labels[::-1], {each: figures[::-1] for each, figures in series.items()})


def _options(title: str, unit: str) -> dict[str, object]:
    return {
        "title": f"{title}, {unit}",
        "width": 760,
        "height": 420,
        "style": STYLE,
        "css": ["file://style.css", "file://graph.css", ON_DARK_PAGES],
        "js": [],
        "legend_at_bottom": True,
        "legend_at_bottom_columns": 2,
        "legend_box_size": 12,
        "truncate_legend": -1,
        "truncate_label": -1,
        "dots_size": 3,
        "margin_right": 40,
        "formatter": _figure,
        "value_formatter": _figure,
        "explicit_size": True,
    }


def _logarithmic(series: Series) -> dict[str, object]:
    told = [math.log10(figure) for figures in series.values() for figure in figures if figure]
    decades = [10.0**power for power in range(math.floor(min(told)), math.ceil(max(told)) + 1)]
    return {"logarithmic": True, "y_labels": decades, "range": (decades[0], decades[-1]), "zero": decades[0]}


def _figure(figure: float | None) -> str:
    if figure is None:
        return ""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def _drawn(chart: pygal.graph.graph.Graph, name: str, labels: Sequence[str], series: Series) -> str:
    chart.uuid = name
    chart.x_labels = list(labels)
    for each, figures in series.items():
        chart.add(each, list(figures))
    root = chart.render_tree()
    _leave_out(root)
    ElementTree.register_namespace("", SVG.strip("{}"))
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _leave_out(element: ElementTree.Element) -> None:
    """What is removed: scripts and what only they show, and comments, which hold the date."""
    for child in list(element):
        for_scripts = child.get("class") in ("plot text-overlay", "plot tooltip-overlay", "tooltip")
        if not isinstance(child.tag, str) or for_scripts or child.tag in ("script", "desc"):
            element.remove(child)
        else:
            _leave_out(child)
