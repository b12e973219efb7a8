"""Goals and plans that outlive a conversation.

"I want to" mostly asks the model for something, so only what is wanted of life counts: to learn, to
move, to run a marathon, with nothing in it that only this conversation explains.
"""

from __future__ import annotations

from eunoe_server.domain.fact import FactType
from eunoe_server.providers.extractors.english.objects import is_contextual, named
from eunoe_server.providers.extractors.english.patterns import pattern
from eunoe_server.providers.extractors.english.places import leading_place
from eunoe_server.providers.extractors.english.topics import Finding, Reading, Topic

TOPIC = Topic()


@TOPIC.predicate(
    r"(?:want|wish|intend|aim|aspire|dream) (?:to|of) (?P<what>\w.*)$",
    r"be (?:trying|working) to (?P<what>\w.*)$",
    r"decided to (?P<what>\w.*)$",
    r"(?:be going|will) to? ?(?P<what>(?:move|become|retire|learn|get married|have a baby|visit|run"
    r"|start|study)\b.*)$",
    r"will be (?P<what>(?:moving|visiting|travell?ing|starting|getting married)\b.*)$",
    of_household=True,
)
def _wants(reading: Reading) -> Finding | None:
    what = reading["what"]
    return _goal(what) if _is_of_life(what) or _SOME_DAY.search(what) else None


@TOPIC.predicate(r"would (?:like|love) to (?P<what>\w.*)$", of_household=True)
def _dreams(reading: Reading) -> Finding | None:
    """ "I'd love to …" is politeness, unless it is for one day."""
    return _goal(reading["what"]) if _SOME_DAY.search(reading["what"]) else None


@TOPIC.predicate(
    r"(?:plan|hope|be planning|be hoping|be aiming) (?:to|on) (?P<what>\w.*)$",
    r"have (?:decided|resolved|made up my mind|promised myself) to (?P<what>\w.*)$",
    of_household=True,
)
def _plans(reading: Reading) -> Finding | None:
    """Of life, or at least not for today and not an errand."""
    what = reading["what"]
    is_kept = _is_of_life(what) or (_LATER.search(what) and not _ERRAND.match(what))
    return _goal(what) if is_kept else None


@TOPIC.clause(
    r"""
    my (?:main |biggest |big |ultimate |long-term |life |personal |current |next |short-term
    |fitness |career )*(?:goal|dream|plan|ambition|aim|(?:new year's )?resolution)
    (?: for (?:this|next) year| this year| in life)? is
    [ ](?:to (?!use|make|write|get this|understand|sort|build (?:an? )?(?:app|api))|a |an )
    (?P<what>\w.*)$
    """
)
@TOPIC.predicate(
    r"""
    be planning (?P<what>(?:an?|my|our) (?:\w+ ){0,3}(?:trip|wedding|vacation|holiday|honeymoon
    |party|move|visit)\b.*)$
    """,
    r"""
    be (?:training|saving|saving up|saving money|studying|preparing|practi[cs]ing) for
    [ ](?P<what>(?:an?|my|the|our) (?!meeting|call)\w.*)$
    """,
    r"dream (?:of|about) (?P<what>\w+ing .*)$",
    r"be (?:training|studying|retraining) to (?P<what>(?:be|become) an? \w.*)$",
    of_household=True,
)
def _aims(reading: Reading) -> Finding | None:
    return _goal(reading["what"])


@TOPIC.predicate(
    r"be (?:going|flying|travell?ing|heading|driving|moving|coming|off) (?:back )?to (?P<to>\w.*)$",
    of_household=True,
)
def _journey(reading: Reading) -> Finding | None:
    """A journey has a place, or a name and a time that is not now."""
    to = reading["to"]
    if not leading_place(to) and not (to[:1].isupper() and _LATER.search(to)):
        return None
    return _goal(f"go to {to}")


@TOPIC.predicate(
    r"""
    be (?P<what>getting married|getting divorced|having a baby|expecting (?:a baby|twins|our|my)
    |starting (?:(?:a|my) (?:new job|phd|master'?s|degree|apprenticeship)|college|university
    |grad school|school))\b.*$
    """,
    of_household=True,
)
def _event_to_come(reading: Reading) -> Finding | None:
    return _goal(reading["what"])


def _is_of_life(what: str) -> bool:
    if going := _GOING.match(what):  # "visit Peru", not "visit every node of the tree"
        where = going["where"]
        return bool(leading_place(where) or where[:1].isupper() or _SIGHT.match(where))
    return bool(_OF_LIFE.match(what))


def _goal(what: str) -> Finding | None:
    core = _WHEN.split(what)[0]
    name = "" if is_contextual(core) else named(core)
    return Finding(FactType.GOAL, "goal", object=name) if name else None


_MONTH = "january|february|march|april|may|june|july|august|september|october|november|december"
_SEASON = "summer|winter|spring|fall|autumn"
_WHEN = pattern(rf"""
    ,? (?:some ?day|one day|(?:next|this) (?:week|weekend|month|year|{_SEASON})
    |in (?:\d{{4}}|the (?:{_SEASON}|future|next)|{_MONTH}|\w+ (?:days|weeks|months|years))
    |before|by|after|when|eventually|soon|tomorrow|tonight|at \d|for my|with my|because|so that
    |within|on (?:mon|tue|wed|thu|fri|sat|sun))\b.*
    """)
_LATER = pattern(rf"""
    \b(?:next (?:week|month|year|{_SEASON})|this (?:{_SEASON}|weekend|year)|tomorrow|soon
    |some ?day|one day|eventually|before I|by (?:the end of|next|\d)|\w+ years
    |in (?:the (?:next|future|{_SEASON})|{_MONTH}|\d)|on (?:mon|tue|wed|thu|fri|sat|sun)
    |for (?:christmas|easter|vacation|a conference|work|two|a week))\b
    """)
_SOME_DAY = pattern(r"\b(?:some ?day|one day|eventually|before I die|at some point)\b")

# What people want of life, rather than of a model.
_OF_LIFE = pattern(r"""
    (?:start |starting |begin |go back to |get (?:back )?into )?(?:learn(?:ing)?|study(?:ing)?)
        [ ](?!more|about|how|what|the|this|that|from|why|if)\w
    |(?:become|becoming|be) (?:an?|the|(?:more )?fluent|healthier|fitter|financially|better at|vegan
        |vegetarian)\b
    |(?:move|moving|relocate|emigrate) (?:to|back|abroad|out|closer|away)\b
    |(?:run|finish|complete|win) (?:an?|the|my) (?:first )?(?:half[ -])?(?:marathon|ultra\w*
        |triathlon|10k|5k|ironman|race|novel|degree|phd|thesis)
    |(?:run|walk|cycle|swim) (?:\d|more|every)
    |(?:lose|gain) (?:\d|some |a few |weight|muscle)
    |(?:buy|build|own|renovate|get|adopt) (?:an?|my|our) (?:first |own |new |bigger )*(?:house|home
        |flat|apartment|car|boat|dog|cat|puppy|kitten|cabin|farm|motorcycle|van|piano|tiny house
        |driver'?s licen[cs]e|degree|job|phd|promotion|master'?s)\b
    |(?:start|open|launch|found|run) (?:an?|my|our) (?:own )?(?:\w+ ){0,2}(?:business|company|bakery
        |restaurant|shop|startup|podcast|blog|band|cafe|café|school|family|garden|bookshop
        |bookstore|farm|channel|nonprofit|practice|studio|agency|gym)\b
    |(?:quit|stop) (?:my job|smoking|drinking|vaping|sugar|biting)
    |retire|graduate|get better at |get (?:married|fit|in shape|healthier|promoted|pregnant
        |certified|divorced)
    |(?:go|going) (?:back )?to (?:college|university|school|grad school|med(?:ical)? school
        |law school)
    |have (?:kids|children|a baby)|adopt a child|spend (?:more|less) time
    |write (?:a|my) (?:first )?(?:book|novel|memoir)|publish (?:a|my)|read (?:more|\d+) books?
    |(?:change|switch) careers|sell my|get into |save (?:up )?(?:money )?for|pay off my
    |live (?:in|abroad)|work (?:abroad|in|as|for)|meditate|volunteer|compete|qualify
    |play (?:the )?(?:guitar|piano|violin|drums)|speak \w+
    |eat (?:healthier|less|more)|sleep more|join (?:a|the|an) (?:gym|choir|club|army|navy|band)
    """)
_GOING = pattern(r"""
    (?:visit|visiting|see|tour|explore|exploring|travel|travell?ing|backpack|hike|climb|cycle|sail)
    (?: (?:to|in|around|through|across|up))? (?:the )?(?P<where>\w.*)
    """)
_SIGHT = pattern(r"""
    (?:my |our )(?:family|parents|grandparents|relatives|sister|brother|friends?|hometown)
    |northern lights|pyramids|world\b|ocean|mountains|rainforest|fjords|(?:every|all) (?:continent
    |country|countries|state|national parks?|seven continents)|more of the world|abroad
    """)
# Plans for the next minutes.
_ERRAND = pattern(r"""
    (?:use|try|add|make|do|ask|write|implement|deploy|refactor|test|check|fix|send|call|create
    |build (?:an? )?(?:app|website|api|tool|bot|model|script)|set up|install|run (?:the|this|it)
    |update|upgrade|migrate|switch|replace|change|keep|put|show|include|submit|present|post
    |go (?:with|for|ahead|over|through|back over)|give|work on|look|start with|say|tell|talk|watch
    |take|buy|order|book|bring|pick|wear|drop|grab|clean|organi[sz]e|invite|host|leave|stay|sleep
    |eat|see if|let|need|rename|delete|remove|merge|release|ship|spend|cook|grill|bake|have)\b
    """)
