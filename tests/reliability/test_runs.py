"""`make reliability` starts every run there is, at length and `--quick`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

from tests import reliability
from tests.reliability.__main__ import RUNS, Run, measure_of, options_of


def test_every_module_that_measures_is_among_the_runs() -> None:
    found = {
        each.name
        for each in pkgutil.iter_modules(reliability.__path__)
        if not each.name.startswith(("test_", "__"))
        and hasattr(importlib.import_module(f"tests.reliability.{each.name}"), "measure")
    }
    assert found == {run.module for run in RUNS}


@pytest.mark.parametrize("quick", [False, True], ids=["at length", "quick"])
@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.module)
def test_a_run_takes_the_options_it_is_started_with(run: Run, *, quick: bool) -> None:
    inspect.signature(measure_of(run)).bind(**options_of(run, quick=quick, seed=1))
