# Generated from ../_async by generate_sync.py. Do not edit.
"""`client.search`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eunoe._found import Found, SearchResults, resolved, signals
from eunoe._memory import Memory, memory
from eunoe._message import Message, message
from eunoe._search_options import SearchOptions, search_request
from eunoe._sync.dialogue import Dialogue
from eunoe.v1 import search_pb2

if TYPE_CHECKING:
    from eunoe._sync.wire import Wire

Item = Memory | Message | Dialogue


def search(wire: Wire, query: str, sought: str, options: SearchOptions) -> SearchResults[Item]:
    """What fits the query best, all of the kind that was sought. Raises InvalidRequest."""
    request = search_request(query, sought, options)
    answer = wire.read(wire.stubs.search.Search, request)
    results = tuple(
        Found(
            item=_item(wire, each),
            relevance=each.relevance,
            matches=tuple(
                Found(message(match.message), match.relevance, signals=signals(match))
                for match in each.matches
            ),
            signals=signals(each),
        )
        for each in answer.results
    )
    return SearchResults(results, resolved(answer.request), answer.left_out)


def _item(wire: Wire, sent: search_pb2.SearchResult) -> Item:
    match sent.WhichOneof("item"):
        case "dialogue":
            return Dialogue(wire, sent.dialogue)
        case "message":
            return message(sent.message)
        case _:
            return memory(sent.memory)
