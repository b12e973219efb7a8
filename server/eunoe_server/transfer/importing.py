"""Sending records to a server: in order, and each of them once.

Importing the same file again goes on where it stopped: everything has an id, so what is there
already is recognised and passed over, and no journal beside the file is needed. What the server
refuses is told with its place in the file, and the rest of its batch is sent without it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from eunoe.v1 import dialogue_pb2, memory_pb2
from eunoe_server.transfer.batches import Batch, Close, Memories, Messages, in_batches
from eunoe_server.transfer.connection import CallFailed
from eunoe_server.transfer.destination import Destination
from eunoe_server.transfer.records import (
    DialogueRecord,
    LeftOut,
    MemoryRecord,
    MessageRecord,
    Passed,
    Place,
    Record,
)

R = TypeVar("R", MessageRecord, MemoryRecord)

#: Reasons that say something about one thing in a file. Any other ends the import.
_REFUSALS = frozenset(
    {
        "MISSING_PARAMETER",
        "INVALID_PARAMETER",
        "INVALID_INPUT",
        "DUPLICATE_ID",
        "DIALOGUE_NOT_FOUND",
        "DIALOGUE_ENDED",
        "REQUEST_TOO_LARGE",
    }
)
_ELSEWHERE = "id: is in another namespace already; a project has each memory id once"
_INDEX = re.compile(r"\w+\[(\d+)\]\.?")


@dataclass(slots=True)
class Counts:
    """What became of the things of one kind."""

    created: int = 0
    already_there: int = 0


@dataclass(slots=True)
class Summary:
    """What an import has done."""

    dialogues: Counts = field(default_factory=Counts)
    messages: Counts = field(default_factory=Counts)
    memories: Counts = field(default_factory=Counts)
    #: Not imported, or not whole, and meant to be so: how many of what.
    passed: Counter[str] = field(default_factory=Counter)
    #: Could not be read, or was refused.
    errors: int = 0


#: A dialogue by its namespace and its id.
Home: TypeAlias = tuple[str, str]


class Importer:
    """Imports files into one destination."""

    def __init__(
        self,
        destination: Destination,
        *,
        tell: Callable[[Place, str], None],
        progress: Callable[[Place], None],
        namespace: str | None = None,
        commit_after_seconds: int | None = None,
    ) -> None:
        self.summary = Summary()
        self._destination = destination
        self._tell = tell
        self._progress = progress
        self._namespace = namespace
        self._commit_after_seconds = commit_after_seconds
        #: The messages of a dialogue that was there already, the latest such.
        self._there: tuple[Home, set[str]] | None = None

    def run(self, read: Callable[[], Iterable[Record]]) -> None:
        """Sends what `read` gives. Raises CallFailed when it makes no sense to go on.

        A thread may stand before the dialogue that it is a thread of. So what is missing its
        parent is passed over, and looked for again when the rest is there.
        """
        orphans = self._pass(read(), None, keep_orphans=False)
        while orphans:
            still = self._pass(read(), orphans, keep_orphans=False)
            if still == orphans:
                self._pass(read(), orphans, keep_orphans=True)
                return
            orphans = still

    def _pass(
        self, records: Iterable[Record], wanted: set[Home] | None, *, keep_orphans: bool
    ) -> set[Home]:
        """Sends all, or what belongs to the wanted dialogues; gives the threads without parent."""
        orphans: set[Home] = set()
        for batch in in_batches(records):
            home = self._home(batch)
            if home in orphans or (wanted is not None and home not in wanted):
                continue
            match batch:
                case DialogueRecord(place):
                    if not self._open(batch, keep_orphans=keep_orphans) and home is not None:
                        orphans.add(home)
                case Messages((*_, MessageRecord(place))):
                    self._append(batch.records)
                case Memories((*_, MemoryRecord(place))):
                    self._keep(batch.records)
                case Close(dialogue):
                    self._close(dialogue)
                    continue
                case LeftOut(place, why):
                    self._leave_out(place, why)
                case Passed(place, why, count):
                    self.summary.passed[why] += count
            self._progress(place)
        return orphans

    def _home(self, batch: Batch) -> Home | None:
        match batch:
            case DialogueRecord(new=new) | Close(DialogueRecord(new=new)):
                return self._namespace_of(new.namespace or None) or "", new.id
            case Messages((first, *_)):
                return self._namespace_of(first.namespace) or "", first.dialogue_id
            case _:
                return None

    def _namespace_of(self, found: str | None) -> str | None:
        return found if self._namespace is None else self._namespace

    def _leave_out(self, place: Place, why: str, count: int = 1) -> None:
        self.summary.errors += count
        self._tell(place, why)

    def _open(self, record: DialogueRecord, *, keep_orphans: bool) -> bool:
        """Creates a dialogue; False when the one it is a thread of is not there."""
        request = dialogue_pb2.CreateDialogueRequest()
        request.CopyFrom(record.new)
        if self._namespace is not None:
            request.namespace = self._namespace
        try:
            self._destination.create_dialogue(request)
        except CallFailed as error:
            if error.fields == ("threadOf",):
                if not keep_orphans:
                    return False
                self._leave_out(record.place, f"threadOf: {request.thread_of} is nowhere; left out")
                request.ClearField("thread_of")
                self._destination.create_dialogue(request)
            elif error.reason == "DUPLICATE_ID":
                self.summary.dialogues.already_there += 1
                self._look_up(request.id, self._namespace_of(record.new.namespace or None))
                return True
            elif error.reason in _REFUSALS:
                self._leave_out(record.place, error.message)
                return True
            else:
                raise
        self.summary.dialogues.created += 1
        return True

    def _look_up(self, dialogue_id: str, namespace: str | None) -> set[str]:
        """The ids of the messages that a dialogue has; they are remembered."""
        ids = self._destination.message_ids(dialogue_id, namespace)
        self._there = ((namespace or "", dialogue_id), ids)
        return ids

    def _close(self, record: DialogueRecord) -> None:
        if record.is_ended:
            request = dialogue_pb2.EndDialogueRequest(
                id=record.new.id, namespace=self._namespace_of(record.new.namespace or None)
            )
            try:
                self._destination.end_dialogue(request)
            except CallFailed as error:
                # A dialogue that was refused has been told of before.
                if error.reason != "DIALOGUE_NOT_FOUND":
                    raise

    def _append(self, records: Sequence[MessageRecord]) -> None:
        dialogue_id = records[0].dialogue_id
        namespace = self._namespace_of(records[0].namespace)
        home = (namespace or "", dialogue_id)

        def send(some: Sequence[MessageRecord]) -> None:
            request = dialogue_pb2.CreateMessagesRequest(
                dialogue_id=dialogue_id,
                namespace=namespace,
                messages=[record.new for record in some],
                commit_after_seconds=self._commit_after_seconds,
            )
            self._destination.create_messages(request)

        def there(some: Sequence[MessageRecord]) -> Mapping[str, str]:
            ids = self._look_up(dialogue_id, namespace)
            return {record.new.id: "" for record in some if record.new.id in ids}

        if self._there is not None and self._there[0] == home:
            known = self._there[1]
            new = [record for record in records if record.new.id not in known]
            self.summary.messages.already_there += len(records) - len(new)
            records = new
        self._deliver(records, send, there, self.summary.messages)

    def _keep(self, records: Sequence[MemoryRecord]) -> None:
        namespace = self._namespace_of(records[0].namespace)

        def send(some: Sequence[MemoryRecord]) -> None:
            request = memory_pb2.BatchCreateMemoriesRequest(
                namespace=namespace, memories=[record.new for record in some]
            )
            self._destination.create_memories(request)

        def there(some: Sequence[MemoryRecord]) -> Mapping[str, str]:
            found = {}
            for memory_id in (record.new.id for record in some):
                if self._destination.has_memory(memory_id, namespace):
                    found[memory_id] = ""
                elif self._destination.has_memory_anywhere(memory_id):
                    found[memory_id] = _ELSEWHERE
            return found

        self._deliver(records, send, there, self.summary.memories)

    def _deliver(
        self,
        records: Sequence[R],
        send: Callable[[Sequence[R]], None],
        there: Callable[[Sequence[R]], Mapping[str, str]],
        counts: Counts,
    ) -> None:
        """Sends a batch without what is there already and what the server refuses.

        `there` gives the ids that are taken, each with what is wrong with that, if anything is.
        """
        while records:
            try:
                send(records)
            except CallFailed as error:
                if error.reason not in _REFUSALS:
                    raise
                if error.reason == "REQUEST_TOO_LARGE" and len(records) > 1:
                    half = len(records) // 2
                    self._deliver(records[:half], send, there, counts)
                    self._deliver(records[half:], send, there, counts)
                    return
                left: Sequence[R] = records
                if error.reason in {"DUPLICATE_ID", "DIALOGUE_ENDED"}:
                    taken = there(records)
                    left = [record for record in records if record.new.id not in taken]
                    for record in records:
                        if wrong := taken.get(record.new.id):
                            self._leave_out(record.place, wrong)
                        counts.already_there += taken.get(record.new.id) == ""
                records = left if len(left) < len(records) else self._refuse(records, error)
            else:
                counts.created += len(records)
                return

    def _refuse(self, records: Sequence[R], error: CallFailed) -> Sequence[R]:
        """The batch without the one that the error names; without all of it when it names none."""
        named = _INDEX.match(error.fields[0]) if error.fields else None
        if named is None:
            why = (
                error.message
                if len(records) == 1
                else f"{len(records):,} from here: {error.message}"
            )
            self._leave_out(records[0].place, why, len(records))
            return ()
        number = int(named[1])
        self._leave_out(records[number].place, _INDEX.sub("", error.message, count=1))
        return [record for at, record in enumerate(records) if at != number]
