"""Asks the advisory service whether any pinned package has a known vulnerability.

    python -m deploy.audit [--strict]

pip-audit calls a package that the service does not know "skipped" and is content, so behind a proxy
that answers for the service it audits nothing and says that all is well. Here what was not audited
is counted and said aloud. It is no failure unless `--strict`: a build without a network must pass.
The list of what is in a release, without any network, is made by `make release`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PINS = Path(__file__).parents[1] / "constraints.txt"

#: Advisories that do not concern us, each with the reason; removed with the next version.
ACCEPTED: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the service said."""

    audited: int
    #: Packages that it does not know.
    unknown: tuple[str, ...]
    #: `package version: advisory (fixed in …)`
    vulnerable: tuple[str, ...]

    @property
    def is_reached(self) -> bool:
        """Whether anything was audited at all."""
        return self.audited > 0


def judge(report: str) -> Verdict:
    """Reads what pip-audit prints as JSON; what is no JSON is a service that was not reached."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        packages = []
    known = [package for package in packages if "skip_reason" not in package]
    return Verdict(
        audited=len(known),
        unknown=tuple(package["name"] for package in packages if "skip_reason" in package),
        vulnerable=tuple(
            f"{package['name']} {package['version']}: {advisory['id']} "
            f"(fixed in {', '.join(advisory['fix_versions']) or 'no version yet'})"
            for package in known
            for advisory in package["vulns"]
            if not ACCEPTED.keys() & {advisory["id"], *advisory.get("aliases", ())}
        ),
    )


def main() -> int:
    """The exit status: 1 for a vulnerability; with `--strict` also for what was not audited."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strict", action="store_true", help="fail where nothing could be asked")
    is_strict = parser.parse_args().strict
    asked = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--requirement", str(PINS), "--no-deps",
         "--disable-pip", "--progress-spinner", "off", "--format", "json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False,
    )  # fmt: skip
    verdict = judge(asked.stdout)
    for line in verdict.vulnerable:
        print(f"VULNERABLE  {line}")
    if not verdict.is_reached:
        print("NOT AUDITED: the advisory service was not reached. Nothing is known either way.")
    else:
        print(f"{verdict.audited} packages audited, {len(verdict.vulnerable)} advisories")
        if verdict.unknown:
            print(f"NOT AUDITED, because unknown there: {', '.join(verdict.unknown)}")
    is_incomplete = not verdict.is_reached or bool(verdict.unknown)
    return int(bool(verdict.vulnerable) or (is_strict and is_incomplete))


if __name__ == "__main__":
    sys.exit(main())
