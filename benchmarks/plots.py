"""Curves as SVG, by matplotlib, which is imported only here: it comes with the extra `bench`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Curve


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    try:
        import matplotlib as mpl  # noqa: F401, PLC0415 - an extra
    except ImportError:
        return False
    return True


def draw(curve: Curve, path: Path) -> None:
    """Medians, with bars from the lowest to the highest round."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    # The same figures give the same bytes.
    with mpl.rc_context({"svg.hashsalt": "eunoe", "font.size": 9}):
        figure = Figure(figsize=(6, 3.6), layout="constrained")
        axes = figure.subplots()
        for line in curve.lines:
            x = [at for at, _ in line.points]
            y = [found.middle for _, found in line.points]
            bars = [
                [found.middle - found.low for _, found in line.points],
                [found.high - found.middle for _, found in line.points],
            ]
            axes.errorbar(x, y, yerr=bars, label=line.name, marker="o", markersize=3, capsize=2)
        axes.set(title=curve.title, xlabel=curve.x, ylabel=curve.y, xscale="log")
        axes.set_ylim(bottom=0)
        axes.grid(visible=True, alpha=0.3)
        axes.legend(frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None})
