"""Who belongs to a person: family, friends, people at work, animals.

Of them a fact is kept too ("my sister is allergic to nuts"), of nobody else.
"""

from __future__ import annotations

from eunoe_server.providers.extractors.english.patterns import joined, pattern

_UNIQUE = joined(r"""
    mom|mum|mama|mother(?! tongue)|dad|papa|father|parents|stepmother|stepfather|stepmom|stepdad
    |wife|husband|spouse|partner|fianc[eé]e?|girlfriend|boyfriend|mother-in-law|father-in-law
    |boss|best friend
    """)
_SEVERAL = joined(r"""
    in-laws|ex-wife|ex-husband|brother-in-law|sister-in-law
    |brothers?|sisters?|siblings?|sons?|daughters?|kids?|child|children|baby|toddler|twins
    |uncle|aunt|auntie|cousin|nephew|niece|stepson|stepdaughter|godson|goddaughter
    |grandmother|grandma|nana|grandfather|grandpa|grandparents|granddaughter|grandson|grandkids
    |grandchildren|friend|roommate|flatmate|housemate|neighbou?r
    |manager|coworker|co-worker|colleague|mentor|coach|therapist|landlord
    """)
_ANIMAL = joined(r"""
    dogs?|cats?|puppy|kitten|parrot|rabbit|bunny|hamster|horse|pony|tortoise|turtle|guinea pig
    |budgie
    """)
_QUALIFIED = joined(r"""
    (?:(?:older|younger|big|little|elder|eldest|oldest|youngest|twin|close|late|first|second|middle
    |new|half|step)[ -])?
    """)

#: A pattern for "sister", "older brother", "best friend", "dog".
RELATIVE = rf"{_QUALIFIED}(?:{_UNIQUE}|{_SEVERAL}|{_ANIMAL})"

#: The children a person can say they have: "two kids".
CHILDREN = joined(r"""
    sons?|daughters?|kids?|children|child|bab(?:y|ies)|toddlers?|twins?|boys?|girls?
    """)
#: The people a person can say they have: "two sisters", "a son".
KIN = joined(rf"""
    {CHILDREN}|brothers?|sisters?|siblings?|cousins?|nephews?|nieces?
    |(?:grand|step)(?:sons?|daughters?|kids?|children|child)|wife|husband|girlfriend|boyfriend
    |partner|fianc[eé]e?|roommates?|flatmates?|housemates?
    """)

_ONLY_ONE = pattern(rf"(?:{_UNIQUE})(?: .+)?")


def is_unique(relative: str) -> bool:
    """True when a person has one of them ("wife"), or a name says which ("son Theo")."""
    has_name = relative.rsplit(maxsplit=1)[-1][:1].isupper()
    return has_name or bool(_ONLY_ONE.fullmatch(relative))
