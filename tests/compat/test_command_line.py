"""The `eunoe` command as operators use it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai import OpenAI

from tests.fixtures.server import KEY, PATIENCE_SECONDS, ServerProcess, wait_until


def eunoe(*arguments: str, data_dir: Path | None = None, **environment: str) -> tuple[int, str]:
    """Exit status, and all that was printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EUNOE_")}
    if data_dir is not None:
        clean["EUNOE_DATA_DIR"] = str(data_dir)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "eunoe_server", *arguments],
        env=clean | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eunoe-test-") as folder:
        yield Path(folder) / "data"


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(data_dir: Path) -> None:
    status, token = eunoe("keys", "create", "--name", "web", "--namespace", "a", data_dir=data_dir)
    assert status == 0
    key_id = token.split("_")[1]
    status, listed = eunoe("keys", "list", data_dir=data_dir)
    assert (key_id in listed, "web" in listed, "active" in listed) == (True, True, True)
    assert token.strip() not in listed
    assert eunoe("keys", "revoke", key_id, data_dir=data_dir)[0] == 0
    assert "revoked" in eunoe("keys", "list", data_dir=data_dir)[1]
    status, answer = eunoe("keys", "revoke", "nothing", data_dir=data_dir)
    assert status == 1
    assert "does not exist" in answer


def test_a_minted_key_opens_its_namespace_only_and_ends_when_revoked(
    server: ServerProcess,
) -> None:
    status, token = eunoe("keys", "create", "--namespace", "mine", data_dir=server.data_dir)
    assert status == 0
    client = OpenAI(base_url=f"{server.http}/v1/memory", api_key=token.strip(), max_retries=0)

    def ask(**query: str) -> str:
        answer = client.chat.completions.with_raw_response.create(
            model="m", messages=[{"role": "user", "content": "Hello"}], extra_query=query
        )
        return str(answer.status_code)

    assert ask() == ask(namespace="mine") == "200"
    with pytest.raises(openai.BadRequestError):
        ask(namespace="other")
    assert eunoe("keys", "revoke", token.split("_")[1], data_dir=server.data_dir)[0] == 0

    def is_refused() -> bool:
        try:
            ask()
        except openai.AuthenticationError:
            return True
        return False

    wait_until(is_refused, "the revocation")


def test_listing_keys_where_there_is_no_data_makes_none(tmp_path: Path) -> None:
    status, answer = eunoe("keys", "list", data_dir=tmp_path / "elsewhere")
    assert status == 1
    assert "EUNOE_DATA_DIR" in answer
    assert not (tmp_path / "elsewhere").exists()


def test_migrate_says_what_is_missing_and_then_what_it_did(data_dir: Path) -> None:
    fresh = data_dir / "fresh"
    data_dir.mkdir(parents=True, exist_ok=True)
    status, missing = eunoe("migrate", "--check", data_dir=fresh)
    assert status == 1
    assert "0001_" in missing
    assert "applied 0001_" in eunoe("migrate", data_dir=fresh)[1]
    assert eunoe("migrate", "--check", data_dir=fresh)[0] == 0
    status, findings = eunoe("doctor", data_dir=fresh)
    assert status == 0, findings


def test_routes_are_listed_whole() -> None:
    status, routes = eunoe("routes")
    assert status == 0
    assert re.search(
        r"^POST +/v1/memory/chat/completions +ChatService\.CompleteChat$", routes, re.MULTILINE
    )
    assert re.search(r"^DELETE +/memory/\{id\} +MemoryService\.DeleteMemory$", routes, re.MULTILINE)


def test_settings_are_shown_without_secrets(data_dir: Path) -> None:
    status, shown = eunoe("config", data_dir=data_dir, EUNOE_UPSTREAM_API_KEY="sk-canary")
    assert status == 0
    assert "sk-canary" not in shown
    assert "upstream_api_key" in shown


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("EUNOE_HTTP_ADDRESS", "nowhere", "host:port"),
        ("EUNOE_BOOTSTRAP_API_KEY", "short", "20 characters"),
        ("EUNOE_DATABASE__POOL_MAX", "many", "integer"),
        ("EUNOE_WORKER__NOTHING", "1", "not"),
        ("EUNOE_CONFIG", "/nowhere/eunoe.toml", "does not exist"),
    ],
)
def test_a_wrong_setting_is_named_and_ends_the_start(
    data_dir: Path, variable: str, value: str, said: str
) -> None:
    status, answer = eunoe("serve", data_dir=data_dir, **{variable: value})
    assert status != 0
    assert said in answer
    assert "Traceback" not in answer


def test_an_address_in_use_is_a_sentence(server: ServerProcess, data_dir: Path) -> None:
    taken = server.http.removeprefix("http://")
    free = "127.0.0.1:0"
    status, answer = eunoe(
        "serve",
        data_dir=data_dir,
        EUNOE_HTTP_ADDRESS=taken,
        EUNOE_GRPC_ADDRESS=free,
        EUNOE_OPS_ADDRESS=free,
    )
    assert status == 1
    assert taken.rpartition(":")[2] in answer
    assert "Traceback" not in answer


def test_the_shim_runs_apart(server: ServerProcess) -> None:
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "eunoe_server", "shim", "--target", server.grpc],
        env={**os.environ, "EUNOE_HTTP_ADDRESS": "127.0.0.1:0"},
        stderr=subprocess.PIPE,
        text=True,
    ) as apart:
        assert apart.stderr is not None
        announced = apart.stderr.readline()
        found = re.search(r"http://\S+(?=,)", announced)
        assert found is not None, announced
        client = OpenAI(base_url=f"{found[0]}/v1/memory", api_key=KEY, max_retries=0)
        assert [model.id for model in client.models.list()] == ["eunoe-local"]
        client.close()
        apart.send_signal(signal.SIGTERM)
        apart.stderr.read()
        assert apart.wait(PATIENCE_SECONDS) == 0
