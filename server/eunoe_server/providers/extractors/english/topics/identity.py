"""Who somebody is: name, age, birthday, where from, which languages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from eunoe_server.domain.fact import FactType
from eunoe_server.providers.extractors.english.numbers import NUMBER, number_of
from eunoe_server.providers.extractors.english.objects import is_contextual, named
from eunoe_server.providers.extractors.english.patterns import joined, pattern, words
from eunoe_server.providers.extractors.english.places import leading_place, spelled
from eunoe_server.providers.extractors.english.topics import (
    LIKELY,
    Finding,
    Reading,
    Topic,
    one_by_one,
    one_line,
)
from eunoe_server.providers.extractors.english.vocabulary import (
    FIRST_NAMES,
    LANGUAGES,
    NATIONALITIES,
)

TOPIC = Topic()

_NAME = r"(?P<name>[^\W\d_][\w'.-]*(?: (?-i:[A-Z])[\w'.-]*){0,3})"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*\.?"
_MONTHS = words("jan feb mar apr may jun jul aug sep oct nov dec")

#: A month and a day as people write them, with or without a year.
DATE = joined(rf"""
    (?:(?:the )?\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{_MONTH}
    |{_MONTH} (?:the )?\d{{1,2}}(?:st|nd|rd|th)?
    |\d{{1,4}}[/.-]\d{{1,2}}(?:[/.-]\d{{2,4}})?
    )(?:,? (?:19|20)\d\d)?
    """)


def proper_name(text: str) -> str:
    """A name as it is written, with capitals where the whole of it has none."""
    text = text.strip(" .,!'\"")
    return text.title() if text.islower() else text


def spoken_date(date: str) -> str:
    """The same for "March 3rd" and "the 3rd of March"."""
    parts = _DATE_NOISE.sub(" ", date.casefold()).split()
    month = next((part[:3] for part in parts if part[:3] in _MONTHS), "")
    day = next((part.lstrip("0") for part in parts if part.isdecimal() and len(part) < 3), "")
    return f"{month} {day}".strip() or " ".join(parts)


@TOPIC.clause(
    r"""
    my name is not [^,]{1,40},? (?:it is|but)(?: actually)?
    [ ](?P<name>\w[\w'-]*(?: (?-i:[A-Z])[\w'-]*)?)$
    """
)
def _corrected_name(reading: Reading) -> Finding:
    name = proper_name(reading["name"])
    return Finding(FactType.FACT, "name", value=name.casefold(), said=f"my name is {name}")


@TOPIC.clause(r"(?:it is|this is|this) (?P<name>(?-i:[A-Z])[\w'-]+(?: (?-i:[A-Z])[\w'-]+)?) here$")
@TOPIC.clause(rf"my (?:(?P<kind>full|first|last) )?name is (?:actually )?{_NAME}$")
def _name(reading: Reading) -> Finding | None:
    name = proper_name(reading["name"])
    if name.casefold() in _NO_NAMES:
        return None
    kind = reading["kind"].casefold()
    attribute = f"{kind}_name" if kind in ("full", "last") else "name"
    said = f"my {kind} name is {name}" if kind else f"my name is {name}"
    return Finding(FactType.FACT, attribute, value=name.casefold(), said=said)


@TOPIC.predicate(rf"(?:go by|be called) (?:the name )?(?:of )?{_NAME}$")
@TOPIC.clause(
    rf"""
    (?:(?:you can|please|just|feel free to|people|folks|most people|everyone|everybody|friends
    |my (?:friends|family|colleagues)|usually|mostly|all) )*calls? me {_NAME}$
    """,
    rf"my (?:nickname|nick name) is {_NAME}$",
)
def _nickname(reading: Reading) -> Finding | None:
    """ "Call me Sam", not "call me later"."""
    name = reading["name"]
    if name.casefold() in _NO_NAMES or not name[:1].isupper():
        return None
    return Finding(FactType.FACT, "nickname", value=name.casefold(), said=f"I go by {name}")


@TOPIC.predicate(
    r"be (?P<ages>\d{1,2}(?:, \d{1,2})*,? and \d{1,2})(?: years old)?$", of_relatives=True
)
def _ages(reading: Reading) -> Finding | None:
    """ "My kids are 4 and 7"."""
    if not reading.statement.relative:
        return None
    return Finding(FactType.RELATIONSHIP, "ages", value=one_line(reading["ages"]))


@TOPIC.predicate(
    r"be (?:turning )?(?P<age>\d{1,3})(?: ?-?(?:years?|yrs?)[ -]old| ?y/?o)?"
    r"(?:(?:,| (?:now|today|and|who|with|from|based)\b).*)?$",
    rf"be (?P<age>{NUMBER})(?: years old)?(?:(?:,| (?:now|and|who)\b).*)?$",
    r"be (?:an? )?(?P<age>\d{1,3})[ -](?:years?|yrs?)[ -]?olds?\b.*$",
    r"(?:have )?turned (?P<age>\d{1,3})\b(?! (?:pages?|degrees|times|percent)).*$",
    of_relatives=True,
)
def _age(reading: Reading) -> Finding | None:
    age = number_of(reading["age"])
    return Finding(FactType.FACT, "age", value=str(age)) if 1 <= age <= 115 else None


@TOPIC.clause(
    rf"my (?:birthday|bday|date of birth|birth date|dob) (?:is|falls) (?:on )?(?P<date>{DATE})$"
)
@TOPIC.predicate(rf"was born (?:on )?(?P<date>{DATE})\b.*$", of_relatives=True)
def _birthday(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "birthday", value=spoken_date(reading["date"]))


@TOPIC.predicate(r"was born (?:back )?in (?:\w+ )?(?P<year>(?:19|20)\d\d)\b.*$", of_relatives=True)
def _birth_year(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "birth_year", value=reading["year"])


@TOPIC.clause(r"my home ?town is (?P<place>\w.*)$")
@TOPIC.predicate(
    r"(?:was )?(?:born and )?(?:grew up|raised|bred) (?:mostly )?(?:in|on|near) (?P<place>\w.*)$",
    of_relatives=True,
)
def _hometown(reading: Reading) -> Finding | None:
    return _in_place("hometown", reading)


@TOPIC.clause(r"my birthplace is (?P<place>\w.*)$")
@TOPIC.predicate(r"was born in (?P<place>\w.*)$", of_relatives=True)
def _birthplace(reading: Reading) -> Finding | None:
    return _in_place("birthplace", reading)


@TOPIC.predicate(
    r"(?:be|come) (?P<originally>originally )?from (?P<place>\w.*)$", of_relatives=True
)
def _origin(reading: Reading) -> Finding | None:
    """ "I'm from Ghana", not "I'm from accounting"."""
    place = reading["place"]
    is_place = leading_place(place) or _KIND_OF_PLACE.match(place)
    if not is_place and not (reading["originally"] and place[:1].isupper()):
        return None
    return _in_place("origin", reading)


@TOPIC.predicate(
    r"be (?:half[- ]|part )?(?P<word>[a-z]+)(?: by birth| citizen)?$", of_relatives=True
)
def _nationality(reading: Reading) -> Finding | None:
    word = reading["word"].casefold()
    if word not in NATIONALITIES:
        return None
    said = reading.statement.said.replace(reading["word"], reading["word"].title())
    return Finding(FactType.FACT, "nationality", object=word, said=said)


@TOPIC.predicate(
    r"""
    be an? (?P<word>[a-z]+) (?:expat |citizen |immigrant |student )?
    (?:living|based|working|residing)
    [ ]in (?P<place>\w.*)$
    """
)
def _national_abroad(reading: Reading) -> Iterator[Finding]:
    """ "I'm an American living in Tokyo" says two things."""
    word, place = reading["word"], reading["place"]
    if word.casefold() in NATIONALITIES and leading_place(place):
        said = f"I am {word.title()}"
        yield Finding(FactType.FACT, "nationality", object=word.casefold(), said=said)
        said = f"I live in {spelled(place)}"
        yield Finding(FactType.FACT, "home", value=leading_place(place).casefold(), said=said)


@TOPIC.predicate(
    r"speak (?:both )?(?P<languages>\w.*)$",
    r"be (?:fluent|native|bilingual) in (?P<languages>\w.*)$",
    r"be a native (?P<languages>\w+) speaker$",
    r"grew up speaking (?P<languages>\w.*)$",
    of_relatives=True,
)
def _languages(reading: Reading) -> Iterator[Finding]:
    for item, said in one_by_one(reading["languages"], reading.statement, is_always_list=True):
        language = _FLUENCY.sub("", item).strip()
        if language.casefold() in LANGUAGES:
            said = said.replace(language, language.title())
            yield Finding(FactType.FACT, "language", object=language.casefold(), said=said)


@TOPIC.clause(r"(?P<language>\w+) is my (?:second|third|other) language$")
def _second_language(reading: Reading) -> Finding | None:
    language = reading["language"].casefold()
    return Finding(FactType.FACT, "language", object=language) if language in LANGUAGES else None


@TOPIC.clause(r"my (?:native language|mother tongue|first language) is (?P<language>\w+)$")
def _native_language(reading: Reading) -> Finding | None:
    language = reading["language"]
    if language.casefold() not in LANGUAGES:
        return None
    said = reading.statement.said.replace(language, language.title())
    return Finding(FactType.FACT, "native_language", value=language.casefold(), said=said)


@TOPIC.predicate(
    r"be (?P<height>\d['\u2019 ].{0,8}|\d[.,]\d+ ?m(?:eters?)?|\d{3} ?cm|\d feet.{0,12}) tall$",
    r"weigh (?:about |around )?(?P<weight>\d{2,3} ?(?:kg|kilos?|pounds|lbs?|kilograms))$",
)
def _measure(reading: Reading) -> Finding:
    [(attribute, measure)] = reading.match.groupdict().items()
    return Finding(FactType.FACT, attribute, value=measure.casefold())


@TOPIC.clause(
    r"""
    my (?P<what>time ?zone|pronouns|blood type|height|weight|shoe size|dress size|shirt size
    |ring size|(?:wedding )?anniversary|star sign|zodiac sign|mbti type|major)
    [ ](?:is|are) (?:on )?(?P<value>\w.*)$
    """
)
def _detail(reading: Reading) -> Finding | None:
    """What a form would ask: "my time zone is CET", "my pronouns are she/her"."""
    value = reading["value"].strip()
    is_plain = "/" in value or value[:1].isdecimal()
    if (is_contextual(value) and not is_plain) or _NO_DETAIL.match(value):
        return None
    attribute = reading["what"].casefold().replace("timezone", "time zone").replace(" ", "_")
    return Finding(FactType.FACT, attribute, value=one_line(value))


@TOPIC.predicate(
    r"""
    be (?P<name>[^\W\d_][\w'-]+(?: (?!I\b)(?-i:[A-Z])[\w'-]+){0,2})(?:,? (?:a|an|the|from)\b.*)?$
    """
)
def _introduced(reading: Reading) -> Finding | None:
    """ "I'm Tom": a name only where it can be nothing else."""
    name = reading["name"]
    lower = name.casefold()
    if reading.statement.is_negated or lower in _NO_NAMES or lower in NATIONALITIES:
        return None
    is_written_as_name = name[:1].isupper() and not name.isupper() and not leading_place(name)
    if lower not in FIRST_NAMES and (not is_written_as_name or _DESCRIPTION.search(lower)):
        return None
    name = proper_name(name)
    said = f"my name is {name}"
    return Finding(FactType.FACT, "name", value=name.casefold(), said=said, confidence=LIKELY)


def _in_place(attribute: str, reading: Reading) -> Finding | None:
    place = reading["place"]
    known = leading_place(place)
    if not known and not place[:1].isupper() and not _KIND_OF_PLACE.match(place):
        return None
    value = known or named(_BETWEEN_PLACES.split(place)[0])
    said = reading.statement.said.replace(place, spelled(place))
    return Finding(FactType.FACT, attribute, value=value.casefold(), said=said)


_DATE_NOISE = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b|\b(?:the|of|on)\b|[,.]")
_BETWEEN_PLACES = re.compile(r"[,.]")
_KIND_OF_PLACE = pattern(r"an? (?:\w+ ){0,2}(?:town|village|city|farm|suburb|island)\b")
_FLUENCY = pattern(r"""
    ^(?:a (?:little|bit of)|some|fluent|basic|native|conversational|decent|broken|only)
    [ ](?:bit of )?
    |[ ](?:fluently|well|(?:pretty|fairly|quite) well|at home|natively|a little).*$
    """)
_NO_DETAIL = pattern(r"(?:not|wrong|too|a bit|unknown|hard|important)\b")

_NO_NAMES = words("""
    not is on in at the a an back later crazy maybe ishmael important secret hidden unimportant
    here irrelevant private mud changed mentioned listed missing spelled pronounced legion tomorrow
    tonight today now again if when whatever
    """)
# "I'm Jewish", "I'm Back", "I'm Batman".
_DESCRIPTION = pattern(r"""
    (?:ing|ed|ful|less|ous|able|ible|ive|ly|ish|ist|ese|ian|ican|ic|al|ary)$
    |^(?:sure|sorry|fine|good|great|ok|okay|well|tired|done|back|here|lost|stuck|busy|free|happy|sad
    |glad|new|late|early|ready|curious|aware|afraid|home|sick|ill|single|vegan|awake|alone|human
    |batman|groot|legend|spartacus|catholic|muslim|hindu|buddhist|atheist|gay|straight|bi|trans
    |unsure|out|in|on|off)$
    """)
