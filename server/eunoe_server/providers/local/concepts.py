"""What questions about a person ask for, and the many ways in which people tell it.

`Where do I live?` is answered by `I moved to Porto`. A concept names such a pair: what asks for it
and what tells it. The table is about everyday life and nobody in particular; a question outside it
is matched by its own words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from eunoe_server.providers.local.english import stem


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing that is asked for in some words and told in others."""

    asked: re.Pattern[str]
    #: Sought in what was said, already turned to "you".
    told: re.Pattern[str]
    #: What only looks like telling it.
    unless: re.Pattern[str] | None
    #: Stems of the question that asking for this accounts for.
    covers: frozenset[str]
    #: What it weighs against the question's other words.
    weight: float
    #: There may be several: allergies, likes, pets.
    is_plural: bool
    #: It asks for somebody, so what is told of them is an answer.
    is_of_beings: bool

    def is_told_in(self, said: str) -> bool:
        """Whether a clause tells it."""
        # A note may begin with its verb (`Prefers tea`), and names need their capital.
        spellings = (said, said[:1].lower() + said[1:])
        if not any(map(self.told.search, spellings)):
            return False
        return self.unless is None or not any(map(self.unless.search, spellings))


def _concept(
    *,
    asked: str,
    told: str,
    covers: str,
    unless: str | None = None,
    weight: float = 1.0,
    is_plural: bool = False,
    is_of_beings: bool = False,
) -> Concept:
    return Concept(
        asked=re.compile(asked, re.IGNORECASE),
        told=re.compile(told),
        unless=re.compile(unless) if unless else None,
        covers=_stems_of(covers),
        weight=weight,
        is_plural=is_plural,
        is_of_beings=is_of_beings,
    )


def _words_of(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


def _stems_of(listed: str) -> frozenset[str]:
    return frozenset(map(stem, listed.split()))


_NOT = r"(?:don't|do not|doesn't|does not|didn't|never|no longer)(?: really| much)?"
_CANNOT = r"(?:can't|cannot|can not|mustn't|must not|shouldn't|should not|may not|not allowed to)"
_PETS = (
    r"pets?|dogs?|cats?|pupp(?:y|ies)|kittens?|hamsters?|rabbits?|parrots?|horses?|ponies|pony|fish|"
    r"turtles?|tortoises?|birds?|snakes?|lizards?|guinea pigs?|budgies?|canar(?:y|ies)|ferrets?"
)

AVOIDED_FOOD = _concept(
    asked=r"\ballerg|\bintoleran|\bdiet|(?:\bnot\b|n't|\bnever\b|\bavoid|\bunsafe|\bdangerous).*"
    r"\b(?:eat|food|drink|cook|serve)|\b(?:eat|food|drink|cook|serve)\w*\b.*"
    r"(?:\bnot\b|n't|\bavoid|\bunsafe|\bdangerous)|\bavoid eating",
    told=rf"\b[Aa]llerg|\bintoleran|\b(?:vegan|vegetarian|pescatarian|co?eliac|halal|kosher)\b|"
    rf"\bgluten|\blactose|(?:{_CANNOT}|{_NOT}) (?:eat|drink|have|touch|tolerate)\b|"
    r"\bavoid|\bdiet\b|\bmakes? (?:you|me|him|her) (?:ill|sick)",
    covers="allergy allergies allergic intolerant intolerance diet dietary eat eating food foods "
    "drink cook serve avoid dangerous unsafe restriction restrictions safe",
    is_plural=True,
)
DISLIKE = _concept(
    asked=r"\b(?:hate|dislike|detest|loathe)|\bcan(?:'t|not) (?:I )?stand|(?:\bnot|n't)(?: I)? "
    r"(?:like|enjoy|love)",
    told=r"\b(?:hate|dislike|detest|loathe)|\bcan(?:'t|not) stand|"
    rf"{_NOT} (?:like|enjoy|love|care for)",
    covers="hate dislike detest loathe stand like enjoy love",
    is_plural=True,
)
LIKE = _concept(
    asked=r"(?<!look )(?<!feel )\b(?:like|love|enjoy|prefer|hobby|hobbies|interests?|fond|"
    r"passionate|favou?rites?)\b",
    told=r"\b(?:like[sd]?|love[sd]?|enjoy\w*|prefer\w*|hobby|hobbies|fan of|fond of|adore[sd]?|"
    r"interested in|passion\w*|crazy about|really into|favou?rites?)\b",
    unless=rf"{_NOT} (?:like|love|enjoy|prefer)|\b(?:would|'d) like|"
    r"\b(?:look|feel|sound|seem)s? like|\bhate",
    covers="like love enjoy prefer hobby hobbies interest interests fond passionate favorite do",
    is_plural=True,
)
FOOD = _concept(
    asked=r"\b(?:eat|food|meal|dish|cuisine|breakfast|lunch|dinner|cook)",
    told=r"\b(?:eat|ate|food|meal|dish|cuisine|breakfast|lunch|dinner|cook|bak)",
    covers="eat eating food foods meal meals dish dishes cuisine cook",
    weight=0.4,
)

CONCEPTS = (
    AVOIDED_FOOD,
    DISLIKE,
    LIKE,
    FOOD,
    _concept(  # what somebody or something is called
        asked=r"\bnames?\b|\bcalled\b|\bnamed\b",
        told=r"\bnames?\b|\bnamed\b|\bcall(?:ed|s)?\b|\b[Yy]our (?:[a-z]+ )?[a-z]+,? [A-Z]\w+|"
        r"\b[A-Z]\w+,? (?:is )?your\b|\b(?:an?|two|three|four) (?:[a-z]+ ){0,2}[a-z]+, \w",
        covers="name names called named call",
    ),
    _concept(  # where the home is
        asked=r"\b(?:live|lives|(?<!a )living|resides?|based|home|house|address)\b|"
        r"\bwh(?:at|ich) (?:city|town|country)\b",
        told=r"\b(?:live[sd]?|living|reside[sd]?|based in|relocated|settled|address)\b|"
        r"\bmoved\b(?: \w+)? (?:to|into)\b|\b(?:home|house|flat|apartment|city|town) is\b",
        unless=r"\b(?:want|plan|hope|going)\w* to (?:live|move|settle)\b",
        covers="live lives living reside based home house address city town country place",
    ),
    _concept(  # where somebody comes from
        asked=r"\bfrom\b\W*$|\bwhere .*\b(?:born|grow|grew|raised)\b|\bhometown|\bnationality",
        told=r"\b(?:[Yy]ou(?:'re| are)|is|was|come|comes|came|originally) from\b|\bborn in\b|"
        r"\bgrew up\b|\braised in\b|\bmoved\b.*\bfrom\b|\bhometown|\bnative\b|\bnationality|"
        r"\b[Yy]ou(?:'re| are) [A-Z]\w+(?:ese|ish|an|ch|sh)\b",
        covers="from born grow grew up raised hometown nationality come",
    ),
    _concept(  # what somebody does for a living
        asked=r"\b(?:work|works|working|jobs?|profession|occupation|career|employers?|living)\b|"
        r"\bwhat do(?:es)? (?:\w+ ){1,3}do\W*$",
        told=r"\b(?:work|works|worked|working|jobs?|profession|career|employ\w*|teach|teaches)\b|"
        r"\b(?:[Yy]ou(?:'re| are)|is|as) (?:an? |the )(?:[\w-]+ )?(?!vegetarian|sister|brother|"
        r"mother|father|daughter|partner|member|number)"
        r"\w*(?:er|or|ist|ian|ect|ant|ent|nurse|chef|cook|pilot|maid)\b",
        covers="work works working job jobs profession occupation career employer living do does",
    ),
    _concept(
        asked=r"\bhow old\b|\bage\b",
        told=r"\byears?[- ]old\b|\b(?:[Yy]ou are|[Yy]ou're|turn\w*|aged?) \d{1,3}\b|"
        r"\bis \d{1,3}(?=\W*$|,| and\b| now\b)|\bborn (?:in|on)\b",
        unless=r"\bnumber\b",
        covers="old age",
    ),
    _concept(
        asked=r"\bbirth ?days?\b|\bwhen .*\bborn\b|\bdate of birth\b",
        told=r"\bbirth ?day|\bborn\b|\bdate of birth\b",
        covers="birthday birth day date born",
    ),
    _concept(
        asked=r"\bpets?\b|\banimals?\b",
        told=rf"\b(?:{_PETS})\b",
        covers="pet pets animal animals",
        is_of_beings=True,
        is_plural=True,
    ),
    _concept(
        asked=r"\bsiblings?\b|\bbrothers? (?:or|and) sisters?\b",
        told=r"\b(?:siblings?|sisters?|brothers?)\b",
        covers="sibling siblings brother brothers sister sisters",
        is_of_beings=True,
        is_plural=True,
    ),
    _concept(
        asked=r"\bparents?\b",
        told=r"\b(?:parents?|mothers?|fathers?|mum|mom|dad)\b",
        covers="parent parents",
        is_of_beings=True,
        is_plural=True,
    ),
    _concept(
        asked=r"\b(?:children|kids|child)\b",
        told=r"\b(?:children|child|kids?|sons?|daughters?|baby|twins)\b",
        covers="children kids child",
        is_of_beings=True,
        is_plural=True,
    ),
    _concept(
        asked=r"\b(?:spouse|married|partner)\b",
        told=r"\b(?:spouse|married|partner|wife|husband|fianc\w+|single|divorced)\b",
        covers="spouse married partner",
        is_of_beings=True,
    ),
    _concept(
        asked=r"\b(?:afraid|scared|fears?|phobias?)\b",
        told=r"\b(?:afraid|scared|terrified|frightened|fears?|phobia)\b",
        covers="afraid scared fear fears phobia phobias",
        is_plural=True,
    ),
    _concept(
        asked=r"\b(?:costs?|price|pay|paid)\b",
        told=r"\b(?:costs?|price|pay|paid|euros?|dollars?|pounds?)\b|[$€£]",
        covers="cost costs price pay paid",
    ),
    _concept(
        asked=r"\binstruments?\b",
        told=r"\b(?:instruments?|guitar|piano|violin|viola|cello|drums?|flute|sax\w*|trumpet|"
        r"trombone|clarinet|harp|ukulele|accordion|organ|double bass|banjo)\b",
        covers="instrument instruments",
        is_plural=True,
    ),
    _concept(
        asked=r"\bsports?\b",
        told=r"\b(?:sports?|football|soccer|tennis|basketball|volleyball|rugby|cricket|hockey|golf|"
        r"badminton|squash|swim\w*|run|running|cycl\w+|climb\w*|row|rowing|judo|karate|yoga|ski\w*|"
        r"surf\w*|gym|hik\w+|baseball|handball|fencing|boxing)\b",
        covers="sport sports",
        is_plural=True,
    ),
    _concept(
        asked=r"\blanguages?\b",
        told=r"\blanguages?\b|\bspeak|\bfluent|\blearning [A-Z]\w+",
        covers="language languages speak",
        is_plural=True,
    ),
    _concept(
        asked=r"\b(?:cars?|vehicles?)\b",
        told=r"\b(?:cars?|vehicles?|drives?|driving)\b",
        covers="car cars vehicle vehicles drive",
    ),
    _concept(
        asked=r"\b(?:stud(?:y|ying|ied)|school|universit\w+|college|degree|major|graduate)\b",
        told=r"\b(?:stud(?:y|ying|ied|ies)|school|universit\w+|college|degree|major\w*|graduat\w+|"
        r"PhD|student)\b",
        covers="study school university college degree major graduate go",
    ),
    _concept(
        asked=r"\b(?:travel|trips?|holidays?|vacations?)\b",
        told=r"\b(?:travel\w*|trips?|holidays?|vacations?|went to|going to|fly(?:ing)? to|flew)\b",
        covers="travel trip holiday vacation go",
    ),
)

#: Those who are somebody else than the user. What is true of them is not true of the user.
BEINGS = _stems_of(
    "sister brother sibling mother father mum mom dad parent son daughter child kid baby twin wife "
    "husband spouse partner girlfriend boyfriend fiance fiancee cousin aunt uncle niece nephew "
    "grandmother grandma granny grandfather grandpa grandson granddaughter grandparent family "
    "friend neighbor neighbour colleague coworker boss manager teacher doctor dentist therapist "
    "roommate flatmate housemate landlord landlady company dog cat puppy kitten hamster rabbit "
    "parrot horse pony fish turtle tortoise bird snake lizard budgie canary ferret pet"
)

#: Say little about what is asked.
STOP_WORDS = _words_of(
    "a about again all am an and any anything are aren't as at be been being but by can can't "
    "could couldn't currently d did didn't do does doesn't doing don't done else ever everything "
    "far for get got had has hasn't have haven't here how how's i i'm i've if in is isn't it it's "
    "its just kind know ll long m many may me mention mentioned might mine more much must mustn't "
    "my no not now of often on one or our out people person please re really recall remember s "
    "said say shall should shouldn't so some something sort still t tell that that's the there "
    "these thing things this those time to told type up us usually ve was wasn't we were weren't "
    "what what's when when's where where's which who who's whom whose why will with won't would "
    "wouldn't you your yours"
)

#: Say something, but less than what they are done to: `drive` beside `car`.
LIGHT_STEMS = _stems_of(
    "drive use play take go make want need think feel give keep read watch wear speak visit see "
    "meet come find start plan try buy own talk look happen"
)
