"""What is wrapped around a statement, and taken off before it is read.

"Hi! By the way, I'm vegan, thanks" says "I am vegan". A time that opens the clause is part of what
is said and moves to its end: "Last year I visited Japan" is "I visited Japan last year".
"""

from __future__ import annotations

import re

from eunoe_server.providers.extractors.english.patterns import pattern
from eunoe_server.providers.extractors.english.person import expanded


def unwrapped(clause: str) -> str:
    """The statement in `clause`, contractions expanded."""
    text = " ".join(_NOISE.sub(" ", expanded(clause)).split())
    text = _ASIDE.sub("", _ALSO.sub("", text))
    while (shorter := _CLOSING.sub("", text)) != text:
        text = shorter
    while opening := _OPENING.match(text):
        text = text[opening.end() :]
    if time := _TIME_FIRST.match(text):
        text = f"{text[time.end() :]} {time['time'][:1].lower()}{time['time'][1:]}"
    return text.strip(" ,;:")


# Bullets, emoji, smileys, bold.
_NOISE = re.compile(
    r"^\s*(?:[-*\u2022\u2013+]|\d{1,2}[.)])\s+|[\U0001F000-\U0001FAFF\u2600-\u27BF\uFE0F\u200D]"
    r"|(?<!\w)[:;]-?[)(DPp](?!\w)|\*+"
)
_ALSO = re.compile(r"\balso (?=\w)", re.IGNORECASE)

# "… , and it's been great" is remarked on the thing, not said of the speaker.
_ASIDE = pattern(r"""
    (?<=\w\w)(?:,|,? and|,? but| -+)\s+
    (?:it|they|he|she|that|this|these|those|things|there)
    (?:'?s| is(?! (?-i:[A-Z]))| are| was| were| has| have| had| will| can| makes?| made| gives?
    | gave| keeps?| helps?| feels?| grows?| just| really| always| also| got)\b.*$
    """)

_CLOSING = pattern(r"""
    (?:[,\s]+(?:
    btw|by the way|lol|haha+|hehe|xd|tbh|imo|fyi|tho|though|too|as well|you know|please
    |thanks|thank you|honestly|actually|really|indeed|of course|for sure|to be honest
    |just so you know|just fyi|for context|(?:nice|pleased|good|glad|great) to meet you(?: all)?
    |if (?:that|it|this) (?:helps|matters|is relevant|makes .{1,30})|if you need (?:to know|it)
    |if you(?: were|'re)? wonder\w*|(?:and )?since then|and|but|so
    )|[\s,!.:;~]+)$
    """)

_OPENING = pattern(r"""
    (?:
    (?:hi|hello|hey|hiya|yo|good (?:morning|afternoon|evening)|greetings)
        (?: (?:there|all|everyone|again|eunoe|folks|team|assistant))?
    |well|oh|ah|hm+|yes|yeah|yep|yup|no|nope|ok|okay|alright|right|so|and|but|also|plus|then|now
    |anyway|besides|btw|by the way|fyi|ps|p\.s\.?|just (?:so you know|fyi|for context)
    |for (?:the record|context|what it's worth|your information)
    |honestly|frankly|actually|personally|seriously|unfortunately|sadly|luckily|fortunately
    |thankfully|happily|admittedly|to be (?:honest|fair|clear|precise)|tbh|in fact|in general
    |generally|fun fact|before I forget|one (?:more )?thing|the thing is|(?:the )?truth is
    |it is true that|turns out|my answer is|answer
    |as (?:for me|you know|I (?:said|mentioned)(?: (?:before|earlier))?)|like I said
    |(?:some|more|quick|a bit of|a little) (?:background|context|info)
    |background|context|update|note|info|intro|about me|a bit about me
    |(?:you should|please|just) know that|please note(?: that)?
    |I (?:should|must|have to|want to|wanted to|forgot to|will)
        (?: mention| admit| say| add| confess)(?: that)?
    |since|because|given that|considering(?: that)?|now that|as(?= I (?:am|have|live|work)\b)
    |thanks|thank you|cool|great|nice|perfect|awesome|sorry|lol|haha|wow
    )(?:\s*[,:!.\-]\s*|\s+)(?=\w)
    """)

_WEEKDAY = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MONTH = "january|february|march|april|may|june|july|august|september|october|november|december"
_TIME_FIRST = pattern(rf"""
    (?P<time>
    (?:last|this|next) (?:week|weekend|month|year|summer|winter|spring|autumn|fall|night|{_WEEKDAY})
    |yesterday|today|tonight|tomorrow|recently|lately|currently|these days|nowadays|once
    |at the moment|right now|over the weekend|on weekends
    |(?:in|since|back in|around|until) (?:(?:early|late|mid)[ -])?(?:(?:{_MONTH}) ?)?(?:\d{{4}})?
        (?<=\w\w)
    |(?:\w+|a (?:few|couple of)) (?:days|weeks|months|years) ago|a (?:day|week|month|year|while) ago
    |(?:on|every) (?:{_WEEKDAY})s?
    |(?:on|in) my (?:free|spare) time
    |for the (?:past|last) (?:\w+ ){{0,3}}(?:years?|months?|weeks?|decade)
    |by (?:next|the end of (?:the|this|next)) (?:week|month|year|summer|winter|spring|autumn|fall)
    |after (?:college|school|university|graduation)
    |for (?:breakfast|lunch|dinner)
    |in (?:the (?:morning|evening)s?|summer|winter|spring|autumn|college|high school)
    ),?\s+(?=(?:I|we|my|our)\b)
    """)
