"""Where and how somebody lives. A person has one home; the newest place said is it."""

from __future__ import annotations

from eunoe_server.domain.fact import FactType
from eunoe_server.providers.extractors.english.objects import named
from eunoe_server.providers.extractors.english.patterns import pattern, words
from eunoe_server.providers.extractors.english.places import leading_place, spelled
from eunoe_server.providers.extractors.english.relatives import RELATIVE
from eunoe_server.providers.extractors.english.topics import Finding, Reading, Topic, one_line

TOPIC = Topic()


@TOPIC.predicate(
    r"""
    (?:live|be living|reside|be residing|be based|be located|(?:have )?settled(?: down)?)
    [ ](?:in|near|outside(?: of)?|just outside(?: of)?|on|at) (?P<place>\w.*)$
    """,
    of_relatives=True,
    of_household=True,
)
def _home(reading: Reading) -> Finding | None:
    place = reading["place"]
    first = place.removeprefix("the ").split()[0]
    looks_like_name = first[:1].isupper() and first.casefold() not in _NOT_PLACES
    if leading_place(place) or _KIND_OF_PLACE.match(place) or looks_like_name:
        return _at(reading)
    return None


@TOPIC.predicate(
    r"""
    (?:have )?(?:moved|relocated|emigrated|immigrated)(?: (?:back|over|out|down|up|here))?
    (?: from (?P<old>[^,]{2,30}?))? (?:to|into) (?P<place>\w.*)$
    """,
    of_relatives=True,
    of_household=True,
)
def _moved(reading: Reading) -> Finding | None:
    """Takes a place known by name, or words that only fit one: one moves to Vim as well."""
    if _LONG_AGO.search(reading.words):
        return Finding(FactType.EXPERIENCE, "experience", object=one_line(reading.words))
    place, old = reading["place"], reading["old"]
    is_sure = leading_place(place) or _KIND_OF_PLACE.match(place) or leading_place(old)
    looks_like_name = place[:1].isupper() and place.split()[0].casefold() not in _NOT_PLACES
    may_be = reading.statement.relative or _AS_PEOPLE_MOVE.search(place)
    return _at(reading) if is_sure or (looks_like_name and may_be) else None


@TOPIC.predicate(
    r"(?:have )?moved in (?P<whom>with (?:my|an?|some) \w.*)$",
    r"share (?:an?|my|our) (?:flat|apartment|house|room|place|studio) (?P<whom>with \w.*)$",
    rf"""
    (?:live|be living) (?P<whom>alone|by myself|on my own
    |with (?:my|two|three|a|some) (?:\w+ )?(?:{RELATIVE}|roommates|flatmates|family|parents)\b).*$
    """,
)
def _household(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "household", value=one_line(reading["whom"]))


def _at(reading: Reading) -> Finding:
    place = reading["place"]
    value = leading_place(place) or named(_AFTER_PLACE.split(place)[0]) or place
    said = reading.statement.said.replace(place, spelled(place))
    return Finding(FactType.FACT, "home", value=value.casefold(), said=said)


_KIND_OF_PLACE = pattern(r"""
    (?:an?|the) (?:\w+[ -]){0,3}(?:town|village|city|suburbs?|countryside|farm|island|apartment
    |flat|condo|house|cabin|studio|bungalow|cottage|dorm|neighbou?rhood|houseboat|van|trailer|loft
    |duplex|mountains|coast|desert|woods)\b
    """)
_AS_PEOPLE_MOVE = pattern(r"""
    , (?-i:[A-Z])\w+|\bwith my (?:family|wife|husband|partner|parents|kids|girlfriend|boyfriend)\b
    |\bfor (?:work|school|college|university|love|a (?:new )?job|my (?:studies|phd|job))\b
    """)
# Where somebody was taken as a child says little about where they live.
_LONG_AGO = pattern(
    r"\b(?:when I was|as a (?:kid|child|teenager|teen|baby)|in my (?:teens|twenties))\b"
)
_AFTER_PLACE = pattern(r"""
    ,? (?:with|for|and|near|from|because|since|until|last|this|in|on|at|when|about|\d|these|now
    |right|currently|after|to)\b|[,;(]
    """)
_NOT_PLACES = words("""
    excel slack vim emacs jira outlook github gitlab terminal vscode figma notion zoom teams fear
    hell heaven hope denial sin peace luxury poverty i python rust java javascript typescript linux
    windows macos google youtube tiktok twitter instagram reddit facebook narnia hogwarts
    middle-earth atlantis wonderland
    """)
