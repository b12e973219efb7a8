"""What pip-audit printed is read for what it did not audit as well."""

from __future__ import annotations

import json

import pytest

from deploy.audit import judge

CLEAN = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "Dependency not found"}
VULNERABLE = {
    "name": "c",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"], "aliases": [], "description": ""}],
}


def test_a_known_vulnerability_is_named_with_its_fix() -> None:
    verdict = judge(json.dumps({"dependencies": [CLEAN, VULNERABLE], "fixes": []}))
    assert verdict.vulnerable == ("c 2: PYSEC-1 (fixed in 3)",)
    assert verdict.audited == 2


def test_what_the_service_does_not_know_was_not_audited() -> None:
    verdict = judge(json.dumps({"dependencies": [CLEAN, SKIPPED]}))
    assert (verdict.audited, verdict.unknown) == (1, ("b",))


@pytest.mark.parametrize("report", ["", "Traceback", json.dumps({"dependencies": [SKIPPED]})])
def test_a_service_that_was_not_reached_is_not_taken_for_a_clean_bill(report: str) -> None:
    assert not judge(report).is_reached
