"""Keys as text, and which namespaces a key may touch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eunoe_server.domain.caller import Caller, Scope, check_namespace, format_key, key_id_of
from eunoe_server.errors import ConflictingParameters, InvalidParameter, NotPermitted

FREE = Caller("k", 1, frozenset(Scope))
BOUND = Caller("k", 1, frozenset(Scope), namespace="alice")
PREFIXED = Caller("k", 1, frozenset(Scope), namespace_prefix="team-")


def test_a_minted_key_names_its_id() -> None:
    assert key_id_of(format_key("0123abcd", "5e" * 24)) == "0123abcd"


def test_a_mistyped_key_is_not_looked_up_under_the_id_it_names() -> None:
    token = format_key("0123abcd", "5e" * 24)
    assert key_id_of(token[:-1] + ("0" if token[-1] != "0" else "1")) != "0123abcd"


def test_the_id_of_any_other_key_tells_nothing_of_it() -> None:
    assert "secret" not in key_id_of("my-secret-key-of-20-characters")
    assert key_id_of("one-key") != key_id_of("other-key")
    assert key_id_of("one-key") == key_id_of("one-key")


@pytest.mark.parametrize(
    ("key", "is_bound"),
    [(FREE, False), (BOUND, True), (PREFIXED, True), (replace(FREE, namespace=""), True)],
)
def test_a_key_is_bound_to_a_namespace_or_to_a_prefix(key: Caller, is_bound: bool) -> None:
    assert key.is_bound is is_bound


def test_a_free_key_works_where_it_is_asked_to() -> None:
    assert FREE.namespace_for("bob") == "bob"
    assert FREE.namespace_for(None) == ""


def test_a_bound_key_works_in_its_namespace_and_in_no_other() -> None:
    assert BOUND.namespace_for(None) == "alice"
    assert BOUND.namespace_for("alice") == "alice"
    for other in ("bob", "", "Alice", "alice "):
        with pytest.raises(ConflictingParameters):
            BOUND.namespace_for(other)
        assert not BOUND.sees(other)


def test_a_prefixed_key_works_below_its_prefix() -> None:
    assert PREFIXED.namespace_for("team-a") == "team-a"
    for other in ("tea", "", "Team-a"):
        with pytest.raises(NotPermitted):
            PREFIXED.namespace_for(other)
    with pytest.raises(NotPermitted):
        PREFIXED.namespace_for(None)


@pytest.mark.parametrize(
    "name",
    ["", "alice", "user@example.com", "名前", "a" * 256, "a/b c", "\U0001f469\u200d\U0001f680"],
)
def test_a_name_people_choose_is_a_namespace(name: str) -> None:
    check_namespace(name)


@pytest.mark.parametrize(
    "name", [".", "..", "a" * 257, "é" * 129, "a\x00b", "a\nb", "\ud800", "\x85"]
)
def test_what_cannot_be_stored_or_shown_is_no_namespace(name: str) -> None:
    with pytest.raises(InvalidParameter):
        check_namespace(name)
