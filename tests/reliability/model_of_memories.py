"""What memories are to whoever keeps them: a dictionary in the order of its making.

The model is written from the contract alone. Every rule does to it what it does to the server and
compares what both say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.contract.case import TRANSPORTS
from tests.contract.matching import is_same, read_json
from tests.reliability.two_transports import Refusal, TwoTransports

#: Words that nothing else is made of, so that a search for one has one right answer.
WORDS = ("quokka", "zeppelin", "marzipan", "obsidian")
TAGS = ("red", "blue", "grün", "a,b")

transports = st.sampled_from(TRANSPORTS)
tag_lists = st.lists(st.sampled_from(TAGS), max_size=5)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=20)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
names = st.sampled_from(["a", "b", "c/d", "e f?#%", "ü"])
values = documents.filter(lambda value: value is not None) | st.sampled_from(WORDS).map(
    lambda word: {"said": f"I saw the {word}."}
)
objects = st.dictionaries(st.text(max_size=5), documents, max_size=4)
limits = st.integers(1, 4)
orders = st.sampled_from(["asc", "desc"])


def as_written(value: object) -> Any:
    """A document as an answer is read."""
    return read_json(json.dumps(value))


@dataclass(slots=True)
class Kept:
    """A memory as the model has it."""

    value: Any
    label: str | None
    tags: list[str]
    metadata: dict[str, Any]


@dataclass(slots=True)
class Paging:
    """A list that is being read while others write."""

    order: str
    token: str | None
    there_at_first: dict[str, Kept]
    seen: list[str]


class MemoryModel(RuleBasedStateMachine):
    """The memories of one namespace."""

    def __init__(self, both: TwoTransports) -> None:
        super().__init__()
        self.both = both
        # Ids are unique in the project, so each run has its own.
        self.namespace = f"model-{uuid4().hex}"
        self.kept: dict[str, Kept] = {}
        self.paging: Paging | None = None

    def named(self, name: str) -> str:
        """The id of this name in this run."""
        return f"{name}-{self.namespace}"

    @rule(
        via=transports,
        name=st.none() | names,
        value=values,
        label=st.none()
        | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=9),
        tags=tag_lists,
        metadata=objects,
    )
    def create(
        self,
        via: str,
        name: str | None,
        value: Any,
        label: str | None,
        tags: list[str],
        metadata: dict[str, Any],
    ) -> None:
        """An id serves once."""
        memory_id = None if name is None else self.named(name)
        found = self.both.ask(
            via, "MemoryService.CreateMemory", namespace=self.namespace, id=memory_id, value=value,
            label=label, tags=tags, metadata=metadata,
        )  # fmt: skip
        if memory_id in self.kept:
            assert isinstance(found, Refusal)
            assert found.reason == "DUPLICATE_ID"
            return
        self.kept[found["id"]] = Kept(value, label, list(dict.fromkeys(tags)), metadata)
        self.compare(found, memory_id or found["id"])

    @rule(via=transports, names=st.lists(names, min_size=1, max_size=4), value=values)
    def create_batch(self, via: str, names: list[str], value: Any) -> None:
        """All or none."""
        ids = [self.named(name) for name in names]
        found = self.both.ask(
            via, "MemoryService.BatchCreateMemories", namespace=self.namespace,
            memories=[{"id": memory_id, "value": value} for memory_id in ids],
        )  # fmt: skip
        taken = [
            index
            for index, memory_id in enumerate(ids)
            if memory_id in self.kept or memory_id in ids[:index]
        ]
        if taken:
            assert isinstance(found, Refusal)
            assert found.reason == "DUPLICATE_ID"
            assert found.fields[0] in {f"memories[{index}].id" for index in taken}
            return
        for memory_id, item in zip(ids, found["items"], strict=True):
            self.kept[memory_id] = Kept(value, None, [], {})
            self.compare(item, memory_id)

    @rule(name=names)
    def get(self, name: str) -> None:
        """What is there is shown, what is not is not found."""
        memory_id = self.named(name)
        found = self.both.read("MemoryService.GetMemory", namespace=self.namespace, id=memory_id)
        if memory_id in self.kept:
            self.compare(found, memory_id)
        else:
            assert found == Refusal("MEMORY_NOT_FOUND", ())

    @rule(via=transports, name=names, tags=tag_lists)
    def retag(self, via: str, name: str, tags: list[str]) -> None:
        """Tags are all that changes."""
        memory_id = self.named(name)
        found = self.both.ask(
            via, "MemoryService.UpdateMemory", namespace=self.namespace, id=memory_id, tags=tags
        )
        if memory_id not in self.kept:
            assert found == Refusal("MEMORY_NOT_FOUND", ())
            return
        self.kept[memory_id].tags = list(dict.fromkeys(tags))
        self.compare(found, memory_id)

    @rule(via=transports, name=names)
    def delete(self, via: str, name: str) -> None:
        """Gone, and its id is free."""
        memory_id = self.named(name)
        found = self.both.ask(
            via, "MemoryService.DeleteMemory", namespace=self.namespace, id=memory_id
        )
        if self.kept.pop(memory_id, None) is None:
            assert found == Refusal("MEMORY_NOT_FOUND", ())
        else:
            assert found == {"success": True, "id": memory_id}

    @rule(limit=limits, order=orders)
    def list_all(self, limit: int, order: str) -> None:
        """In the order of making, page by page, whichever way a page comes."""
        found: list[str] = []
        token = None
        while True:
            page = self.both.read(
                "MemoryService.ListMemories", namespace=self.namespace, limit=limit, order=order,
                next=token,
            )  # fmt: skip
            assert len(page["items"]) <= limit
            for item in page["items"]:
                self.compare(item, item["id"])
                found.append(item["id"])
            if (token := page.get("next")) is None:
                break
        assert found == (list(self.kept) if order == "asc" else list(self.kept)[::-1])

    @rule(via=transports, limit=limits, order=orders)
    def page_on(self, via: str, limit: int, order: str) -> None:
        """One page of a list that goes on while others write: nothing twice, nothing missed."""
        paging = self.paging or Paging(order, None, dict(self.kept), [])
        page = self.both.ask(
            via, "MemoryService.ListMemories", namespace=self.namespace, limit=limit,
            order=paging.order, next=paging.token,
        )  # fmt: skip
        paging.seen += [item["id"] for item in page["items"]]
        paging.token = page.get("next")
        self.paging = paging
        if paging.token is None:
            self.paging = None
            # An id that was freed and taken again is another memory.
            for memory_id, kept in paging.there_at_first.items():
                if self.kept.get(memory_id) is kept:
                    assert paging.seen.count(memory_id) == 1, memory_id

    @rule(word=st.sampled_from(WORDS), tag=st.none() | st.sampled_from(TAGS))
    def search(self, word: str, tag: str | None) -> None:
        """What was kept a moment ago is found, what was deleted is not."""
        found = self.both.read(
            "SearchService.Search", namespace=self.namespace, object="memory", query=word,
            limit=200, tags=tag,
        )  # fmt: skip
        ids = [result["item"]["id"] for result in found["results"]]
        assert len(ids) == len(set(ids))
        wanted = {
            memory_id
            for memory_id, kept in self.kept.items()
            if word in json.dumps(kept.value) and (tag is None or tag in kept.tags)
        }
        allowed = {
            memory_id for memory_id, kept in self.kept.items() if tag is None or tag in kept.tags
        }
        assert wanted <= set(ids) <= allowed
        # They hold the very word, so nothing else is more relevant.
        assert set(ids[: len(wanted)]) == wanted

    @rule(
        via=transports,
        wrong=st.sampled_from(
            [
                ("CreateMemory", {"value": None}, "MISSING_PARAMETER"),
                ("CreateMemory", {"value": 1, "label": "x" * 257}, "INVALID_INPUT"),
                ("CreateMemory", {"value": 1, "id": "a\nb"}, "INVALID_INPUT"),
                ("CreateMemory", {"value": 1, "tags": [""]}, "INVALID_INPUT"),
                (
                    "CreateMemory",
                    {"value": 1, "tags": [str(n) for n in range(65)]},
                    "INVALID_INPUT",
                ),
                ("CreateMemory", {"value": 1, "metadata": [1]}, "INVALID_INPUT"),
                ("CreateMemory", {"value": 10**1000}, "INVALID_INPUT"),
                ("BatchCreateMemories", {"memories": []}, "MISSING_PARAMETER"),
                ("ListMemories", {"limit": -1}, "INVALID_PARAMETER"),
                ("ListMemories", {"order": "up"}, "INVALID_PARAMETER"),
                ("ListMemories", {"next": "xyz"}, "INVALID_PARAMETER"),
                ("ListMemories", {"created": "2024-02-30"}, "INVALID_PARAMETER"),
                ("ListMemories", {"memoryType": "hope"}, "INVALID_PARAMETER"),
            ]
        ),
    )
    def ask_wrongly(self, via: str, wrong: tuple[str, dict[str, Any], str]) -> None:
        """Refused for the same reason, and nothing is changed."""
        rpc, request, reason = wrong
        found = self.both.ask(via, f"MemoryService.{rpc}", namespace=self.namespace, **request)
        assert isinstance(found, Refusal)
        assert found.reason == reason

    def compare(self, found: Any, memory_id: str) -> None:
        """A memory that was shown is the model's."""
        kept = self.kept[memory_id]
        shown = {name: found.get(name) for name in ("id", "namespace", "label", "tags", "fact")}
        assert shown == {
            "id": memory_id,
            "namespace": self.namespace,
            "label": kept.label,
            "tags": kept.tags,
            "fact": None,
        }
        assert is_same(found["value"], as_written(kept.value))
        assert is_same(found["metadata"], as_written(kept.metadata))

    def teardown(self) -> None:
        """In the end the server holds what the model holds."""
        self.list_all(4, "asc")
