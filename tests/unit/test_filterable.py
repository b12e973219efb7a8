"""The copy of metadata that searches filter by: scalars and arrays of them, as jsonb can hold."""

from __future__ import annotations

import pytest

from eunoe_server.domain.filterable import filterable


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        ("{}", "{}"),
        ('{ "b" : 1, "a": "x", "t": true, "n": null}', '{"b":1,"a":"x","t":true,"n":null}'),
        ('{"n": 9007199254740993, "e": 1E400}', '{"n":9007199254740993,"e":1E400}'),
        ('{"f": -0.10}', '{"f":-0.10}'),
        ('{"a": ["x", 1, {"b": 1}, ["y"]], "o": {"b": 1}}', '{"a":["x",1]}'),
        ('{"big": 1E401, "small": 1e-99999, "huge": 1E99999999999999999999}', "{}"),
        (r'{"k\u0000": "a\u0000\ud800b"}', '{"k\ufffd":"a\ufffd\ufffdb"}'),
    ],
)  # fmt: skip
def test_only_what_can_be_filtered_by_is_kept(metadata: str, kept: str) -> None:
    assert filterable(metadata) == kept
