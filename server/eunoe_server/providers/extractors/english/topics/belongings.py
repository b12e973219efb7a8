"""What somebody owns, uses, plays, learns, practises and does every week."""

from __future__ import annotations

import re
from collections.abc import Iterator

from eunoe_server.domain.fact import FactType
from eunoe_server.providers.extractors.english.objects import head_of, is_contextual, named
from eunoe_server.providers.extractors.english.patterns import joined, pattern
from eunoe_server.providers.extractors.english.topics import (
    LIKELY,
    Finding,
    Reading,
    Topic,
    one_by_one,
    one_line,
)
from eunoe_server.providers.extractors.english.vocabulary import PLAYABLE, POSSESSION

TOPIC = Topic()

_WEEKDAY = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_REGULARLY = joined(rf"""
    (?:every (?:single |other )?(?:day|morning|evening|night|week|weekend|month|summer|winter|year
        |{_WEEKDAY})
    |(?:once|twice|(?:two|three|four|five|\d) (?:times|days|nights|evenings)) (?:a|per)
        [ ](?:day|week|month|year)
    |on (?:{_WEEKDAY}|weekend)s|daily$|each morning|before (?:bed|work|breakfast)|in the mornings?
    |in my (?:free|spare) time
    |at \d{{1,2}}(?::\d\d)?(?: ?[ap]\.?m)?)
    """)
_PRACTICE = joined(r"""
    (?:go|run|jog|swim|walk|bike|cycle|meditate|pray|cook|bake|exercise|work out|train|practi[cs]e
    |read|drink|eat|wake up|get up|commute|take|do|play|volunteer|journal|write|paint|draw|sing
    |dance|surf|ski|garden|knit|hike|climb|attend|visit|call|fast|teach|study|watch|coach|skip
    |have (?:an?|some|my)|work)
    """)
_THING = joined(r"""
    (?:car|truck|bike|motorcycle|phone|laptop|computer|tablet|camera|guitar|piano|boat|van|tv
    |keyboard|monitor|os|operating system|editor|ide|browser|distro)
    """)


@TOPIC.predicate(
    rf"""
    (?:have|own) (?P<what>(?:an?|my own|two|three|\d) (?:(?!code|problem|question)[\w'-]+ ){{0,3}}?
    (?:{POSSESSION})s?)(?:(?:,| (?:and|with|in|that|which|for|from|but|since|on|at|now)\b).*)?$
    """,
    r"own (?P<what>(?:an?|two|three|several|\d+) \w.*)$",
    of_relatives=True,
    of_household=True,
)
def _owns(reading: Reading) -> Finding | None:
    thing = named(_AFTER_THING.split(reading["what"])[0])
    return Finding(FactType.FACT, "owns", object=thing) if thing else None


@TOPIC.predicate(r"(?:drive|ride) (?P<what>(?:an?|my) \w.*)$", of_relatives=True)
def _drives(reading: Reading) -> Finding | None:
    thing = named(_AFTER_THING.split(reading["what"])[0])
    is_vehicle = _HAS_MAKE.search(reading["what"]) or _VEHICLE.search(thing)
    return Finding(FactType.FACT, "drives", object=thing) if thing and is_vehicle else None


@TOPIC.clause(
    rf"my (?P<what>(?:\w+ )?{_THING}) is (?P<make>(?:an? )?(?:\w+ )?(?-i:[A-Z]|i[A-Z]).*)$"
)
def _own_thing(reading: Reading) -> Finding | None:
    """ "My car is a Honda Civic": a make, not a state."""
    if is_contextual(reading["make"]):
        return None
    return Finding(FactType.FACT, reading["what"].casefold(), value=named(reading["make"]))


@TOPIC.predicate(
    r"use (?P<what>\w.*)$",
    r"be an? (?:long-?time |happy )?(?P<what>(?-i:[A-Z])\w+(?: (?-i:[A-Z])\w+)?) user$",
    r"""
    (?:code|program|write code|develop|be coding)(?: mostly| mainly| only| primarily)? in
    [ ](?P<what>(?-i:[A-Z]).*)$
    """,
)
def _uses(reading: Reading) -> Finding | None:
    """Only what has a name of its own: "Arch Linux", "an iPhone", never "the second option"."""
    phrase = _AFTER_THING.split(reading["what"])[0]
    if not _TOOL.match(phrase) or is_contextual(phrase) or len(phrase.split()) > 5:
        return None
    return Finding(FactType.FACT, "uses", object=named(phrase), confidence=LIKELY)


@TOPIC.predicate(
    r"""
    (?:know how to |learned (?:how )?to )?(?P<skill>swim|drive|cook|ski|sing|dance
    |ride a bike|read music|whistle|knit
    |play chess)$
    """,
    of_relatives=True,
)
def _skill(reading: Reading) -> Finding | None:
    """ "I can't swim": what one can do is worth keeping, "I dance" alone says little."""
    is_about_ability = reading.statement.is_negated or " can " in f" {reading.statement.said} "
    if not is_about_ability:
        return None
    return Finding(FactType.FACT, "skill", object=reading["skill"].casefold())


@TOPIC.predicate(
    r"""
    be (?:(?:really|very|pretty|quite|so) )?(?:good|great|bad|terrible|awful) (?:at|with)
    [ ](?P<what>\w.*)$
    """,
    of_relatives=True,
)
def _talent(reading: Reading) -> Finding | None:
    what = named(reading["what"])
    return Finding(FactType.FACT, "talent", object=what, confidence=LIKELY) if what else None


@TOPIC.predicate(r"have (?P<what>\w+ (?:or more )?years(?: of)? experience (?:in|with|as) \w.*)$")
def _expertise(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "expertise", object=one_line(reading["what"]))


@TOPIC.predicate(
    r"(?:play|be playing|have played) (?P<what>(?:the )?\w.*)$",
    of_relatives=True,
)
def _plays(reading: Reading) -> Iterator[Finding]:
    phrase = _AFTER_SKILL.split(head_of(reading["what"]))[0]
    for item, said in one_by_one(phrase, reading.statement, is_always_list=True):
        game = named(_AMOUNT.sub("", item))
        if game and _PLAYABLE.search(game):
            yield Finding(FactType.FACT, "plays", object=game, said=said)


@TOPIC.predicate(
    r"be (?:learning|teaching myself)(?: to (?:play|speak|cook|code in))? (?P<what>(?!to\b)\w.*)$",
    r"""
    (?:be taking|take|be having|have) (?:weekly |private |online |beginner |evening )*
    (?P<what>(?!(?:the|my|your)\b)\w+(?: \w+)?) (?:lessons|classes)\b.*$
    """,
    r"""
    be learning (?:how )?to (?P<what>(?:swim|ski|drive|ride|surf|sail|dance|cook|knit|sew|juggle
    |fly|dive|weld|bake|snowboard|crochet|paint|code|program)\b.*)$
    """,
    of_relatives=True,
)
def _learns(reading: Reading) -> Iterator[Finding]:
    phrase = _AFTER_SKILL.split(head_of(reading["what"]))[0]
    if not _VAGUE.match(phrase):
        for item, said in one_by_one(phrase, reading.statement, is_always_list=True):
            if skill := named(item.removeprefix("the ")):
                yield Finding(FactType.FACT, "learning", object=skill, said=said)


@TOPIC.predicate(
    r"""
    (?:do|practi[cs]e) (?P<what>yoga|pilates|karate|judo|taekwondo|crossfit|bjj
    |brazilian jiu-jitsu|jiu-jitsu|ballet|gymnastics|martial arts|archery|calligraphy|origami
    |kickboxing|boxing|meditation|tai chi|stand-up|improv|ceramics|pottery)\b.*$
    """,
    r"""
    be (?:an? )?(?:member|part) of (?P<what>(?:an?|the|my) (?:\w+ ){0,3}(?:club|choir|band|team
    |church|union|society|orchestra|gym))\b.*$
    """,
    r"(?P<what>volunteer (?:at|for|with|in) \w.*)$",
    r"""
    (?P<what>(?:sing|play|perform|dance) in (?:an?|the|my) (?:\w+ ){0,3}(?:choir|band|orchestra
    |group|theat(?:re|er)|league|team))\b.*$
    """,
    r"(?P<what>coach (?:an?|my) (?:[\w']+ ){0,4}(?:team|squad|club))\b.*$",
    r"collect (?P<what>\w.*)$",
    of_relatives=True,
)
def _hobby(reading: Reading) -> Finding | None:
    thing = named(reading["what"].removeprefix("the "))
    return Finding(FactType.FACT, "hobby", object=thing) if thing else None


@TOPIC.predicate(
    rf"{_PRACTICE}\b[^,]{{0,80}}? {_REGULARLY}\b.*$",
    r"""
    (?:commute|get to work|go to work) (?:\w+ ){0,2}by (?:bike|bicycle|train|car|bus|tram|subway
    |metro)\b.*$
    """,
    r"(?:bike|cycle|walk|drive) to work\b.*$",
    r"spend my (?:weekends|evenings|mornings|free time|spare time|summers|sundays) \w.*$",
    of_relatives=True,
    of_household=True,
)
def _habit(reading: Reading) -> Finding | None:
    if is_contextual(reading.words):
        return None
    return Finding(FactType.FACT, "habit", object=one_line(reading.words), confidence=LIKELY)


@TOPIC.predicate(r"(?:eat|have|drink|cook|make) [^,]{1,60} for (?:breakfast|lunch|dinner)$")
def _meal(reading: Reading) -> Finding | None:
    return _habit(reading) if _USUALLY.match(reading.statement.said) else None


_AFTER_THING = pattern(r"""
    ,? (?:and|with|in|that|which|for|from|but|because|since|on|at|to|when|as|every|daily|now|so
    |instead|exclusively|both|named|called)\b|[,;(]
    """)
_AFTER_SKILL = pattern(r"""
    [ ](?:since|for|in|at|with|on|every|twice|once|when|these|now|from|and I|right|three|by|using
    |because|as)\b
    """)
_HAS_MAKE = re.compile(r"[A-Z0-9]")
_VEHICLE = pattern(r"""
    \b(?:car|truck|van|bus|motorcycle|motorbike|scooter|tractor|taxi|pickup|suv|hybrid|ev)\b
    """)
_TOOL = re.compile(
    r"(?:an? |my )?(?:[A-Z]|i[A-Z]|(?:vim|emacs|neovim|zsh|fish|tmux|linux|python|pandas|git)\b)"
)
_AMOUNT = pattern(r"^(?:a lot of|a bit of|some|competitive|lead|professional) ")
_PLAYABLE = pattern(rf"\b(?:{PLAYABLE})\b")
_VAGUE = pattern(r"""
    (?:about|how|more|from|an? (?:lot|ton|bunch|bit|few)|what|why|that|new|so much|things|stuff
    |to)\b
    """)
_USUALLY = pattern(
    r"I (?:usually|always|normally|typically|mostly|generally|often|almost always)\b"
)
