"""The document and the page that the server shows of itself."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import resources
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from eunoe_server.transport.http.app import route_table
from tests.fixtures.server import ServerProcess, serving

DOCUMENT = json.loads(
    resources.files("eunoe_server.transport.http").joinpath("openapi.json").read_text("utf-8")
)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, by_verb in DOCUMENT["paths"].items():
        for verb, operation in by_verb.items():
            yield verb.upper(), path, operation


def test_it_describes_the_routes_that_there_are_and_no_others() -> None:
    routes = {(method, path.replace(":path}", "}")) for method, path, _ in route_table()}
    assert {(method, path) for method, path, _ in operations()} == routes


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere() -> None:
    names = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(DOCUMENT)))
    assert names <= DOCUMENT["components"]["schemas"].keys()
    assert len(names) > 40


def test_every_shape_is_a_json_schema() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_seed_002s_first_request_is_as_the_document_says() -> None:
    request = {"value": {"key": "theme"}, "tags": ["ui"], "namespace": "user_123"}
    shape = {"$ref": "#/components/schemas/CreateMemoryRequest", **DOCUMENT}
    jsonschema.validate(request, shape)
    wrong: dict[str, Any]
    for wrong in ({"tags": []}, {"value": 1, "unknown": 1}, {"value": 1, "tags": "ui"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, shape)


def test_both_are_shown_without_a_key_and_need_nothing_from_elsewhere(
    server: ServerProcess,
) -> None:
    assert json.loads(_shown(f"{server.http}/openapi.json")) == DOCUMENT
    page = _shown(f"{server.http}/docs")
    assert "/v1/memory/chat/completions" in page
    assert not re.findall(r"(?:src|href)=.https?:|@import|<script", page)


def test_who_wants_no_reflection_describes_nothing() -> None:
    with serving({"EUNOE_SERVER__REFLECTION": "false"}) as server:
        for path in ("/openapi.json", "/docs"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                _shown(server.http + path)


def _shown(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
        text: str = answer.read().decode()
    return text
