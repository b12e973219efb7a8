"""What a contract case is, and reading them all from `cases/*.yaml`.

A case is data: what is called, and what must come back. The same list runs over gRPC and over
HTTP, so one promise is not kept in two ways. A file holds one subject; add a case by adding to it.

    - name: a second create with the same id is refused and changes nothing
      steps:
        - rpc: MemoryService.CreateMemory
          request: {id: "theme-${unique}", value: dark}
        - rpc: MemoryService.CreateMemory
          request: {id: "theme-${unique}", value: light}
          want_error: {reason: DUPLICATE_ID, grpc: ALREADY_EXISTS, http: 400}

A case of one call writes the step's keys beside the name. A step has

    rpc         the service and the method; over HTTP the first `google.api.http` rule of it
    http        instead of `rpc`: `POST /memory`, with `body` as raw text; only over HTTP
    request     the request by its JSON names, documents inline
    key         another API key than the test's own; `none` for none
    once        an idempotency key: `request_id` over gRPC, `Idempotency-Key` over HTTP
    want        what the answer holds at least: of objects the keys that are named here, of lists
                all items in order
    want_error  reason, grpc, http, and `field` if one is to be named
    save        names for parts of the answer: `{token: next, first: items.0.id}`

and a case may say `over: [http]`, with the reason as a comment, and which keys it needs, as options
of `eunoe keys create`: `keys: {bound: {namespace: "${namespace}"}}`, then `key: "${bound}"`.
`${namespace}`, `${other}` (two names nobody else uses), `${unique}` (a word nobody else uses) and
what was saved stand in any text. Tags say what YAML cannot:

    !json '{"a": 1E400}'               a document, word for word
    !repeat {text: x, times: 300}      a long text; with `before` and `after`, once each
    !json_repeat {text: "9", times: …} the same as a document, word for word
    !nested {open: "[", inside: "1", close: "]", levels: 128}    a deep document
    !times {count: 65, item: "t${n}"}  a list of items, `${n}` from 1 on

In `want`, `<any>` is there, whatever it is, and `<absent>` is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

CASES = Path(__file__).parent / "cases"
TRANSPORTS = ("grpc", "http")


class Document(str):
    """A JSON document, word for word."""

    __slots__ = ()


ANY = "<any>"
ABSENT = "<absent>"


@dataclass(frozen=True, slots=True)
class WantedError:
    """How a call must fail."""

    reason: str
    grpc: str
    http: int
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call."""

    rpc: str | None = None
    http: str | None = None
    request: Any = None
    body: str | None = None
    key: str | None = None
    once: str | None = None
    want: Any = None
    want_error: WantedError | None = None
    save: Mapping[str, str]

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Self:
        """A step as it stands in a file. A key that no step has is a TypeError."""
        error = found.get("want_error")
        wanted = WantedError(**error) if error else None
        return cls(**{"request": {}, "save": {}, **found, "want_error": wanted})


@dataclass(frozen=True, slots=True)
class Case:
    """A promise of the contract."""

    name: str
    over: tuple[str, ...]
    keys: Mapping[str, Mapping[str, str]]
    steps: tuple[Step, ...]


def all_cases() -> Iterator[Case]:
    """Every case of every file."""
    for path in sorted(CASES.glob("*.yaml")):
        for found in yaml.load(path.read_text("utf-8"), Loader=_Loader):  # noqa: S506 - a SafeLoader
            yield Case(
                name=f"{path.stem}: {found.pop('name')}",
                over=tuple(found.pop("over", TRANSPORTS)),
                keys=found.pop("keys", {}),
                steps=tuple(map(Step.read, found.pop("steps", None) or [found])),
            )


_VARIABLE = re.compile(r"\$\{(\w+)\}")


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """The same with `${name}` replaced everywhere; a name that is not there yet stays."""
    if isinstance(value, str):
        text = _VARIABLE.sub(lambda match: names.get(match[1], match[0]), value)
        return Document(text) if isinstance(value, Document) else text
    if isinstance(value, dict):
        return {filled(key, names): filled(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    return value


class _Loader(yaml.SafeLoader):
    """YAML with the tags of this module."""


def _times(loader: yaml.SafeLoader, node: Any) -> list[Any]:
    found = loader.construct_mapping(node, deep=True)
    return [filled(found["item"], {"n": str(n)}) for n in range(1, found["count"] + 1)]


def _repeated(loader: yaml.SafeLoader, node: Any) -> str:
    found = loader.construct_mapping(node)
    return f"{found.get('before', '')}{found['text'] * found['times']}{found.get('after', '')}"


def _repeated_document(loader: yaml.SafeLoader, node: Any) -> Document:
    return Document(_repeated(loader, node))


def _document(loader: yaml.SafeLoader, node: Any) -> Document:
    return Document(loader.construct_scalar(node))


def _nested(loader: yaml.SafeLoader, node: Any) -> Document:
    found = loader.construct_mapping(node)
    levels = found["levels"]
    return Document(found["open"] * levels + found["inside"] + found["close"] * levels)


_Loader.add_constructor("!json", _document)
_Loader.add_constructor("!repeat", _repeated)
_Loader.add_constructor("!json_repeat", _repeated_document)
_Loader.add_constructor("!nested", _nested)
_Loader.add_constructor("!times", _times)
