"""The judge of histories sees what it is there to see."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.reliability.history import (
    Act,
    Forget,
    Hear,
    History,
    Holdings,
    Keep,
    Tag,
    Verdict,
    judge,
)


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


@pytest.fixture
def chats() -> History:
    """Two that were left, e and f, and one that was heard to its end, g."""
    history = History()
    for name in "efg":
        question = history.intend(Keep((name,), name))
        answer = history.intend(Hear(f"You said: {name}", name))
        if name == "g":
            history.acknowledge(question)
            history.acknowledge(answer)
    return history


G = ("g", "You said: g")


def chatted(**dialogues: tuple[str, ...]) -> Holdings:
    texts = Counter(text for dialogue in dialogues.values() for text in dialogue)
    return Holdings(texts, {}, dialogues)


@pytest.mark.parametrize(
    "held",
    [
        chatted(g=G),
        chatted(e=("e",), g=G),
        chatted(e=("e", "You "), f=("f", "You "), g=G),
        chatted(e=("e", "You said: "), f=("f", "You said: f"), g=G),
    ],
)
def test_answers_that_were_left_may_be_cut_and_then_alike(chats: History, held: Holdings) -> None:
    assert judge(chats, held).is_clean


@pytest.mark.parametrize(
    ("held", "wrong"),
    [
        (chatted(e=("e", "You ", "You "), g=G), Verdict(duplicated=("You said: e",))),
        (chatted(e=("e", "You ", "You said: e"), g=G), Verdict(duplicated=("You said: e",))),
        (chatted(e=("e", "e", "You "), g=G), Verdict(duplicated=("e",))),
        (chatted(e=("You ", "e"), g=G), Verdict(disordered=("e",))),
        (chatted(e=("e", "You sang"), g=G), Verdict(foreign=("You sang",))),
        (chatted(x=("You ",), g=G), Verdict(foreign=("You ",))),
        (chatted(g=("g", "You ")), Verdict(lost=("You said: g",), foreign=("You ",))),
        (chatted(g=(*G, "You said: g")), Verdict(duplicated=("You said: g",))),
    ],
)
def test_what_is_wrong_with_answers_is_named(
    chats: History, held: Holdings, wrong: Verdict
) -> None:
    assert judge(chats, held) == wrong
