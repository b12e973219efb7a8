"""What somebody did or lived through, where the words tell life from work on a machine.

"I went to Lisbon" and "I went to settings", "I ran a marathon" and "I ran the tests" differ in the
object alone, so each verb has the objects it is believed with.
"""

from __future__ import annotations

import re
from dataclasses import replace

from eunoe_server.domain.fact import FactType
from eunoe_server.providers.extractors.english.objects import is_contextual
from eunoe_server.providers.extractors.english.patterns import joined, pattern, words
from eunoe_server.providers.extractors.english.person import is_past
from eunoe_server.providers.extractors.english.places import leading_place, spelled
from eunoe_server.providers.extractors.english.topics import (
    LIKELY,
    Finding,
    Reading,
    Topic,
    one_line,
)
from eunoe_server.providers.extractors.english.topics.identity import DATE
from eunoe_server.providers.extractors.english.vocabulary import ACQUISITION, ANIMAL

TOPIC = Topic()

_WEEKDAY = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_DAY = joined(rf"""
    (?:yesterday|today
    |last (?:night|week|weekend|month|year|summer|winter|spring|fall|autumn|{_WEEKDAY})
    |this (?:morning|afternoon|evening|week|weekend|month|year|summer|winter|spring|fall)
    |(?:\w+|a couple(?: of)?) (?:days|weeks|months|years) ago|a (?:day|week|month|year) ago
    |on (?:\w+day|{DATE})|(?:back )?in (?:19|20)\d\d|when I was (?:\w+|in \w+(?: school)?))
    """)


@TOPIC.predicate(r"(?:have been|be) to (?P<where>\w.*)$", of_household=True)
def _been(reading: Reading) -> Finding | None:
    """Also the denial: who has never been to Africa may like to go."""
    if _MANY_PLACES.match(reading["where"]):
        return _event(reading.words)
    place = leading_place(reading["where"])
    if not place:
        return None
    said = reading.statement.said.replace(reading["where"], spelled(reading["where"]))
    return Finding(FactType.EXPERIENCE, "visited", object=place.casefold(), said=said)


@TOPIC.predicate(
    r"""
    (?:have )?(?:went|gone|travell?ed|flew|flown|drove|driven|hiked|cycled|backpacked|road-tripped
    |sailed|returned|got back|came back)
    (?: (?:all the way|back|up|down|over|across|around|through))?
    (?: (?:to|from|through|across|around|in))? (?P<where>\w.*)$
    """,
    r"(?:have )?(?:visited|toured|explored) (?P<where>\w.*)$",
    r"was (?:just )?at (?P<where>(?:an?|the) \w.*)$",
    of_household=True,
)
def _went(reading: Reading) -> Finding | None:
    where = reading["where"]
    if leading_place(where):
        return _event(reading.words, said=reading.statement.said.replace(where, spelled(where)))
    is_somewhere = _VENUE.match(where) or _LANDMARK.match(where)
    return _event(reading.words) if is_somewhere and not reading.statement.is_negated else None


@TOPIC.predicate(
    r"""
    (?:have )?(?:finished|started|read|reread|watched|rewatched|be reading|be watching)
    (?: (?:reading|watching))? (?P<what>(?:\"|(?-i:[A-Z])|(?:the|a) (?:book|novel)\b).*)$
    """
)
def _read_or_seen(reading: Reading) -> Finding | None:
    """A work has a title: capitals, quotes, or "the book …"."""
    if reading.statement.is_negated or is_contextual(reading["what"]):
        return None
    return _event(reading.words, confidence=LIKELY)


@TOPIC.predicate(
    r"""
    (?:have )?(?:ran|run|finished|completed|did) (?:an?|my|the) (?:\w+ ){0,3}?
    (?:half[ -]marathon|marathon|ultramarathon|triathlon|ironman|10 ?k|5 ?k|race|trail run)\b.*$
    """,
    r"""
    (?:have )?(?:climbed|summited|hiked|trekked|scaled) (?:up |to )?
    (?:the |mount |mt\.? )?(?-i:[A-Z]).*$
    """,
    r"""
    (?:have )?(?:finished|completed|handed in|submitted|defended) (?:writing )?(?:an?|my|the)
    [ ](?:\w+ ){0,3}?(?:novel|book|thesis|dissertation|degree|phd|master'?s|course|bootcamp
    |apprenticeship|residency|painting|quilt|puzzle|album)\b.*$
    """,
    r"""
    (?:have )?(?:passed|failed|aced|took|sat) (?:my|the|an?) (?:\w+ ){0,3}?(?:exam|exams
    |driving test|driver'?s test|road test|bar|finals|certification|boards|citizenship test|sat|gre
    |toefl|ielts|interview)\b.*$
    """,
    r"""
    (?:have )?(?:took|taken|attended|signed up for|joined|started|enrolled in|finished|completed
    |gave|led|taught|won) (?:an?|my|the|our) (?:[\w'-]+ ){0,4}?(?:class|course|workshop|conference
    |seminar|retreat|concert|wedding|funeral|lessons|gym|book club|choir|band|club|team
    |support group|marathon|competition|tournament|contest|prize|award|scholarship|medal
    |championship|game|talk|trip|vacation|sabbatical|year off|gap year|cruise)\b.*$
    """,
    r"""
    (?:have )?(?:won|lost|received|got awarded|was awarded) (?:an?|the|my|first|second|third)
    [ ](?:\w+ ){0,3}?(?:prize|award|medal|scholarship|competition|tournament|contest|championship
    |race|lottery|grant|place)\b.*$
    """,
    r"""
    (?:have )?(?:met|saw|had dinner with|had lunch with|ran into|reconnected with|broke up with
    |split up with) (?:my |an old |the )(?:\w+ )?(?:wife|husband|girlfriend|boyfriend|partner
    |friend|best friend|ex|fianc[eé]e?|idol|birth mother|cousin|parents|mother|father|brother
    |sister)\b.*$
    """,
    r"(?:have )?(?:saw|seen) (?-i:[A-Z]).*\b(?:live|in concert|on tour|perform)\b.*$",
    r"gave birth\b.*$",
    r"was in the (?:army|navy|military|air force|marines|peace corps)\b.*$",
    r"(?:have )?(?:broke up|split up) with (?-i:[A-Z])\w+\b.*$",
    r"""
    (?:have )?(?:published|self-published|wrote|released|recorded) (?:an?|my) (?:\w+ ){0,3}?
    (?:book|novel|memoir|album|ep|paper|cookbook|poem collection|short story)\b.*$
    """,
    r"""
    (?:have )?(?:had|underwent|got) (?:(?:an?|my) )?(?:[\w-]+ ){0,3}?(?:surgery|operation|baby
    |miscarriage|c-section|root canal|heart attack|stroke|accident|car accident|tattoo|transplant
    |citizenship|green card|(?:driver'?s|driving) licen[cs]e)\b.*$
    """,
    r"""
    became (?:an?|the) (?:\w+ ){0,2}(?:citizen|father|mother|dad|mom|mum|parent|grandmother
    |grandfather|grandparent|aunt|uncle|godfather|godmother)\b.*$
    """,
    r"""
    (?:have )?learn(?:ed|t) (?:how )?to (?:swim|ski|drive|ride|surf|sail|dance|cook|knit|sew|juggle
    |play|fly|dive|scuba|weld|bake|snowboard|crochet|paint)\b.*$
    """,
)
def _done(reading: Reading) -> Finding | None:
    return None if reading.statement.is_negated else _event(reading.words)


@TOPIC.predicate(
    rf"""
    (?:have )?(?:adopted|rescued|got|bought|sold|built|purchased|inherited|restored|renovated
    |picked up|ordered) (?:an?|my|our|myself an?|two|three) (?:(?!bug)[\w-]+ ){{0,4}}?
    (?:{ACQUISITION}|{ANIMAL})\b.*$
    """,
    r"(?:have )?celebrated (?:my|our) .*$",
    of_household=True,
)
def _done_together(reading: Reading) -> Finding | None:
    return None if reading.statement.is_negated else _event(reading.words)


@TOPIC.predicate(
    r"""
    (?:have )?(?:served|volunteered|spent|studied abroad|worked|lived|taught) (?:\w+ ){0,8}?
    (?:in|at|for|with) (?P<where>(?:the )?(?-i:[A-Z]).*
    |the (?:army|navy|military|air force|marines|peace corps)\b.*)$
    """
)
def _lived_through(reading: Reading) -> Finding | None:
    where = reading["where"]
    is_somewhere = leading_place(where) or where.startswith("the ")
    return _event(reading.words) if is_somewhere and not reading.statement.is_negated else None


@TOPIC.predicate(rf"(?:have )?(?P<verb>[a-z]+) (?P<what>\w.*?),? {_DAY}\b.*$")
def _dated(reading: Reading) -> Finding | None:
    """Whatever was done on a day that is named was done, and mostly matters."""
    verb = reading["verb"].casefold()
    if reading.statement.is_negated or not is_past(verb) or verb in _OF_THE_MIND:
        return None
    return None if is_contextual(reading["what"]) else _event(reading.words, confidence=LIKELY)


def _event(what: str, *, said: str = "", confidence: float | None = None) -> Finding | None:
    if _MACHINE.search(what) or _POINTS_HERE.search(what):
        return None
    found = Finding(FactType.EXPERIENCE, "experience", object=one_line(what), said=said)
    return replace(found, confidence=confidence) if confidence else found


_MANY_PLACES = pattern(r"(?:over |more than |about )?\d+ (?:countries|continents|states)\b")
_LANDMARK = re.compile(r"(?:the )?[A-Z]\w+")
_POINTS_HERE = pattern(r"""
    \b(?:this|these|those|your|you|it)\b
    (?! (?:morning|afternoon|evening|week|weekend|month|year|summer|winter|spring|fall|autumn))
    """)
_MACHINE = pattern(r"""
    \b(?:settings|pages?|link|url|website|site|docs|documentation|github|gitlab|stack ?overflow
    |google|menu|tab|folder|directory|files?|terminal|servers?|container|command|script|code|repo
    |branch|build|install|error|404|console|dashboard|endpoint|localhost|query|database|app
    |kubernetes|docker|python|javascript|typescript|java|rust|api|linux|windows|firefox|chrome|jira
    |slack|chatgpt|aws|azure|step|function|message|answer|readme|manual|tickets?|screenshots?
    |issues?|bugs?|commits?|pull requests?|pr|process|module|migrations?|config|spreadsheet
    |prompt)\b
    """)
_VENUE = pattern(r"""
    (?:an?|the|my|our|see|two|three) (?:[\w'-]+ ){0,4}?(?:concert|gig|festival|wedding|funeral
        |museum|gallery|exhibition|theat(?:re|er)|opera|ballet|play|musical|show|cinema|movies|zoo
        |aquarium|beach|park|gym|doctor|dentist|hospital|vet|conference|meetup|workshop|retreat
        |party|reunion|game|match|race|market|farmers?'? market|restaurant|cafe|café|bar|pub|club
        |church|mosque|temple|synagogue|library|parade|graduation|baby shower|dinner|class
        |therapist|physio|spa|lake|mountains|island|castle|trip|vacation|camp|auction|protest|rally
        |marathon|open day|support group)\b
    |(?:college|university|law school|church|therapy|yoga|camping|hiking|skiing|fishing|swimming
        |surfing|dancing|bowling|climbing|kayaking|snowboarding|sailing)\b
    |on (?:vacation|holiday|a date|a (?:\w+ )?trip|safari|a cruise)
    """)
_OF_THE_MIND = words("""
    realized realised noticed thought heard meant asked tried needed wanted told said saw forgot
    remembered knew felt found hoped guessed mentioned used had liked loved hated enjoyed got was
    did made kept let put
    """)
