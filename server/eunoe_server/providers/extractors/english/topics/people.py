"""Family, friends and animals: whom one has, what they are called, marriage, births, deaths."""

from __future__ import annotations

import re

from eunoe_server.domain.fact import FactType
from eunoe_server.providers.extractors.english.objects import is_contextual
from eunoe_server.providers.extractors.english.patterns import joined, pattern
from eunoe_server.providers.extractors.english.relatives import CHILDREN, KIN, RELATIVE
from eunoe_server.providers.extractors.english.topics import Finding, Reading, Topic, one_line
from eunoe_server.providers.extractors.english.topics.identity import (
    DATE,
    proper_name,
    spoken_date,
)
from eunoe_server.providers.extractors.english.vocabulary import ANIMAL

TOPIC = Topic()

_COUNT = r"(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|\d{1,2}|several|no|twin)"
_PROPER = r"[\w'-]+(?: (?-i:[A-Z])[\w'-]+)?"
_CALLED = rf"(?: (?:named|called|by the name of) (?P<name>{_PROPER}))"
_AFTER_KIN = joined(r"""
    (?:(?:,| (?:and|who|whom|that|aged?|from|with|in|at|together|living|of|under|over|back|since
    |now|on)\b).*)?$
    """)
_PET = joined(rf"""
    (?:(?!for|of|with|about|like|in|on|at|to|from|allergy|picture|photo|toy|stuffed)[\w-]+ ){{0,3}}?
    (?:{ANIMAL})
    """)


@TOPIC.predicate(
    rf"""
    have (?:got )?(?:(?P<count>{_COUNT}|any) |(?=kids|children))
    (?:(?!code|ip|node)[\w-]+,? ){{0,4}}?(?P<kin>{KIN}){_CALLED}?{_AFTER_KIN}
    """,
    of_relatives=True,
    of_household=True,
)
def _kin(reading: Reading) -> Finding | None:
    """ "Two kids", "a brother named Luca"."""
    kin, name = reading["kin"].casefold(), reading["name"]
    if is_contextual(reading.words):
        return None
    if reading.statement.is_negated and _CHILDREN.fullmatch(kin):
        return _bond("children")
    if name:
        said = reading.statement.said.replace(name, proper_name(name))
        return _bond(kin.rstrip("s"), object_=name.casefold(), said=said)
    if kin in ("kids", "children"):
        return _bond("children", value=one_line(reading["count"]))
    return _bond("relative", object_=kin)


@TOPIC.predicate(
    rf"""
    be (?:an? |the )?(?:proud |single |new |working |married )*
    (?:mother|mom|mum|father|dad|parent|mama|papa) (?:of|to|with) (?P<count>{_COUNT})\b.*$
    """
)
def _parent(reading: Reading) -> Finding:
    return _bond("children", value=one_line(reading["count"]))


@TOPIC.predicate(
    rf"""
    (?:have|own) (?:got )?(?P<animals>(?:an?|any|one|two|three|four|five|\d{{1,2}}|my own|some)
    [ ]{_PET}
    (?: and (?:an?|one|two|three|\d) {_PET})?){_CALLED}?{_AFTER_KIN}
    """,
    rf"(?:keep|raise|breed) (?P<animals>(?:[\w-]+ )?(?:{ANIMAL})){_AFTER_KIN}",
    rf"""
    be (?:the |an? )?(?:proud |happy )?owner of (?P<animals>(?:an?|two|three) {_PET}){_CALLED}?
    {_AFTER_KIN}
    """,
    of_relatives=True,
    of_household=True,
)
def _pet(reading: Reading) -> Finding | None:
    if is_contextual(reading.words):
        return None
    animals, name = _ARTICLE.sub("", one_line(reading["animals"])), reading["name"]
    if not name:
        return _bond("pet", object_=animals)
    said = reading.statement.said.replace(name, proper_name(name))
    return _bond("pet", object_=f"{animals} {name.casefold()}", said=said)


@TOPIC.predicate(
    r"""
    (?:be (?:happily |newly |recently )?|(?:have )?got )
    (?P<status>married|divorced|engaged|separated)(?: (?P<rest>.*))?$
    """,
    r"be (?:happily |newly |recently )?(?P<status>widowed|single|a widow|a widower)(?P<rest>)$",
    of_relatives=True,
    of_household=True,
)
def _marital_status(reading: Reading) -> Finding | None:
    """ "Married to Ann since 2010", not "married to the idea of using Postgres"."""
    if reading["rest"] and not _AFTER_STATUS.match(reading["rest"]):
        return None
    return _bond("marital_status", value=one_line(reading["status"]))


@TOPIC.predicate(
    r"""
    (?:be dating|be seeing|started dating|have been dating)
    [ ](?P<whom>(?:an? (?:guy|girl|man|woman|person|doctor|colleague|coworker)
    |(?-i:[A-Z])\w+)\b.*)$
    """
)
def _dating(reading: Reading) -> Finding:
    return _bond("dating", object_=one_line(reading["whom"]))


@TOPIC.predicate(rf"be (?P<called>named |called )?(?P<name>{_PROPER})$", of_relatives=True)
def _named(reading: Reading) -> Finding | None:
    """ "My dog is named Biscuit", "my best friend is Amara", not "my sister is here"."""
    name = reading["name"]
    is_name = reading["called"] or _PROPER_NAME.fullmatch(name)
    if not reading.statement.relative or not is_name:
        return None
    said = reading.statement.said.replace(name, proper_name(name))
    return _bond("name", value=name.casefold(), said=said)


@TOPIC.predicate(r"(?:have )?(?:died|passed away|passed)\b.*$", of_relatives=True)
def _death(reading: Reading) -> Finding | None:
    return _bond("death", value="died") if reading.statement.relative else None


@TOPIC.predicate(
    r"(?:have )?started (?:school|kindergarten|college|university|high school)\b.*$",
    r"(?:gave birth|be pregnant|be having a baby|be expecting)\b.*$",
    r"""
    (?:had|got|won|lost|bought|sold|broke|started|quit|joined|finished|opened|published|retired
    |adopted|passed|failed) (?P<what>\w.*)$
    """,
    of_relatives=True,
)
def _life_event(reading: Reading) -> Finding | None:
    if not reading.statement.relative or is_contextual(reading["what"]):
        return None
    return _bond("event", object_=one_line(reading.words))


@TOPIC.clause(
    rf"my (?P<who>{RELATIVE})'s (?:first |full )?name is (?P<name>[\w'-]+(?: (?-i:[A-Z])[\w'-]+)*)$"
)
def _name_of(reading: Reading) -> Finding:
    name, who = proper_name(reading["name"]), reading["who"]
    said = f"my {who}'s name is {name}"
    return _bond(f"{who.casefold()}.name", value=name.casefold(), said=said)


@TOPIC.clause(rf"(?P<name>(?-i:[A-Z])[\w'-]+) is my (?P<who>{RELATIVE})$")
def _who_is(reading: Reading) -> Finding:
    return _bond(f"{reading['who'].casefold()}.name", value=reading["name"].casefold())


@TOPIC.clause(rf"my (?P<who>{RELATIVE})'s (?:birthday|bday) is (?:on )?(?P<date>{DATE})$")
def _birthday_of(reading: Reading) -> Finding:
    return _bond(f"{reading['who'].casefold()}.birthday", value=spoken_date(reading["date"]))


@TOPIC.clause(
    rf"""
    my (?P<who>{RELATIVE})'s fav(?:ou?rite)? (?P<thing>\w+(?: \w+)?) is
    [ ](?P<value>(?!this|that|it)\w.*)$
    """
)
def _favourite_of(reading: Reading) -> Finding:
    thing = reading["thing"].casefold().replace("colour", "color")
    return _bond(f"{reading['who'].casefold()}.favorite.{thing}", value=one_line(reading["value"]))


def _bond(attribute: str, *, object_: str = "", value: str = "", said: str = "") -> Finding:
    return Finding(FactType.RELATIONSHIP, attribute, object=object_, value=value, said=said)


_CHILDREN = pattern(CHILDREN)
_ARTICLE = pattern(r"^(?:an?|any|my own|some) ")
_PROPER_NAME = re.compile(r"(?!English|French|German|Spanish|Canadian|American|British)[A-Z].*")
_AFTER_STATUS = pattern(r"""
    to (?!the\b|my\b|this\b|an idea)|with (?:two|three|four|a|one|\d|kids|children)
    |for (?:\w+ )+years|(?:since|in|on|last|and|now|from my|twice|again|two|three|a|one|\d)\b|,
    """)
