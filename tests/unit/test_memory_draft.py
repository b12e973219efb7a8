"""Drafts of memories: what is kept, and the limits that the contract documents."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eunoe_server.domain.memory_draft import MemoryDraft, search_text
from eunoe_server.errors import InvalidInput, MissingParameter

DRAFT = MemoryDraft(value='"tea"')


def test_a_draft_is_kept_word_for_word() -> None:
    draft = MemoryDraft(
        value=' {"b": 1, "a": 9007199254740993} ',
        id="drinks / ☕",
        label="Drinks",
        description="What to offer",
        tags=["home", "guests", "home"],
        metadata='{"z": 1,  "y": 1E400}',
    )
    memory = draft.accepted("unused")
    assert memory.id == "drinks / ☕"
    assert memory.value == ' {"b": 1, "a": 9007199254740993} '
    assert memory.metadata == '{"z": 1,  "y": 1E400}'
    assert memory.tags == ("home", "guests")
    assert memory.text == "Drinks\nWhat to offer\nb: 1\na: 9007199254740993"
    assert search_text(memory) == memory.text + "\nhome, guests"


def test_a_draft_without_an_id_gets_the_new_one() -> None:
    assert DRAFT.accepted("fresh").id == "fresh"


@pytest.mark.parametrize("metadata", ["", "null", " null "])
def test_no_metadata_is_the_empty_object(metadata: str) -> None:
    assert replace(DRAFT, metadata=metadata).accepted("m").metadata == "{}"


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (replace(DRAFT, value="{"), "value"),
        (replace(DRAFT, value='"' + "é" * 524_288 + '"'), "value"),
        (replace(DRAFT, id=""), "id"),
        (replace(DRAFT, id="x" * 257), "id"),
        (replace(DRAFT, id="a\nb"), "id"),
        (replace(DRAFT, id="a\x00b"), "id"),
        (replace(DRAFT, label="x" * 257), "label"),
        (replace(DRAFT, label="\x00"), "label"),
        (replace(DRAFT, description="x" * 4_097), "description"),
        (replace(DRAFT, description="\x00"), "description"),
        (replace(DRAFT, tags=[f"t{n}" for n in range(65)]), "tags"),
        (replace(DRAFT, tags=["ok", ""]), "tags[1]"),
        (replace(DRAFT, tags=["x" * 129]), "tags[0]"),
        (replace(DRAFT, tags=["\x00"]), "tags[0]"),
        (replace(DRAFT, metadata="[]"), "metadata"),
        (replace(DRAFT, metadata='"x"'), "metadata"),
        (replace(DRAFT, metadata='{"a": NaN}'), "metadata"),
        (replace(DRAFT, metadata='{"a": "' + "x" * 16_384 + '"}'), "metadata"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_is_over_a_limit_is_refused_by_name(draft: MemoryDraft, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        draft.accepted("m", "memories[7].")
    assert refusal.value.fields[0].field == f"memories[7].{field}"


@pytest.mark.parametrize(
    "draft",
    [
        replace(DRAFT, id="x" * 256),
        replace(DRAFT, label="☕" * 256, description="x" * 4_096),
        replace(DRAFT, tags=["x" * 128, *(f"t{n}" for n in range(63))]),
        replace(DRAFT, metadata='{"a": "' + "x" * 16_375 + '"}'),
        replace(DRAFT, value='"' + "x" * 1_048_574 + '"'),
    ],
    ids=["id", "texts", "tags", "metadata", "value"],
)
def test_what_is_at_a_limit_is_kept(draft: MemoryDraft) -> None:
    assert draft.accepted("m").value == draft.value


def test_null_is_no_value() -> None:
    with pytest.raises(MissingParameter) as refusal:
        MemoryDraft(value="null").accepted("m")
    assert refusal.value.fields[0].field == "value"
