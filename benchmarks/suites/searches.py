"""Search, by `benchmarks/search.py`: small namespaces, single large ones, and growth."""

from __future__ import annotations

from statistics import mean

from benchmarks.figures import Basis, Curve, Figure, Goal, Line, Outcome, alone, beside
from benchmarks.search import LIMIT, Figures, measure
from benchmarks.stage import Stage


def searches(stage: Stage) -> Outcome:
    """One caller over gRPC. The growth compares the first size with the last, round by round."""
    sizes = stage.plan.search
    stage.say("search: writes, asks, grows; this takes a while")
    measured = measure(sizes)
    first, last = min(measured.small), max(measured.small)
    each = sizes.texts // sizes.namespaces
    rows = [
        alone(
            f"search, {sizes.texts:,} texts in {sizes.namespaces:,} namespaces, p50",
            "ms",
            measured.small[sizes.texts].medians(),
            goal=Goal(3.0, is_floor=False),
            note=_results(measured.small[sizes.texts]),
        ),
        alone(
            f"search, one namespace of {sizes.large:,} texts, p50",
            "ms",
            measured.single[sizes.large].medians(),
            goal=Goal(25.0, is_floor=False),
            note=_results(measured.single[sizes.large]),
        ),
        beside(
            f"search in a namespace of {each:,} texts among {last:,} texts, p50",
            "ms",
            measured.small[last].medians(),
            f"the same among {first:,}",
            measured.small[first].medians(),
            goal=Goal(1.5, is_floor=False, basis=Basis.RATIO),
            note=_results(measured.small[last]),
        ),
    ]
    title = f"A search in a namespace of {each:,} texts"
    curves = (
        _curve("texts", title, f"texts in all; one namespace for {each:,}", measured.small),
        _curve("namespace-texts", "A search in one namespace", "texts in it", measured.single),
    )
    return Outcome(tuple(rows), curves)


def _results(figures: Figures) -> str:
    return f"{mean(figures.results):.2f} of {LIMIT} results, the fewest {min(figures.results)}"


def _curve(name: str, title: str, x: str, measured: dict[int, Figures]) -> Curve:
    points = tuple(
        (float(texts), Figure.of(figures.medians())) for texts, figures in measured.items()
    )
    return Curve(name, title, x, "p50, ms", (Line("ours", points),))
