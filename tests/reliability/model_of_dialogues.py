"""What dialogues are to whoever keeps them: each a list of messages beside a state.

The model is written from the contract alone, as that of the memories is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.contract.matching import is_same
from tests.reliability.model_of_memories import (
    TAGS,
    WORDS,
    as_written,
    limits,
    objects,
    orders,
    tag_lists,
    transports,
)
from tests.reliability.two_transports import Refusal, TwoTransports

_GONE = Refusal("DIALOGUE_NOT_FOUND", ())


@dataclass(slots=True)
class Said:
    """A message as the model has it."""

    id: str
    role: str
    content: Any
    position: int
    tags: list[str]


@dataclass(slots=True)
class Talk:
    """A dialogue as the model has it."""

    label: str | None
    thread_of: str | None
    tags: list[str]
    state: dict[str, Any]
    state_version: int = 0
    is_ended: bool = False
    messages: list[Said] = field(default_factory=list)
    positions: Iterator[int] = field(default_factory=itertools.count)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, as its pseudo-code has it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


names = st.sampled_from(["a", "b/c ü#?"])
message_names = st.sampled_from(["m1", "m2", "m/3", "m 4%"])
labels = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=9)
texts = st.sampled_from(WORDS).map(lambda word: f"I saw the {word}.") | st.text(
    min_size=1, max_size=20
)
contents = texts | texts.map(lambda text: [{"type": "text", "text": text}])
new_messages = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "user", "assistant"]),
            "content": contents,
        },
        optional={"id": message_names, "tags": tag_lists},
    ),
    max_size=4,
)


class DialogueModel(RuleBasedStateMachine):
    """The dialogues of one namespace, with their messages and states."""

    def __init__(self, both: TwoTransports) -> None:
        super().__init__()
        self.both = both
        self.namespace = f"model-{uuid4().hex}"
        self.talks: dict[str, Talk] = {}

    def ask(self, via: str, rpc: str, **request: Any) -> Any:
        """Over one transport; what is refused, over both."""
        return self.both.ask(via, f"DialogueService.{rpc}", namespace=self.namespace, **request)

    def read(self, rpc: str, **request: Any) -> Any:
        """Over both."""
        return self.both.read(f"DialogueService.{rpc}", namespace=self.namespace, **request)

    # Dialogues

    @initialize(via=transports, messages=new_messages)
    def begin(self, via: str, messages: list[dict[str, Any]]) -> None:
        """One is there in most cases, so that not all that follows is refused."""
        self.create(via, "a", None, None, [], None, messages)

    @rule(
        via=transports,
        name=names,
        thread_of=st.none() | names,
        label=st.none() | labels,
        tags=tag_lists,
        state=st.none() | objects,
        messages=new_messages,
    )
    def create(
        self,
        via: str,
        name: str,
        thread_of: str | None,
        label: str | None,
        tags: list[str],
        state: dict[str, Any] | None,
        messages: list[dict[str, Any]],
    ) -> None:
        """With all of its messages or not at all."""
        found = self.ask(
            via, "CreateDialogue", id=name, threadOf=thread_of, label=label, tags=tags, state=state,
            messages=messages,
        )  # fmt: skip
        reasons = set()
        if name in self.talks or _are_repeated(messages):
            reasons.add("DUPLICATE_ID")
        if thread_of is not None and thread_of not in self.talks:
            reasons.add("DIALOGUE_NOT_FOUND")
        if reasons:
            assert isinstance(found, Refusal)
            assert found.reason in reasons
            return
        talk = Talk(label, thread_of, list(dict.fromkeys(tags)), state or {})
        self.talks[name] = talk
        self.say(talk, messages, found["messages"])
        self.compare(found, name)
        self.compare_messages(found["messages"], talk.messages, name)

    @rule(name=names, limit=st.none() | st.integers(0, 4))
    def get(self, name: str, limit: int | None) -> None:
        """With its latest messages."""
        found = self.read("GetDialogue", id=name, messageLimit=limit)
        if name not in self.talks:
            assert found == _GONE
            return
        self.compare(found, name)
        messages = self.talks[name].messages
        latest = messages if limit is None else messages[max(len(messages) - limit, 0) :]
        self.compare_messages(found.get("messages", []), latest, name)

    @rule(
        via=transports,
        name=names,
        label=st.none() | labels,
        tags=st.none() | st.lists(st.sampled_from(TAGS), min_size=1, max_size=3),
        state=st.none() | objects,
    )
    def change(
        self,
        via: str,
        name: str,
        label: str | None,
        tags: list[str] | None,
        state: dict[str, Any] | None,
    ) -> None:
        """Only what is named; also of one that has ended."""
        found = self.ask(via, "UpdateDialogue", id=name, label=label, tags=tags, state=state)
        if name not in self.talks:
            assert found == _GONE
            return
        talk = self.talks[name]
        talk.label = label or talk.label
        talk.tags = list(dict.fromkeys(tags)) if tags else talk.tags
        if state is not None:
            talk.state = state
            talk.state_version += 1
        self.compare(found, name)

    @rule(via=transports, name=names)
    def end(self, via: str, name: str) -> None:
        """A second time nothing happens."""
        found = self.ask(via, "EndDialogue", id=name)
        if name not in self.talks:
            assert found == _GONE
            return
        self.talks[name].is_ended = True
        self.compare(found, name)

    @rule(via=transports, name=names)
    def delete(self, via: str, name: str) -> None:
        """Gone with its messages; its threads are dialogues of their own."""
        found = self.ask(via, "DeleteDialogue", id=name)
        if self.talks.pop(name, None) is None:
            assert found == _GONE
            return
        assert found == {"success": True, "id": name}

    @rule(limit=limits, order=orders, thread_of=st.none() | names)
    def list_dialogues(self, limit: int, order: str, thread_of: str | None) -> None:
        """In the order of making, without states and messages."""
        found = self.pages("ListDialogues", limit=limit, order=order, threadOf=thread_of)
        for item in found:
            assert "messages" not in item or not item["messages"]
            self.compare(item, item["id"], has_state=False)
        wanted = [
            name
            for name, talk in self.talks.items()
            if thread_of is None or talk.thread_of == thread_of
        ]
        assert [item["id"] for item in found] == (wanted if order == "asc" else wanted[::-1])

    # Messages

    @rule(via=transports, name=names, messages=new_messages)
    def create_messages(self, via: str, name: str, messages: list[dict[str, Any]]) -> None:
        """All of them at the end, or none."""
        found = self.ask(via, "CreateMessages", dialogueId=name, messages=messages)
        reasons = set()
        if not messages:
            reasons.add("MISSING_PARAMETER")
        if name not in self.talks:
            reasons.add("DIALOGUE_NOT_FOUND")
        else:
            taken = {message.id for message in self.talks[name].messages}
            if self.talks[name].is_ended:
                reasons.add("DIALOGUE_ENDED")
            if _are_repeated(messages) or any(each.get("id") in taken for each in messages):
                reasons.add("DUPLICATE_ID")
        if _are_repeated(messages):
            reasons.add("DUPLICATE_ID")
        if reasons:
            assert isinstance(found, Refusal), reasons
            assert found.reason in reasons
            return
        talk = self.talks[name]
        before = len(talk.messages)
        self.say(talk, messages, found["items"])
        self.compare_messages(found["items"], talk.messages[before:], name)

    @rule(name=names, message_name=message_names)
    def get_message(self, name: str, message_name: str) -> None:
        """What is there is shown."""
        found = self.read("GetMessage", dialogueId=name, id=message_name)
        message = self.message(name, message_name)
        if isinstance(message, Refusal):
            assert found == message
        else:
            self.compare_messages([found], [message], name)

    @rule(via=transports, name=names, message_name=message_names, tags=tag_lists)
    def retag_message(self, via: str, name: str, message_name: str, tags: list[str]) -> None:
        """Tags are all that changes."""
        found = self.ask(via, "UpdateMessage", dialogueId=name, id=message_name, tags=tags)
        message = self.message(name, message_name)
        if isinstance(message, Refusal):
            assert found == message
            return
        message.tags = list(dict.fromkeys(tags))
        self.compare_messages([found], [message], name)

    @rule(via=transports, name=names, message_name=message_names)
    def delete_message(self, via: str, name: str, message_name: str) -> None:
        """Gone; those behind it keep their places."""
        found = self.ask(via, "DeleteMessage", dialogueId=name, id=message_name)
        message = self.message(name, message_name)
        if isinstance(message, Refusal):
            assert found == message
            return
        assert found == {"success": True, "id": message_name}
        self.talks[name].messages.remove(message)

    @rule(name=names, limit=limits, order=orders)
    def list_messages(self, name: str, limit: int, order: str) -> None:
        """In the order of the conversation."""
        if name not in self.talks:
            found = self.read("ListMessages", dialogueId=name, limit=limit, order=order)
            assert found == _GONE
            return
        listed = self.pages("ListMessages", dialogueId=name, limit=limit, order=order)
        messages = self.talks[name].messages
        self.compare_messages(listed, messages if order == "asc" else messages[::-1], name)

    @rule(word=st.sampled_from(WORDS), name=st.none() | names)
    def search(self, word: str, name: str | None) -> None:
        """What was said a moment ago is found, what was deleted is not."""
        found = self.both.read(
            "SearchService.Search", namespace=self.namespace, object="message", query=word,
            limit=200, dialogueId=name,
        )  # fmt: skip
        if name is not None and name not in self.talks:
            # A namespace that holds nothing yet may not exist, which is nobody's business.
            assert found == _GONE
            return
        ids = [(result["item"]["dialogueId"], result["item"]["id"]) for result in found["results"]]
        there = {
            (dialogue_id, message.id): message
            for dialogue_id, talk in self.talks.items()
            for message in talk.messages
            if name in (None, dialogue_id)
        }
        wanted = {
            key
            for key, message in there.items()
            if word in str(message.content) and message.role != "system"
        }
        assert len(ids) == len(set(ids))
        assert wanted <= set(ids) <= there.keys()

    # States

    @rule(name=names)
    def get_state(self, name: str) -> None:
        """Empty while none was put."""
        found = self.read("GetDialogueState", dialogueId=name)
        if name not in self.talks:
            assert found == _GONE
        else:
            assert is_same(found, as_written(self.talks[name].state))

    @rule(
        via=transports,
        name=names,
        state=objects,
        version=st.none() | st.integers(0, 3),
        is_patch=st.booleans(),
    )
    def write_state(
        self, via: str, name: str, state: dict[str, Any], version: int | None, is_patch: bool
    ) -> None:
        """Replaced or merged, if it is the version that was asked for."""
        rpc, parameter = (
            ("PatchDialogueState", "patch") if is_patch else ("PutDialogueState", "state")
        )
        found = self.ask(via, rpc, dialogueId=name, ifVersion=version, **{parameter: state})
        if name not in self.talks:
            assert found == _GONE
            return
        talk = self.talks[name]
        if version not in (None, talk.state_version):
            assert isinstance(found, Refusal)
            assert found.reason == "STATE_VERSION_MISMATCH"
            return
        talk.state = merged(talk.state, state) if is_patch else state
        talk.state_version += 1
        assert is_same(found, as_written(talk.state))

    @rule(
        via=transports,
        name=names,
        wrong=st.sampled_from(
            [
                ("PutDialogueState", {"state": [1]}, "INVALID_INPUT"),
                ("PatchDialogueState", {"patch": 7}, "INVALID_INPUT"),
                (
                    "CreateMessages",
                    {"messages": [{"role": "king", "content": "x"}]},
                    "INVALID_INPUT",
                ),
                ("CreateMessages", {"messages": [{"role": "user"}]}, "MISSING_PARAMETER"),
                ("ListMessages", {"limit": -1}, "INVALID_PARAMETER"),
                ("ListMessages", {"order": "up"}, "INVALID_PARAMETER"),
                ("ListMessages", {"next": "xyz"}, "INVALID_PARAMETER"),
            ]
        ),
    )
    def ask_wrongly(self, via: str, name: str, wrong: tuple[str, dict[str, Any], str]) -> None:
        """Refused for the same reason, and nothing is changed."""
        rpc, request, reason = wrong
        found = self.ask(via, rpc, dialogueId=name, **request)
        allowed = {reason}
        if name not in self.talks:
            allowed.add("DIALOGUE_NOT_FOUND")
        elif rpc == "CreateMessages" and self.talks[name].is_ended:
            allowed.add("DIALOGUE_ENDED")
        assert isinstance(found, Refusal)
        assert found.reason in allowed

    # Comparing

    def pages(self, rpc: str, **request: Any) -> list[Any]:
        """All pages of a list, each over both transports."""
        found: list[Any] = []
        token = None
        while True:
            page = self.read(rpc, next=token, **request)
            assert len(page["items"]) <= request["limit"]
            found += page["items"]
            if (token := page.get("next")) is None:
                return found

    def message(self, name: str, message_id: str) -> Said | Refusal:
        """The model's message, or why there is none."""
        if name not in self.talks:
            return _GONE
        for message in self.talks[name].messages:
            if message.id == message_id:
                return message
        return Refusal("MESSAGE_NOT_FOUND", ())

    def say(self, talk: Talk, messages: list[dict[str, Any]], found: list[Any]) -> None:
        """Messages at the end of the model's dialogue; ids that the server chose are taken over."""
        for new, shown in zip(messages, found, strict=True):
            talk.messages.append(
                Said(
                    new.get("id", shown["id"]),
                    new["role"],
                    new["content"],
                    next(talk.positions),
                    list(dict.fromkeys(new.get("tags", []))),
                )
            )

    def compare(self, found: Any, name: str, *, has_state: bool = True) -> None:
        """A dialogue that was shown is the model's."""
        talk = self.talks[name]
        shown = {
            key: found.get(key)
            for key in ("id", "namespace", "label", "tags", "status", "threadOf")
        }
        assert shown == {
            "id": name,
            "namespace": self.namespace,
            "label": talk.label,
            "tags": talk.tags,
            "status": "ended" if talk.is_ended else "active",
            "threadOf": talk.thread_of,
        }
        counted = [int(found[key]) for key in ("stateVersion", "totalMessages", "threadCount")]
        threads = sum(other.thread_of == name for other in self.talks.values())
        assert counted == [talk.state_version, len(talk.messages), threads]
        if has_state:
            assert is_same(found["state"], as_written(talk.state))

    def compare_messages(self, found: list[Any], wanted: list[Said], name: str) -> None:
        """Messages that were shown are the model's, in order."""
        assert [item["id"] for item in found] == [message.id for message in wanted]
        for item, message in zip(found, wanted, strict=True):
            shown = (item["dialogueId"], item["role"], int(item["position"]), item["tags"])
            assert shown == (name, message.role, message.position, message.tags)
            assert is_same(item["content"], as_written(message.content))

    def teardown(self) -> None:
        """In the end the server holds what the model holds."""
        self.list_dialogues(4, "asc", None)
        for name in self.talks:
            self.list_messages(name, 4, "asc")
            self.get_state(name)


def _are_repeated(messages: list[dict[str, Any]]) -> bool:
    ids = [message["id"] for message in messages if "id" in message]
    return len(ids) > len(set(ids))
