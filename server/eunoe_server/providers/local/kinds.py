"""What a sentence does: it asks, sets a task, greets or thanks, or else it states something."""

from __future__ import annotations

import re

from eunoe_server.providers.local.english import straight, words

_LEAD_IN = re.compile(
    r"^(?:(?:hi|hello|hey|hiya|greetings|good (?:morning|afternoon|evening))(?: there| again)?|"
    r"so|and|but|ok|okay|well|also|oh|hmm|actually|now|then|btw|by the way|fyi|just so you know|"
    r"please|sorry|for the record|(?:great|thanks|thank you)(?=[,.!])|"
    r"(?:please )?(?:remember|note|keep in mind|know)(?: that)?)\b[\s,.!:;-]+(?=\S)",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"^(?:(?:can|could|would|will) you (?:please )?(?:tell|remind) me(?: again)?(?: about)?|"
    r"(?:tell|remind) me(?: again)?(?: about)?(?! an? )|"
    r"do you (?:still |even )?(?:know|remember|recall)(?: again)?|"
    r"(?:list|show me|give me)(?: all)?(?: of)?(?= my\b)|"
    r"i (?:forgot|forget|wonder|(?:want|need|would like|'d like) to know)[\s,.:]*"
    r"(?=(?:what|which|who|whose|where|when|why|how)\b))\b[\s,:]*(?:if |whether )?",
    re.IGNORECASE,
)
_INTERROGATIVE = re.compile(
    r"^(?:(?:what|which|who|whom|whose|where|when|why|how)(?:'s|'re|'d|'ll|s)?\b|"
    r"(?:at|in|on|from|for|with|to) (?:what|which|whom|where)\b|"
    r"(?:do|does|did|am|is|are|was|were|have|has|had|can|could|should|shall|must|will|would|may)"
    r"(?:n't)? (?:i|you|we|he|she|they|it|my|your|our|his|her|their|the|there|this|that|any\w*|"
    r"some\w*)\b)",
    re.IGNORECASE,
)
_TASK = re.compile(
    r"^(?:(?:can|could|would|will) you |please |i (?:want|need|would like|'d like) you to |"
    r"help me (?:to )?)*"
    r"(?:write|translate|summari[sz]e|explain|draft|compose|generate|create|calculate|compute|solve|"
    r"code|implement|refactor|debug|fix|rewrite|rephrase|paraphrase|proofread|recommend|suggest|"
    r"brainstorm|imagine|pretend|act as|roleplay|describe|compare|analy[sz]e|plan me|"
    r"tell me an? |give me an? |make me an? |sing|draw|search|google|look up|book me)\b"
    r"(?! (?:is|are|was|were|has|had|for|of)\b)",  # `Code for the gate is 12.` states something
    re.IGNORECASE,
)
_THANKS = re.compile(r"^(?:thanks|thank you|thx|cheers|many thanks)\b", re.IGNORECASE)
_GREETING = re.compile(
    r"^(?:hi|hello|hey|hiya|greetings|good (?:morning|afternoon|evening|day)|how are you|"
    r"what's up|nice to meet you)\b",
    re.IGNORECASE,
)


def core_of(sentence: str) -> str:
    """The sentence without what only opens it."""
    core = straight(sentence).strip()
    while (shorter := _LEAD_IN.sub("", core, count=1)) != core:
        core = shorter
    return core


def question_in(sentence: str) -> str | None:
    """What a sentence asks, if it asks."""
    core = core_of(sentence)
    if _GREETING.match(core):
        return None
    asked = _ASKING.sub("", core, count=1)
    if asked != core or _INTERROGATIVE.match(core) or core.endswith("?"):
        return asked
    return None


def is_task(sentence: str) -> bool:
    return _TASK.match(core_of(sentence)) is not None


def is_greeting(sentence: str) -> bool:
    # `Hello, I moved to Porto.` says more.
    return _GREETING.match(sentence) is not None and len(words(sentence)) <= 4


def is_thanks(sentence: str) -> bool:
    return _THANKS.match(core_of(sentence)) is not None
