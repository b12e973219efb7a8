"""Container, cluster and dashboard: valid, in step with each other, and true of the server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate.utils import validate
from prometheus_client import CollectorRegistry

from deploy.rehearsal import instructions
from eunoe_server.settings import ENVIRONMENT_PREFIX, Settings
from eunoe_server.supervisor import ProcessMetrics
from eunoe_server.telemetry import Metrics, QueueGauges

ROOT = Path(__file__).parents[2]
KUBERNETES = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
DOCKERFILE = list(instructions((ROOT / "Dockerfile").read_text()))


def documents() -> list[dict[str, Any]]:
    """Every Kubernetes object."""
    return [
        document
        for path in KUBERNETES
        if path.name != "kustomization.yaml"
        for document in yaml.safe_load_all(path.read_text())
    ]


def of_kind(kind: str) -> dict[str, Any]:
    """The first of a kind."""
    return next(each for each in documents() if each["kind"] == kind)


def pod_of(document: dict[str, Any]) -> dict[str, Any]:
    """What a Deployment or a Job starts."""
    spec: dict[str, Any] = document["spec"]["template"]["spec"]
    return spec


def settings_named() -> Iterator[tuple[str, str]]:
    """Each setting that a file names: where, and which."""
    for path in (ROOT / "Dockerfile", ROOT / "compose.yaml", *KUBERNETES):
        for name in set(re.findall(r"\bEUNOE_[A-Z_]+", path.read_text())):
            yield path.name, name


def known_settings() -> set[str]:
    """The variables of all settings."""
    names = set()
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", {})
        names |= {f"{name}__{each}" for each in inner} or {name}
    return {f"{ENVIRONMENT_PREFIX}{name}".upper() for name in names}


@pytest.mark.parametrize(("file", "name"), sorted(settings_named()))
def test_every_setting_that_is_named_exists(file: str, name: str) -> None:
    assert name in known_settings(), file


def complaints(*command: str | Path) -> str:
    """What a linter that failed has said; empty when all is well."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - linters of ours
    return done.stdout + done.stderr if done.returncode else ""


class TestDockerfile:
    @pytest.mark.skipif(
        shutil.which("hadolint", path=str(Path(sys.executable).parent)) is None,
        reason="NOT TESTED: there is no hadolint for this machine",
    )
    def test_has_nothing_that_its_linter_minds(self) -> None:
        linter = Path(sys.executable).parent / "hadolint"
        assert complaints(linter, ROOT / "Dockerfile") == ""

    def test_runs_as_a_user_without_rights_that_a_cluster_can_tell(self) -> None:
        users = [rest for instruction, rest in DOCKERFILE if instruction == "USER"]
        assert users == ["10001"]
        [made] = [rest for _, rest in DOCKERFILE if rest.startswith("useradd")]
        assert "--uid 10001" in made

    def test_copies_only_what_is_sent_to_the_engine(self) -> None:
        ignored = (ROOT / ".dockerignore").read_text().splitlines()
        sent = {line[1:] for line in ignored if line.startswith("!")}
        copied = {
            source
            for instruction, rest in DOCKERFILE
            if instruction == "COPY" and not rest.startswith("--from")
            for source in rest.split()[:-1]
        }
        assert copied == sent
        assert all((ROOT / each).exists() for each in copied)

    def test_asks_for_its_health_with_its_own_command(self) -> None:
        [check] = [rest for instruction, rest in DOCKERFILE if instruction == "HEALTHCHECK"]
        assert json.loads(check.partition(" CMD ")[2]) == ["eunoe", "health"]


class TestCompose:
    def test_is_what_the_compose_specification_allows(self) -> None:
        check = [
            sys.executable,
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
        ]
        assert complaints(*check, ROOT / "compose.yaml") == ""

    def test_gives_the_server_time_to_stop(self) -> None:
        server = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["eunoe"]
        drain = float(server["environment"]["EUNOE_SERVER__DRAIN_SECONDS"])
        assert float(server["stop_grace_period"].removesuffix("s")) > 2 * drain + 10

    def test_listens_to_this_machine_only(self) -> None:
        for service in yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values():
            assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


class TestKubernetes:
    @pytest.mark.parametrize(
        "document", documents(), ids=lambda each: f"{each['kind']}-{each['metadata']['name']}"
    )
    @pytest.mark.parametrize("version", ["1.30", "1.37"])
    def test_objects_are_what_the_cluster_accepts(
        self, document: dict[str, Any], version: str
    ) -> None:
        validate(document, version, strict=True)

    def test_all_of_it_is_applied_together(self) -> None:
        kustomization = yaml.safe_load((ROOT / "deploy/kubernetes/kustomization.yaml").read_text())
        named = {*kustomization["resources"], "kustomization.yaml", "secret.example.yaml"}
        assert {path.name for path in KUBERNETES} == named

    @pytest.mark.parametrize("kind", ["Deployment", "Job"])
    def test_pods_have_no_rights(self, kind: str) -> None:
        pod = pod_of(of_kind(kind))
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["securityContext"]["allowPrivilegeEscalation"] is False

    @pytest.mark.parametrize("kind", ["Deployment", "Job"])
    def test_secrets_are_referred_to_and_in_the_example(self, kind: str) -> None:
        offered = set(of_kind("Secret")["stringData"])
        for each in pod_of(of_kind(kind))["containers"][0]["env"]:
            is_secret = each["name"].endswith(("_URL", "_KEY"))
            assert is_secret == ("valueFrom" in each), each["name"]
            if is_secret:
                assert each["valueFrom"]["secretKeyRef"]["key"] in offered

    def test_probes_ask_for_what_the_server_answers(self) -> None:
        container = pod_of(of_kind("Deployment"))["containers"][0]
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "ops"}
        # A database that is away is no reason to restart.
        assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "ops"}
        assert container["startupProbe"]["httpGet"] == {"path": "/livez", "port": "ops"}

    def test_ports_are_those_of_the_image(self) -> None:
        [exposed] = [rest for instruction, rest in DOCKERFILE if instruction == "EXPOSE"]
        ports = pod_of(of_kind("Deployment"))["containers"][0]["ports"]
        assert [str(port["containerPort"]) for port in ports] == exposed.split()

    def test_services_lead_to_the_servers_ports(self) -> None:
        names = {port["name"] for port in pod_of(of_kind("Deployment"))["containers"][0]["ports"]}
        for service in (each for each in documents() if each["kind"] == "Service"):
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= names

    def test_selectors_match_the_servers_and_not_the_job(self) -> None:
        labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
        selectors = [
            of_kind("Deployment")["spec"]["selector"]["matchLabels"],
            of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
            *(each["spec"]["selector"] for each in documents() if each["kind"] == "Service"),
        ]
        job = of_kind("Job")["spec"]["template"]["metadata"]["labels"]
        for selector in selectors:
            assert selector.items() <= labels.items()
            assert not selector.items() <= job.items()

    def test_the_server_gets_time_to_drain(self) -> None:
        pod = pod_of(of_kind("Deployment"))
        settings = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
        delay = float(settings["EUNOE_SERVER__DRAIN_DELAY_SECONDS"] or 0)
        drain = float(settings["EUNOE_SERVER__DRAIN_SECONDS"] or 0)
        assert pod["terminationGracePeriodSeconds"] > delay + 2 * drain + 10


class TestDashboard:
    @pytest.fixture
    def metrics(self, tmp_path: Path) -> set[str]:
        """Every sample name that a server can show."""
        own = CollectorRegistry()
        QueueGauges(own)
        names = set()
        for registry in (Metrics().registry, own, ProcessMetrics(tmp_path).own):
            for family in registry.collect():
                endings = {
                    "counter": ["_total"],
                    "histogram": ["_bucket", "_sum", "_count"],
                }.get(family.type, [""])
                names |= {family.name + ending for ending in endings}
        return names

    @pytest.fixture
    def board(self) -> dict[str, Any]:
        """The dashboard."""
        found: dict[str, Any] = json.loads((ROOT / "deploy/grafana/eunoe.json").read_text())
        return found

    def test_asks_only_for_metrics_that_exist(
        self, board: dict[str, Any], metrics: set[str]
    ) -> None:
        named = set(re.findall(r"\beunoe_\w+", json.dumps(board)))
        assert named <= metrics

    def test_shows_every_metric(self, board: dict[str, Any], metrics: set[str]) -> None:
        text = json.dumps(board)
        families = {re.sub("_(bucket|sum|count|total)$", "", name) for name in metrics}
        assert {family for family in families if not re.search(rf"\b{family}(_|\b)", text)} == set()

    def test_the_operators_page_names_every_metric(self, metrics: set[str]) -> None:
        page = (ROOT / "docs" / "operations.md").read_text()
        named = set(re.findall(r"\beunoe_[a-z_]+\b", page))
        families = {re.sub("_(bucket|sum|count)$", "", name) for name in metrics}
        assert named == families

    def test_panels_have_a_place_of_their_own(self, board: dict[str, Any]) -> None:
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert max(x for x, _ in cells) < 24
            assert not cells & taken, panel["title"]
            taken |= cells
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
