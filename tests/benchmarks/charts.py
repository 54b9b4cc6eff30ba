"""Draws measurements as SVG, for the README and docs/performance.md.

A chart is a white card, legible on a dark page too; the same figures give the same bytes.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

_INK: Final = "#1f2328"
_FAINT: Final = "#59636e"
_RULE: Final = "#d1d9e0"
_OURS: Final = "#0072b2"
_PEERS: Final = "#afb8c1"
# They can be told apart by who sees few colours (Okabe and Ito).
_CURVES: Final = (_OURS, "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")

# Inches.
_WIDTH: Final = 8.0
_FOOT: Final = 0.2
_BAR: Final = 0.25
_HEADING: Final = 0.35
_CURVES_HEIGHT: Final = 3.2
# What is left of a panel beside its longest bar is for the value and the note.
_LONGEST_BAR: Final = 0.55
# Characters of the subtitle that fit into the width.
_LINE: Final = 115


def bars(
    path: Path,
    title: str,
    subtitle: str,
    groups: Mapping[str, Mapping[str, float]],
    unit: str,
    notes: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Horizontal bars, a panel for each group; beside a bar stands its value, and at the right a note, if there is one.

    Each panel has a scale of its own that begins at zero; the first bar of a group is the one that stands out.
    """
    rows = [len(group) for group in groups.values()]
    panels = sum(rows) * _BAR + (len(rows) - 1) * _HEADING
    subtitle = _wrapped(subtitle)
    height = _head(subtitle) + _HEADING + panels + _FOOT
    gap = _HEADING / (sum(rows) / len(rows) * _BAR)
    with _card(path, title, subtitle, height) as figure:
        figure.subplots_adjust(left=0.19, right=0.97, bottom=_FOOT / height, top=(_FOOT + panels) / height, hspace=gap)
        axes = figure.subplots(len(rows), 1, squeeze=False, height_ratios=rows)[:, 0]
        for panel, (group, values) in zip(axes, groups.items(), strict=True):
            _draw_bars(panel, group, values)
            _write_beside(panel, values, unit, (notes or {}).get(group, {}))


def lines(
    path: Path,
    title: str,
    subtitle: str,
    x_label: str,
    y_label: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    log_x: bool = False,
) -> None:
    """At most six curves through measured points, named in a legend; the y axis begins at zero.

    With `log_x` the x axis is logarithmic, and its ticks are the measured values.
    """
    subtitle = _wrapped(subtitle)
    height = _head(subtitle) + _HEADING + _CURVES_HEIGHT + _FOOT
    with _card(path, title, subtitle, height) as figure:
        axes = figure.add_axes((0.1, 0.6 / height, 0.86, (_CURVES_HEIGHT + _FOOT - 0.6) / height))
        for colour, (name, points) in zip(_CURVES, series.items(), strict=False):
            axes.plot(*zip(*points, strict=True), color=colour, label=name, marker="o", markersize=4)
        axes.set(xlabel=x_label, ylabel=y_label, ylim=(0, None))
        axes.grid(axis="y", color=_RULE, linewidth=0.6)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        if log_x:
            _tick_where_measured(axes, sorted({x for points in series.values() for x, _ in points}))
        axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=len(_CURVES), frameon=False)


def _style() -> AbstractContextManager[None]:
    return mpl.rc_context(
        {
            # Text stays text: sharp at any size, found by a search, and small. The reader's fonts draw it.
            "svg.fonttype": "none",
            "svg.hashsalt": "lodestar",
            "text.parse_math": False,
            "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
            "font.size": 9.0,
            "text.color": _INK,
            "axes.labelcolor": _FAINT,
            "axes.edgecolor": _RULE,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "xtick.color": _FAINT,
            "ytick.color": _FAINT,
        }
    )


def _wrapped(subtitle: str) -> str:
    return "\n".join(textwrap.fill(line, _LINE) for line in subtitle.splitlines())


def _head(subtitle: str) -> float:
    return 0.55 + 0.17 * len(subtitle.splitlines())


@contextmanager
def _card(path: Path, title: str, subtitle: str, height: float) -> Iterator[Figure]:
    """A figure with its heading, written to `path` at the end."""
    with _style():
        figure = Figure(figsize=(_WIDTH, height), facecolor="white", edgecolor=_RULE, linewidth=1)
        figure.text(0.025, 1 - 0.3 / height, title, size=13, weight="bold")
        figure.text(0.025, 1 - 0.42 / height, subtitle, color=_FAINT, size=8, va="top", linespacing=1.4)
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        # The date and the drawing library's version would change the bytes and say nothing of the figures.
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None, "Title": title})


def _draw_bars(panel: Axes, group: str, values: Mapping[str, float]) -> None:
    colours = [_PEERS if row else _OURS for row in range(len(values))]
    panel.barh(range(len(values)), list(values.values()), height=0.72, color=colours)
    panel.set(xlim=(0, max(values.values()) / _LONGEST_BAR), ylim=(len(values) - 0.5, -0.5))
    panel.set_title(group, loc="left", size=10, weight="bold", pad=4)
    panel.set_yticks(range(len(values)), list(values), color=_INK)
    panel.tick_params(left=False, bottom=False, labelbottom=False)
    panel.spines[["left", "bottom"]].set_visible(False)


def _write_beside(panel: Axes, values: Mapping[str, float], unit: str, notes: Mapping[str, str]) -> None:
    for row, (name, value) in enumerate(values.items()):
        text, weight = f"{value:,.0f} {unit}", "normal" if row else "bold"
        panel.annotate(text, (value, row), (5, 0), textcoords="offset points", va="center", weight=weight)
        place = panel.get_yaxis_transform()
        panel.text(1, row, notes.get(name, ""), transform=place, ha="right", va="center", color=_FAINT, size=8)


def _tick_where_measured(axes: Axes, values: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(values))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.xaxis.set_minor_locator(NullLocator())
