"""`eunoe namespaces`, `eunoe audit` and `eunoe keys rotate` beside a server that runs."""

from __future__ import annotations

from tests.compat.test_command_line import eunoe
from tests.fixtures.server import ServerProcess, call


def test_a_namespace_is_listed_kept_for_a_while_and_erased(
    server: ServerProcess, namespace: str
) -> None:
    folder = server.data_dir
    memory = call(server, "POST", "/memory", {"namespace": namespace, "value": "tea"}).done
    assert eunoe("namespaces", "retain", namespace, "--days", "30", data_dir=folder) == (
        0, "kept for: 30 days\n",
    )  # fmt: skip
    status, listed = eunoe("namespaces", "list", "--prefix", namespace, data_dir=folder)
    assert (status, namespace in listed, "30 days" in listed) == (0, True, True)

    status, counted = eunoe("namespaces", "delete", namespace, "--dry-run", data_dir=folder)
    assert (status, "1 memories" in counted) == (0, True)
    status, _ = eunoe("namespaces", "delete", namespace, data_dir=folder)  # nobody says yes
    assert status == 1
    assert call(server, "GET", f"/memory/{memory['id']}").done["value"] == "tea"
    status, erased = eunoe("namespaces", "delete", namespace, "--yes", data_dir=folder)
    assert (status, "1 memories" in erased) == (0, True)

    wide = {"COLUMNS": "200"}
    status, trail = eunoe("audit", "--limit", "1", data_dir=folder, **wide)
    assert status == 0
    assert "namespace_erased" in trail
    assert "1 memories" in trail
    assert namespace not in trail


def test_a_rotated_key_is_shown_and_both_are_in_the_trail(server: ServerProcess) -> None:
    folder = server.data_dir
    _, old = eunoe("keys", "create", "--name", "web", data_dir=folder)
    old_id = old.split("_")[1]
    status, new = eunoe("keys", "rotate", old_id, "--grace", "60", data_dir=folder)
    assert status == 0
    assert new.split("_")[1] != old_id
    status, trail = eunoe("audit", "--subject", old_id, data_dir=folder, COLUMNS="200")
    assert (status, "key_created" in trail, "key_rotated" in trail) == (0, True, True)
