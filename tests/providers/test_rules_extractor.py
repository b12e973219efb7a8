"""Facts by rules: the sentences it must read, those it must leave alone, and what it must survive.

`rules_sentences.yaml` holds the sentences; this file counts them and asks what no list can.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from eunoe_server.domain.fact import ExtractionMessage, Fact, FactType, KnownFact, Operation, merge
from eunoe_server.providers.extractors.rules import RulesExtractor

NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)
SENTENCES = yaml.safe_load((Path(__file__).parent / "rules_sentences.yaml").read_text())


def message(text: str, *, role: str = "user", name: str = "", index: int = 0) -> ExtractionMessage:
    return ExtractionMessage(index=index, role=role, text=text, created_at=NOON, name=name)


async def facts_in(text: str, *, role: str = "user", name: str = "") -> tuple[Fact, ...]:
    return (await RulesExtractor().extract([message(text, role=role, name=name)])).facts


async def texts_in(text: str, *, role: str = "user", name: str = "") -> list[str]:
    return [fact.text for fact in await facts_in(text, role=role, name=name)]


@dataclass
class Tally:
    """What was found of what was wanted, over one part of the sentences."""

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    messages: int = 0
    messages_without_fact: int = 0

    @property
    def precision(self) -> float:
        return self.right / (self.right + len(self.wrong))

    @property
    def recall(self) -> float:
        return self.right / (self.right + len(self.missed))

    def count(self, said: str, found: Sequence[Fact], wanted: Sequence[Mapping[str, Any]]) -> None:
        self.messages += 1
        self.messages_without_fact += not wanted
        left = list(found)
        for want in wanted:
            fitting = next((fact for fact in left if meets(fact, want)), None)
            if fitting:
                left.remove(fitting)
                self.right += 1
            else:
                self.missed.append(f"{said!r}: {dict(want)}")
        self.wrong += (f"{said!r}: {fact.text!r} {fact.type} {fact.slot}" for fact in left)


def meets(fact: Fact, want: Mapping[str, Any]) -> bool:
    return bool(
        fact.type == want["type"]
        and fact.operation == want.get("operation", Operation.ASSERT)
        and want.get("text", fact.text) == fact.text
        and want.get("slot", fact.slot) == fact.slot
    )


def cases(part: str) -> Iterator[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]:
    for case in SENTENCES[part]["holds"]:
        yield case, case["facts"]
    for texts in SENTENCES[part]["nothing"].values():
        yield from (({"text": text}, ()) for text in texts)


async def tally_of(part: str) -> Tally:
    tally = Tally()
    for case, wanted in cases(part):
        found = await facts_in(case["text"], name=case.get("name", ""))
        tally.count(case["text"], found, wanted)
    return tally


@pytest.mark.parametrize(
    ("part", "fewest_messages"), [("development", 240), ("revision", 80), ("held_out", 80)]
)
async def test_what_it_finds_is_said_and_most_of_what_is_said_it_finds(
    part: str, fewest_messages: int, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = await tally_of(part)
    with capsys.disabled():
        print(  # noqa: T201 - the figures are what this test is for
            f"\nrules, {part}: precision {tally.precision:.3f}, recall {tally.recall:.3f}"
            f" ({tally.messages} messages, {tally.messages_without_fact} without a fact)"
        )
    complaints = "\n".join(["wrong:", *tally.wrong, "missed:", *tally.missed])
    assert tally.messages >= fewest_messages
    assert 0.4 <= tally.messages_without_fact / tally.messages <= 0.6
    assert tally.precision >= 0.95, complaints
    assert tally.recall >= 0.7, complaints
    if part == "development":  # these were all read once, and stay so
        assert not tally.wrong, complaints
        assert not tally.missed, complaints


async def test_the_seeds_example_gives_one_preference_in_the_seeds_words() -> None:
    # Seed 004. What the assistant answers is no fact about the user.
    result = await RulesExtractor().extract(
        [
            message("I love TypeScript"),
            message("TypeScript is great!", role="assistant", index=1),
        ]
    )
    (fact,) = result.facts
    assert (fact.text, fact.type) == ("The user loves TypeScript.", FactType.PREFERENCE)
    assert (fact.confidence, result.tokens_used) == (0.9, 0)


@pytest.mark.parametrize("role", ["assistant", "tool", "system", "developer"])
async def test_only_the_users_own_words_hold_facts(role: str) -> None:
    said = message("I live in Paris and I love TypeScript.", role=role)
    result = await RulesExtractor().extract([said])
    assert (result.facts, result.refused) == ((), 0)  # not even read


async def test_a_fact_points_to_the_characters_that_say_it() -> None:
    text = "Hi \U0001f44b! By the way, I'm allergic to peanuts, so no pad thai. I live in Rome."
    found = {fact.slot: fact.provenance for fact in await facts_in(text)}
    spans = {slot: text[where.start : where.end] for slot, where in found.items()}
    assert spans == {
        "user.allergy:peanuts": "I'm allergic to peanuts",
        "user.home": "I live in Rome",
    }
    assert {where.role for where in found.values()} == {"user"}


async def test_facts_come_in_the_order_they_were_said_with_their_message() -> None:
    result = await RulesExtractor().extract(
        [message("I live in Paris.", index=7), message("I moved to Berlin.", index=9)]
    )
    assert [(f.provenance.message_index, f.value) for f in result.facts] == [
        (7, "paris"),
        (9, "berlin"),
    ]


async def test_two_things_said_of_a_relative_stay_the_relatives() -> None:
    assert await texts_in("My sister is a 34-year-old nurse living in Leeds.") == [
        "The user's sister is 34 years old.",
        "The user's sister is a 34-year-old nurse living in Leeds.",
        "The user's sister is based in Leeds.",
    ]


async def test_what_is_said_twice_in_one_message_is_one_fact() -> None:
    assert len(await facts_in("I love jazz. Did I mention it? I really love jazz!")) == 1


CHANGES_OF_MIND = """
I live in Paris | I moved to Berlin | The user moved to Berlin.
I love coffee | I don't like coffee anymore | The user does not like coffee anymore.
I'm vegetarian | I'm not vegetarian anymore | The user is not vegetarian anymore.
I work at Nokia | I quit my job | The user quit their job.
I prefer tea over coffee | I prefer coffee over tea | The user prefers coffee over tea.
I want to learn Latin | I no longer want to learn Latin | The user no longer wants to learn Latin.
My favorite color is red | My favourite colour is blue | The user's favourite colour is blue.
I'm married | I got divorced | The user got divorced.
I used to live in Rome | I live in Oslo | The user used to live in Rome. The user lives in Oslo.
I have a cat | I have a dog | The user has a cat. The user has a dog.
I live in Rome | Forget where I live |
I like jazz | Forget that I like jazz |
My sister Ana is 30 | My sister is 20 | The user's sister Ana is 30. The user's sister is 20.
My sister is 30 | My sister is 20 | The user's sister is 30. The user's sister is 20.
My dad lives in Rome | My dad moved to Pisa | The user's dad moved to Pisa.
"""


@pytest.mark.parametrize("change", CHANGES_OF_MIND.strip().splitlines())
async def test_a_change_of_mind_leaves_what_holds_now(change: str) -> None:
    before, after, holds = (part.strip() for part in change.split("|"))
    known: tuple[KnownFact, ...] = ()
    for said in (before, after):
        for fact in await facts_in(said):
            known = merge(known, fact, f"id-{len(known)}").applied_to(known)
    assert " ".join(fact.text for fact in known if fact.holds_at(NOON)) == holds


@pytest.mark.parametrize(
    ("said", "text", "valid_from"),
    [
        ("I visited Peru yesterday", "on May 14, 2024", datetime(2024, 5, 14, tzinfo=UTC)),
        ("I visited Peru last month", "in April 2024", datetime(2024, 4, 1, tzinfo=UTC)),
        ("I visited Peru 3 months ago", "in February 2024", datetime(2024, 2, 1, tzinfo=UTC)),
        ("I visited Peru six months ago", "in November 2023", datetime(2023, 11, 1, tzinfo=UTC)),
        ("I visited Peru last Monday", "on May 13, 2024", datetime(2024, 5, 13, tzinfo=UTC)),
        ("Last year I visited Peru", "in 2023", datetime(2023, 1, 1, tzinfo=UTC)),
        ("I visited Peru 3000 years ago", "3000 years ago", NOON),
        ("I visited Peru a while ago", "a while ago", NOON),
    ],
)  # fmt: skip
async def test_an_event_is_dated_by_the_calendar(
    said: str, text: str, valid_from: datetime
) -> None:
    (fact,) = await facts_in(said)
    assert fact.text == f"The user visited Peru {text}."
    assert fact.valid_from == valid_from


async def test_a_state_holds_since_it_was_said_whatever_date_it_names() -> None:
    # "Since 2015", heard after "I live in Paris", is news of now and not of 2015.
    (fact,) = await facts_in("I've lived in Berlin since 2015.")
    assert fact.valid_from == NOON


@pytest.mark.parametrize(
    ("name", "subject", "slot"),
    [
        ("Caroline", "Caroline", "caroline.home"),
        ("james", "James", "james.home"),
        ("Mary Ann O'Hara", "Mary Ann O'Hara", "mary ann o'hara.home"),
        ("user_123", "The user", "user.home"),
        ("customer", "The user", "user.home"),
        ("", "The user", "user.home"),
        ("\u5f20\u4f1f", "\u5f20\u4f1f", "\u5f20\u4f1f.home"),
    ],
)
async def test_a_speaker_is_called_by_the_name_people_have(
    name: str, subject: str, slot: str
) -> None:
    (fact,) = await facts_in("I live in Rome", name=name)
    assert (fact.text, fact.slot) == (f"{subject} lives in Rome.", slot)


async def test_a_hundred_turns_of_injected_notes_add_no_fact() -> None:
    # What is recalled is shown to the model, comes back in what clients resend, and must not be
    # learnt again (mem0#4573: 52.7 % of what was stored was stored text).
    known: list[Fact] = list(await facts_in("I'm allergic to nuts. I live in Rome. I love jazz."))
    assert len(known) == 3
    for _ in range(100):
        remembered = [fact.text for fact in known] + ["I have a dog named Rex."]
        lines = [f"- [2024-05-15, user, chat 1a2b3c4d] {text}" for text in remembered]
        notes = "\n".join(["<memory-notes>", "For reference only.", *lines, "</memory-notes>"])
        turn = f"{notes}\n\nWhat should I cook tonight?"
        known += await facts_in(turn)
        # Cut off where a client trimmed, and quoted back as lines.
        known += await facts_in(turn[: len(notes) - 10])
        known += await facts_in("\n".join(lines))
    assert len(known) == 3


HOSTILE = {
    "blanks": " " * 1_000_000,
    "lines": "\n" * 1_000_000,
    "quotes": '"' * 1_000_000,
    "apostrophes": " 'a" * 300_000,
    "tags": "<a " * 300_000,
    "open blocks": "<memory-notes>" * 70_000,
    "backticks": "` " * 500_000,
    "subjects": "I, " * 300_000,
    "relatives": "my sister my " * 70_000,
    "conjunctions": "I like and " * 90_000,
    "requests": "can you write me a " * 50_000,
    "one long word": "I love " + "a" * 1_000_000,
    "hyphens": ("I love " + "a-" * 140 + ". ") * 3_500,
    "dates": "I went last year 3 years ago " * 30_000,
    "labels": "Alice: I love cats.\n" * 50_000,
    "punctuation": "." * 1_000_000,
    "surrogates": "I live in \ud800Paris. " * 40_000,
    "control characters": "I live in \x00Paris. " * 40_000,
    "facts": "I live in Paris and I love apples. " * 28_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("cut", [9_990, 1_000_000])
@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_input_is_read_in_bounded_work(kind: str, cut: int) -> None:
    facts = await facts_in(HOSTILE[kind][:cut] + ".")
    assert {fact.slot for fact in facts} <= {"user.home", "user.likes:apples"}


async def test_a_sentence_that_the_limit_cuts_is_not_read() -> None:
    # The limit is 10,000 characters, and falls after "I live in New".
    text = f"{'Nothing to see here. '.ljust(9_987)}I live in New York City."
    assert text[:10_000].endswith("I live in New")
    assert await texts_in(text) == []
    assert await texts_in(text.replace(" " * 9_000, "")) == ["The user lives in New York City."]
