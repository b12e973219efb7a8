"""The judge of histories sees what it is there to see."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.reliability.history import Act, Forget, History, Holdings, Keep, Tag, Verdict, judge


def holdings(*texts: str, dialogue: tuple[str, ...] = (), **tags: str) -> Holdings:
    return Holdings(
        counts=Counter((*texts, *dialogue)),
        tags={text: frozenset({tag}) for text, tag in tags.items()},
        dialogues={"d": dialogue} if dialogue else {},
    )


@pytest.fixture
def history() -> History:
    """Certain: a (tagged), d1 d2 in a dialogue, not gone. In doubt: b1 b2, and whether c went."""
    history = History()
    acts: list[tuple[Act, bool]] = [
        (Keep(("a",)), True),
        (Tag("a", ("first",)), True),
        (Tag("a", ("second",)), False),
        (Keep(("b1", "b2")), False),
        (Keep(("c",)), True),
        (Forget(("c",)), False),
        (Keep(("d1", "d2"), dialogue="d"), True),
        (Keep(("gone",)), True),
        (Forget(("gone",)), True),
    ]
    for act, is_acknowledged in acts:
        entry = history.intend(act)
        if is_acknowledged:
            history.acknowledge(entry)
    return history


D = ("d1", "d2")


@pytest.mark.parametrize(
    "held",
    [
        holdings("a", dialogue=D, a="first"),
        holdings("a", "b1", "b2", "c", dialogue=D, a="second"),
    ],
)
def test_what_is_in_doubt_may_have_happened_or_not(history: History, held: Holdings) -> None:
    assert judge(history, held).is_clean


@pytest.mark.parametrize(
    ("held", "wrong"),
    [
        (holdings(dialogue=D), Verdict(lost=("a",))),
        (holdings("a", dialogue=("d1",), a="first"), Verdict(lost=("d2",))),
        (holdings("a", "b2", dialogue=D, a="first"), Verdict(partial=("b1",))),
        (holdings("a", "a", dialogue=D, a="first"), Verdict(duplicated=("a",))),
        (holdings("a", "c", "c", dialogue=D, a="first"), Verdict(duplicated=("c",))),
        (holdings("a", "gone", dialogue=D, a="first"), Verdict(undead=("gone",))),
        (holdings("a", dialogue=D), Verdict(mistagged=("a",))),
        (holdings("a", dialogue=("d2", "d1"), a="first"), Verdict(disordered=("d",))),
        (holdings("a", "x", dialogue=D, a="first"), Verdict(foreign=("x",))),
    ],
)
def test_what_is_wrong_is_named(history: History, held: Holdings, wrong: Verdict) -> None:
    assert judge(history, held) == wrong
