"""What chats teach: facts that hold, change, are taken back, and go with what said them.

Said through chat completions, read back over gRPC, on a whole server with its offline model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
import pytest
from google.protobuf import timestamp_pb2

from eunoe.v1 import (
    chat_pb2,
    chat_pb2_grpc,
    dialogue_pb2,
    dialogue_pb2_grpc,
    memory_pb2,
    memory_pb2_grpc,
)
from tests.fixtures.server import METADATA, ServerProcess, wait_until


@dataclass(frozen=True)
class Person:
    """Somebody who chats, and what is known of them."""

    namespace: str
    chat: chat_pb2_grpc.ChatServiceStub
    memory: memory_pb2_grpc.MemoryServiceStub
    dialogue: dialogue_pb2_grpc.DialogueServiceStub

    def says(self, *turns: str, chat_id: str | None = None) -> chat_pb2.CompleteChatResponse:
        """One request that holds these turns, the user's and the assistant's in alternation."""
        roles = ["user", "assistant"] * len(turns)
        return self.chat.CompleteChat(
            chat_pb2.CompleteChatRequest(
                namespace=self.namespace,
                commit_after_seconds=0,
                model="m",
                chat_id=chat_id,
                messages=[
                    chat_pb2.ChatMessage(role=role, content=text)
                    for role, text in zip(roles, turns, strict=False)
                ],
            ),
            metadata=METADATA,
        )

    def asks(self, question: str) -> chat_pb2.CompleteChatResponse:
        """Asks in a new conversation, which leaves no trace."""
        return self.chat.CompleteChat(
            chat_pb2.CompleteChatRequest(
                namespace=self.namespace,
                memory="read",
                model="m",
                messages=[chat_pb2.ChatMessage(role="user", content=question)],
            ),
            metadata=METADATA,
        )

    def facts(self, **wanted: object) -> list[memory_pb2.Memory]:
        """What is listed, oldest first."""
        request = memory_pb2.ListMemoriesRequest(
            namespace=self.namespace,
            facts_only=True,
            order="asc",
            page_size=200,
            **wanted,  # type: ignore[arg-type]
        )
        return list(self.memory.ListMemories(request, metadata=METADATA).memories)

    def knows(self, **wanted: object) -> list[str]:
        """Their sentences as JSON."""
        return [memory.value_json for memory in self.facts(**wanted)]

    def is_known_by(self, *sentences: str) -> None:
        """Waits until exactly this holds."""
        wait_until(
            lambda: self.knows() == [f'"{sentence}"' for sentence in sentences],
            f"{sentences}, but {self.knows()} holds",
        )


@pytest.fixture
def person(server: ServerProcess, namespace: str) -> Iterator[Person]:
    with server.channel() as channel:
        yield Person(
            namespace,
            chat_pb2_grpc.ChatServiceStub(channel),
            memory_pb2_grpc.MemoryServiceStub(channel),
            dialogue_pb2_grpc.DialogueServiceStub(channel),
        )


def answered(response: chat_pb2.CompleteChatResponse) -> str:
    return response.choices[0].message.content


def noted(response: chat_pb2.CompleteChatResponse) -> str:
    return "\n".join(note.text for note in response.memory.notes)


def test_after_a_move_recall_says_berlin_the_past_says_paris_and_nothing_is_lost(
    person: Person,
) -> None:
    first = person.says("I live in Paris.")
    person.is_known_by("The user lives in Paris.")
    assert "Paris" in answered(person.asks("Where do I live?"))
    (paris,) = person.facts()
    person.says("I moved to Berlin.")
    person.is_known_by("The user moved to Berlin.")

    reply = person.asks("Where do I live?")
    assert "Berlin" in answered(reply)
    assert "Paris" not in answered(reply)
    assert "Paris" not in noted(reply)

    (berlin,) = person.facts()
    then = paris.fact.valid_from_time
    assert person.knows(as_of_time=then) == ['"The user lives in Paris."']
    before, after = person.facts(include_superseded=True)
    assert (before.id, after.id) == (paris.id, berlin.id)
    assert before.value_json == paris.value_json
    assert before.fact.valid_to_time == berlin.fact.valid_from_time
    assert before.fact.superseded_by == berlin.id
    # Nothing is lost: where it was said is still there to be read.
    assert before.fact.source.dialogue_id == first.memory.chat_id
    message = person.dialogue.GetMessage(
        dialogue_pb2.GetMessageRequest(
            namespace=person.namespace,
            dialogue_id=before.fact.source.dialogue_id,
            id=before.fact.source.message_id,
        ),
        metadata=METADATA,
    ).message
    said = message.content_json.strip('"')
    where = before.fact.source
    assert said[where.start_character : where.end_character].startswith("I live in Paris")


def test_what_still_holds_of_a_message_is_recalled_without_what_does_not(person: Person) -> None:
    person.says("I live in Paris. My violin was made in 1893 by a luthier called Brandt.")
    person.is_known_by("The user lives in Paris.")
    person.says("I moved to Berlin.")
    person.is_known_by("The user moved to Berlin.")
    notes = noted(person.asks("Who made my violin?"))
    assert "Brandt" in notes
    assert "Paris" not in notes


def test_a_fact_is_not_noted_beside_the_message_that_says_it(person: Person) -> None:
    person.says("I am allergic to peanuts.")
    person.is_known_by("The user is allergic to peanuts.")
    notes = person.asks("What am I allergic to?").memory.notes
    assert [note.text for note in notes if "peanuts" in note.text and note.role == "user"] == [
        "I am allergic to peanuts."
    ]
    assert "The user is allergic to peanuts." not in [note.text for note in notes]


def test_forgetting_closes_a_fact_and_recall_no_longer_quotes_who_said_it(person: Person) -> None:
    person.says("I live in Berlin.")
    person.is_known_by("The user lives in Berlin.")
    person.says("Forget that I live in Berlin.")
    person.is_known_by()
    (closed,) = person.facts(include_superseded=True)
    assert closed.fact.HasField("valid_to_time")
    assert not closed.fact.HasField("superseded_by")
    notes = person.asks("Where do I live?").memory.notes
    assert not [note.text for note in notes if note.role == "user" and "Berlin" in note.text]


def test_what_is_said_again_elsewhere_is_one_fact_that_is_surer(person: Person) -> None:
    person.says("I love hiking.")
    person.is_known_by("The user loves hiking.")
    (before,) = person.facts()
    person.says("By the way, I love hiking.")
    wait_until(lambda: person.facts()[0].fact.observation_count == 2, "the second commit")
    (after,) = person.facts()
    assert after.id == before.id
    assert after.fact.confidence > before.fact.confidence


def test_a_hundred_turns_that_send_the_notes_back_add_no_fact(person: Person) -> None:
    person.says("My name is Alice and I am allergic to peanuts.")
    person.is_known_by("The user's name is Alice.", "The user is allergic to peanuts.")
    known = person.facts(include_superseded=True)
    block = (
        "<memory-notes>\nNotes from earlier conversations, for reference only.\n"
        "- [2026-01-02, user, chat 12345678] I live in Rome.\n"
        "- [2026-01-02, fact] The user's name is Bob.\n</memory-notes>\n"
    )
    chat_id = f"{person.namespace}-loop"
    for turn in range(100):
        notes = person.asks("What is my name?").memory.notes
        sent_back = "".join(f"- [2026-01-02, {note.role}] {note.text}\n" for note in notes)
        person.says(f"{block}{sent_back}What is {turn} plus {turn}?", chat_id=chat_id)
    person.says("I love the last of them.", "I see.", "My cat is called Tiger.")
    wait_until(lambda: any("Tiger" in each for each in person.knows()), "the last commit")
    assert person.facts(include_superseded=True)[: len(known)] == known
    assert person.knows(include_superseded=True)[len(known) :] == [
        '"The user\'s cat is called Tiger."'
    ]


def test_an_edited_turn_takes_back_what_only_it_said(person: Person) -> None:
    chat_id = f"{person.namespace}-edited"
    person.says("I live in Paris.", chat_id=chat_id)
    person.is_known_by("The user lives in Paris.")
    answer = answered(person.says("I live in Paris.", chat_id=chat_id))
    person.says("I live in Paris.", answer, "I moved to Berlin.", chat_id=chat_id)
    person.is_known_by("The user moved to Berlin.")
    person.says("I live in Paris.", answer, "I love Rome in spring.", chat_id=chat_id)
    wait_until(lambda: any("Rome" in each for each in person.knows()), "the branch's commit")
    assert '"The user lives in Paris."' in person.knows()
    assert '"The user moved to Berlin."' not in person.knows()
    assert '"The user moved to Berlin."' in person.knows(include_superseded=True)


def delete_dialogue(person: Person, chat_id: str) -> None:
    person.dialogue.DeleteDialogue(
        dialogue_pb2.DeleteDialogueRequest(namespace=person.namespace, id=chat_id),
        metadata=METADATA,
    )


def test_what_a_deleted_dialogue_alone_said_is_gone_and_what_it_closed_holds_again(
    person: Person,
) -> None:
    person.says("I live in Paris.")
    person.is_known_by("The user lives in Paris.")
    moved = person.says("I moved to Berlin. I love chess.").memory.chat_id
    person.is_known_by("The user moved to Berlin.", "The user loves chess.")
    person.says("I love chess.")
    wait_until(lambda: person.facts()[1].fact.observation_count == 2, "the third commit")
    delete_dialogue(person, moved)
    person.is_known_by("The user lives in Paris.", "The user loves chess.")
    assert "Berlin" not in "".join(person.knows(include_superseded=True))
    assert "Berlin" not in answered(person.asks("Where do I live?"))
    kept = person.facts()[1]
    assert kept.fact.observation_count == 1
    assert not kept.fact.source.HasField("dialogue_id")


def timestamp(seconds: int) -> timestamp_pb2.Timestamp:
    return timestamp_pb2.Timestamp(seconds=seconds)


def extract(person: Person, *said: str, **more: object) -> memory_pb2.ExtractMemoriesResponse:
    """Learns from what the user said on successive days."""
    return person.memory.ExtractMemories(
        memory_pb2.ExtractMemoriesRequest(
            namespace=person.namespace,
            messages=[
                memory_pb2.ExtractionMessage(
                    role="user",
                    content_json=f'"{text}"',
                    create_time=timestamp(1_700_000_000 + 86_400 * day),
                )
                for day, text in enumerate(said)
            ],
            **more,  # type: ignore[arg-type]
        ),
        metadata=METADATA,
    )


def test_an_extraction_answers_what_became_of_each_fact(person: Person) -> None:
    answer = extract(
        person,
        "I live in Paris. I love chess.",
        "I moved to Berlin.",
        "I love chess.",
        "Forget that I love chess.",
        metadata_json='{"source": "import", "n": 9007199254740993}',
        tags=["old"],
    )
    paris, chess, berlin, again, forgotten = answer.memories
    assert [each.outcome for each in answer.memories] == [
        "created", "created", "created", "strengthened", "retracted",
    ]  # fmt: skip
    assert list(berlin.superseded_ids) == [paris.memory.id]
    assert paris.memory.fact.superseded_by == berlin.memory.id
    assert paris.memory.fact.valid_to_time == timestamp(1_700_086_400)
    assert chess.memory == again.memory == forgotten.memory
    assert chess.memory.fact.observation_count == 2
    assert chess.memory.fact.valid_to_time == timestamp(1_700_000_000 + 3 * 86_400)
    assert answer.usage.extractor == "rules/1"
    assert answer.usage.prompt_tokens == 0
    source = berlin.memory.fact.source
    assert (source.role, source.extractor) == ("user", "rules/1")
    assert not source.HasField("dialogue_id")
    assert list(berlin.memory.tags) == ["old"]
    assert berlin.memory.metadata_json == '{"source": "import", "n": 9007199254740993}'
    assert person.facts() == [berlin.memory]
    assert "Berlin" in noted(person.asks("Where do I live?"))


def test_a_dry_run_answers_the_same_and_keeps_nothing(person: Person) -> None:
    assert extract(person, "I live in Paris.", dry_run=True).memories[0].memory.id == ""
    assert person.facts(include_superseded=True) == []
    extract(person, "I live in Paris. I love chess.")
    known = person.facts()
    answer = extract(person, "I love chess.", "I moved to Berlin.", "I love tea.", dry_run=True)
    chess, berlin, tea = answer.memories
    assert [each.outcome for each in answer.memories] == ["strengthened", "created", "created"]
    assert chess.memory.id == known[1].id
    assert chess.memory.fact.observation_count == 2
    assert (berlin.memory.id, berlin.memory.value_json) == ("", '"The user moved to Berlin."')
    assert list(berlin.superseded_ids) == [known[0].id]
    assert tea.memory.namespace == person.namespace
    assert person.facts(include_superseded=True) == known


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda request: request.ClearField("messages"), "messages"),
        (lambda request: request.messages.extend(list(request.messages) * 1_000), "messages"),
        (lambda request: request.messages[0].ClearField("role"), "messages[0].role"),
        (lambda request: setattr(request.messages[0], "role", "king"), "messages[0].role"),
        (lambda request: request.messages[0].ClearField("content_json"), "messages[0].content"),
        (lambda request: setattr(request.messages[0], "content_json", "{"), "messages[0].content"),
        (
            lambda request: setattr(request.messages[0].create_time, "seconds", 2**60),
            "messages[0].created",
        ),
        (lambda request: setattr(request, "metadata_json", "[]"), "metadata"),
        (lambda request: request.tags.append(""), "tags[0]"),
    ],
)
def test_a_bad_extraction_is_refused_by_its_field_and_teaches_nothing(
    person: Person, change: Callable[[memory_pb2.ExtractMemoriesRequest], object], wanted: str
) -> None:
    request = memory_pb2.ExtractMemoriesRequest(
        namespace=person.namespace,
        messages=[memory_pb2.ExtractionMessage(role="user", content_json='"I love tea."')],
    )
    change(request)
    with pytest.raises(grpc.RpcError) as refusal:
        person.memory.ExtractMemories(request, metadata=METADATA)
    assert isinstance(refusal.value, grpc.Call)
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert wanted in (refusal.value.details() or "")
    assert person.facts(include_superseded=True) == []
