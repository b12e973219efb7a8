"""Likes, dislikes, favourites and what is preferred to what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from eunoe_server.domain.fact import FactType
from eunoe_server.providers.extractors.english.objects import head_of, is_contextual, named
from eunoe_server.providers.extractors.english.patterns import joined, pattern, words
from eunoe_server.providers.extractors.english.topics import (
    LIKELY,
    PLAIN,
    Finding,
    Reading,
    Topic,
    one_by_one,
    one_line,
)

TOPIC = Topic()

_FAVOURITE = r"(?:all-time |absolute |personal )*(?:fav(?:ou?rite)?|go-to)"
_ASKS = joined(r"""
    (?:learning|exploring|trying|hearing|knowing|getting|seeing|finding|buying|using|understanding
    |reading more|your|the|how|what|an?)\b
    """)


@TOPIC.predicate(
    r"""
    prefer (?P<better>[^,]{1,60}?) (?:over|to|rather than|instead of|more than)
    [ ](?P<worse>(?!(?:be|do|have)\b)[^,]{1,60})$
    """,
    r"(?:like|love) (?P<better>[^,]{1,60}?) (?:better|more) than (?P<worse>[^,]{1,60})$",
    of_relatives=True,
)
def _prefers(reading: Reading) -> Finding | None:
    """ "Tea over coffee": the pair is the slot, so that the reverse contradicts it."""
    better, worse = named(reading["better"]), named(reading["worse"])
    if not better or not worse:
        return None
    pair = _word_of_slot(" or ".join(sorted((better, worse))))
    return Finding(FactType.PREFERENCE, f"prefers.{pair}", value=better)


@TOPIC.predicate(
    r"(?:take|drink) (?P<what>my (?:coffee|tea) \w.*)$",
    r"(?:love|like|enjoy|adore|dig|prefer) (?P<what>[\w\"].*)$",
    r"(?P<past>loved|liked|enjoyed) (?P<what>[\w\"].*)$",
    r"be (?:an? |the )?(?:(?:\w+|die-hard) )?(?:fan|lover|fans) of (?P<what>\w.*)$",
    r"""
    be (?:really |super |very |quite |totally )*
    (?:into|fond of|obsessed with|crazy about|passionate about|hooked on|addicted to|mad about
    |keen on) (?P<what>(?!this|that|\d)\w.*)$
    """,
    r"""
    be an? (?:(?:huge|big|massive|total|real|avid|lifelong|hardcore|die-hard|true) )*
    (?P<what>(?!(?:huge|big|great|real|new|regular|number|heavy|ceiling|desk)\b)[\w-]+(?: \w+)?)
    [ ](?:fan|lover|addict|enthusiast|aficionado|geek|nerd|buff)$
    """,
    rf"be (?:\w+ )?interested in (?P<what>(?!{_ASKS})\w.*)$",
    r"be (?:always )?(?:fascinated|captivated|intrigued) (?:by|with) (?P<what>\w.*)$",
    r"have (?:an? )?(?:\w+ )?(?:soft spot|weakness|passion|thing|love) for (?P<what>\w.*)$",
    of_relatives=True,
)
def _likes(reading: Reading) -> Iterator[Finding]:
    return _liking(reading, is_negated=reading.statement.is_negated)


@TOPIC.predicate(
    r"(?:hate|dislike|detest|despise|loathe|cannot stand|cannot bear) (?P<what>[\w\"].*)$",
    r"(?P<past>hated|disliked) (?P<what>[\w\"].*)$",
    r"be (?:really |so )?(?:sick of|not fond of) (?P<what>\w.*)$",
    r"have gone off (?P<what>\w.*)$",
    of_relatives=True,
)
def _dislikes(reading: Reading) -> Iterator[Finding]:
    """A dislike is the denied like of the same thing."""
    return _liking(reading, is_negated=not reading.statement.is_negated)


@TOPIC.predicate(r"live without (?P<what>\w.*)$", of_relatives=True)
def _needs(reading: Reading) -> Iterator[Finding]:
    """ "I can't live without coffee"."""
    if reading.statement.is_negated:
        yield from _liking(reading, is_negated=False)


@TOPIC.predicate(
    r"be (?:(?:terribly|deathly|a bit|very) )?(?:afraid|scared|terrified) of (?P<what>\w.*)$",
    r"have (?:an? )?(?:\w+ )?(?:fear|phobia) of (?P<what>\w.*)$",
    of_relatives=True,
)
def _fear(reading: Reading) -> Finding | None:
    """Of a thing, not of what may come of this conversation."""
    thing = named(reading["what"])
    if not thing or _WORRY.match(reading["what"]):
        return None
    return Finding(FactType.FACT, "fear", object=thing)


@TOPIC.predicate(r"care (?:much )?for (?P<what>\w.*)$", of_relatives=True)
def _cares_little(reading: Reading) -> Iterator[Finding]:
    """ "I don't care for olives"; "I care for my mother" is no liking."""
    if reading.statement.is_negated:
        yield from _liking(reading, is_negated=True)


@TOPIC.predicate(r"be (?:more of )?(?:an? )?(?P<kind>\w+) (?:person|guy|girl)$", of_relatives=True)
def _kind_of_person(reading: Reading) -> Finding | None:
    kind = reading["kind"].casefold()
    if kind not in _KINDS_OF_PERSON:
        return None
    return Finding(FactType.PREFERENCE, "kind_of_person", object=kind)


@TOPIC.predicate(
    r"(?:listen to|watch|read) (?:a lot of|lots of|mostly|mainly|a ton of) (?P<what>\w.*)$",
    of_relatives=True,
)
def _consumes(reading: Reading) -> Iterator[Finding]:
    """Who listens to a lot of jazz likes it, as far as one can tell."""
    for finding in _liking(reading, is_negated=reading.statement.is_negated):
        yield replace(finding, confidence=LIKELY)


@TOPIC.clause(
    r"""
    (?P<what>\w[^,]{0,60}) (?:is|are) (?P<no>not )?(?:really |just )?my (?:thing|cup of tea|jam)$
    """,
    r"(?P<what>\w[^,]{0,60}) (?P<no>bores?|annoys?|disgusts?|irritates?) me$",
    r"(?P<what>\w[^,]{0,60}) (?P<no>drives?) me (?:crazy|mad|insane|nuts|up the wall)$",
    r"(?P<what>\w[^,]{0,60}) (?:fascinates?|excites?) me$",
    rf"one of my {_FAVOURITE} \w+(?: \w+)? is (?P<what>\w.*)$",
)
def _my_thing(reading: Reading) -> Iterator[Finding]:
    """ "Opera bores me", "small talk is not my thing"."""
    return _liking(reading, is_negated=bool(reading["no"]))


@TOPIC.clause(
    rf"""
    my {_FAVOURITE} (?P<thing>\w+(?: [\w-]+){{0,2}}?)(?: of all time| ever)?
    [ ](?:is|are|has always been|will always be) (?P<value>[\w\"].*)$
    """,
    rf"""
    (?P<value>\w[^,]{{0,60}}|\"[^\"]+\") (?:is|are) my {_FAVOURITE}
    [ ](?P<thing>\w+(?: [\w-]+){{0,2}})(?: of all time| ever)?$
    """,
)
def _favourite(reading: Reading) -> Finding | None:
    """ "My favourite colour is teal", "Dune is my favorite book"."""
    thing = reading["thing"].casefold().replace("colour", "color").removesuffix("s")
    value = reading["value"].strip()
    points_here = is_contextual(value) and not value[:1].isupper()
    if _PART_OF_THIS.search(thing) or points_here or _SO_FAR.search(value):
        return None
    return Finding(
        FactType.PREFERENCE,
        f"favorite.{_word_of_slot(thing)}",
        value=named(value) or one_line(value),
    )


@TOPIC.clause(
    r"my (?:main |favou?rite )?(?:hobby|hobbies|pastimes?) (?:is|are|include) (?P<what>.+)$"
)
def _hobbies(reading: Reading) -> Iterator[Finding]:
    for item, said in one_by_one(reading["what"], reading.statement, is_always_list=True):
        if thing := named(item):
            said = said.replace("hobbies are", "hobby is")
            yield Finding(FactType.PREFERENCE, "likes", object=thing, said=said)


def _liking(reading: Reading, *, is_negated: bool) -> Iterator[Finding]:
    phrase = reading["what"]
    head = head_of(phrase)
    if _NOT_A_LIKING.match(head) or _FIGURE_OF_SPEECH.search(reading.words) or is_contextual(head):
        return
    is_past = reading.statement.is_past or "past" in reading.match.groupdict()
    for item, said in one_by_one(phrase, reading.statement):
        if thing := named(item):
            yield Finding(
                FactType.PREFERENCE,
                "likes",
                object=thing.removeprefix("to "),
                said=said,
                is_negated=is_negated,
                confidence=LIKELY if is_past else PLAIN,
            )


def _word_of_slot(words: str) -> str:
    return " ".join(_NOT_IN_SLOT.sub(" ", words).split())


_NOT_IN_SLOT = re.compile(r"[^\w' -]+")
_NOT_A_LIKING = pattern(r"""
    (?:to (?:see|hear|know|say|think|be|ask|bother|admit|break|point|believe|imagine|tell|disagree
    |interrupt|do|get|have|make it|add|use|try|understand)
    |an? (?!good\b|cold\b|nice\b)\w+ (?:that|which|for|to)
    |when|how|it|seeing|hearing|not|having to|waiting|being|\d)\b
    """)
_WORRY = pattern(
    r"(?:the|my|losing|breaking|making|getting|missing|doing|messing|what|how|being)\b"
)
_FIGURE_OF_SPEECH = pattern(
    r"\bto death\b|\blike (?:a|an|that)\b|\bcannot wait\b|\bto have (?:a|some)\b"
)
_PART_OF_THIS = pattern(r"""
    \b(?:part|thing|bit|line|section|one|option|aspect|moment|feature|change|idea|version
    |answer)s?\b
    """)
_SO_FAR = pattern(r"\b(?:this|that|so far|here|today)\b")
_KINDS_OF_PERSON = words("""
    cat dog morning night evening coffee tea beer wine people beach mountain city country outdoor
    outdoors indoor winter summer numbers animal horse bird
    """)
