"""Between memory messages and the domain: times that are none, and what is shown of a fact."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf import json_format, timestamp_pb2

from eunoe.v1 import memory_pb2
from eunoe_server.domain.memory import FactRecord, Memory
from eunoe_server.errors import InvalidParameter
from eunoe_server.transport.grpc.convert import moment_of
from eunoe_server.transport.grpc.memories import memory_to_proto

NOON = datetime(2025, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [(253_402_300_800, 0), (-62_135_596_801, 0), (2**62, 0), (0, -1), (0, 2_000_000_000)],
)
def test_a_timestamp_that_no_calendar_has_is_refused_by_name(seconds: int, nanos: int) -> None:
    stamp = timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos)
    request = memory_pb2.ListMemoriesRequest(start_time=stamp)
    with pytest.raises(InvalidParameter) as refusal:
        moment_of(request, "start_time", "startDate", InvalidParameter)
    assert refusal.value.fields[0].field == "startDate"


def test_a_time_that_is_not_set_is_none() -> None:
    request = memory_pb2.ListMemoriesRequest()
    assert moment_of(request, "start_time", "startDate", InvalidParameter) is None


def test_a_fact_is_shown_with_all_that_is_known_of_it() -> None:
    memory = Memory(
        namespace_key=1,
        memory_key=2,
        namespace="alice",
        id="m",
        value='"The user lives in Paris."',
        text="The user lives in Paris.",
        label=None,
        description=None,
        tags=(),
        metadata="{}",
        created_at=NOON,
        modified_at=NOON,
        fact=FactRecord(
            type="fact",
            confidence=0.9,
            subject="user",
            slot="user.home",
            extractor="rules/1",
            valid_from=NOON,
            valid_to=datetime(2026, 1, 1, tzinfo=UTC),
            superseded_by="n",
            superseded_at=NOON,
            observations=2,
            source_dialogue_id="d",
            source_message_id="x",
            source_role="user",
            source_start=3,
            source_end=20,
        ),
    )
    shown = json_format.MessageToDict(memory_to_proto(memory))
    assert shown == {
        "id": "m",
        "namespace": "alice",
        "value": '"The user lives in Paris."',
        "metadata": "{}",
        "created": "2025-01-15T12:00:00Z",
        "modified": "2025-01-15T12:00:00Z",
        "fact": {
            "type": "fact",
            "confidence": 0.9,
            "validFrom": "2025-01-15T12:00:00Z",
            "validTo": "2026-01-01T00:00:00Z",
            "supersededBy": "n",
            "observationCount": 2,
            "source": {
                "dialogueId": "d",
                "messageId": "x",
                "role": "user",
                "startCharacter": 3,
                "endCharacter": 20,
                "extractor": "rules/1",
            },
        },
    }
