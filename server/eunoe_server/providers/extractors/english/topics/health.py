"""Health and food: allergies, conditions, medication, diet, what is not eaten, drunk or smoked."""

from __future__ import annotations

from collections.abc import Iterator

from eunoe_server.domain.fact import FactType
from eunoe_server.providers.extractors.english.objects import named
from eunoe_server.providers.extractors.english.patterns import joined, pattern
from eunoe_server.providers.extractors.english.topics import (
    Finding,
    Reading,
    Topic,
    one_by_one,
    one_line,
)
from eunoe_server.providers.extractors.english.vocabulary import CONDITION

TOPIC = Topic()

_CONDITION = joined(rf"""
    (?:(?:type [12]|mild|severe|chronic|seasonal|gestational|high|low|rheumatoid|generalized
    |clinical|bad|early-onset|exercise-induced) )*(?:{CONDITION})
    """)
_DIET = joined(r"""
    (?:(?:vegan|vegetarian|pescatarian|pescetarian|flexitarian|fruitarian|carnivore|teetotall?er
    |teetotal)|(?:gluten|dairy)[- ]free|halal|kosher|keto|paleo|plant[- ]based)
    """)
_VICE = joined(r"""
    (?:smoking|cigarettes|vaping|nicotine|tobacco|(?:drinking )?(?:alcohol|coffee|soda|beer|wine)
    |drinking|caffeine|(?:eating )?(?:meat|dairy|sugar|gluten|pork|fish|red meat))
    """)


@TOPIC.predicate(
    r"be (?:(?:very|severely|deathly|mildly|highly|extremely|super) )?allergic to (?P<to>\w.*)$",
    r"have (?:an? )?(?:[\w-]+ )?(?:allergy|allergies|intolerance|sensitivity) to (?P<to>\w.*)$",
    of_relatives=True,
)
def _allergies(reading: Reading) -> Iterator[Finding]:
    for item, said in one_by_one(reading["to"], reading.statement, is_always_list=True):
        allergen = named(_KINDS_OF.sub("", item))
        if allergen and not _JOKE.search(allergen):
            yield Finding(FactType.FACT, "allergy", object=allergen, said=said)


@TOPIC.predicate(
    r"have (?:an? |some |any )?(?P<of>(?:[\w-]+ ){0,4})(?:allergy|allergies|intolerance)\b.*$",
    of_relatives=True,
)
def _allergy(reading: Reading) -> Finding | None:
    allergen = named(_SEVERITY.sub("", reading["of"]))
    if not allergen and not reading.statement.is_negated:
        return None
    return Finding(FactType.FACT, "allergy", object=allergen or "any")


@TOPIC.predicate(
    r"""
    be (?:(?:very|severely|mildly|slightly) )?
    (?P<of>lactose|gluten|dairy|fructose|histamine|sulfite|egg|soy)[ -]?(?:intolerant|sensitive)\b
    (?:(?:,| (?:and|since|so|but|now)\b).*)?$
    """,
    of_relatives=True,
)
def _intolerance(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "allergy", object=reading["of"].casefold())


@TOPIC.predicate(
    rf"""
    (?:have|suffer from|live with|be living with|struggle with|be struggling with|deal with)
    [ ](?:an? |my )?(?P<condition>{_CONDITION})
    (?:(?:,| (?:and|since|for|so|in|that|which|from|due|as)\b).*)?$
    """,
    r"""
    be (?:a )?(?:type [12] )?(?P<condition>diabetic|asthmatic|celiac|coeliac|epileptic|dyslexic
    |autistic|anemic|anaemic|bipolar|colou?r ?-?blind)\b.*$
    """,
    of_relatives=True,
)
def _condition(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "condition", object=one_line(reading["condition"]))


@TOPIC.predicate(
    r"""
    (?:was|be|got|have got)(?: (?:recently|just|first|officially|finally))? diagnosed
    [ ](?:with|as having) (?P<condition>\w.*)$
    """,
    of_relatives=True,
)
def _diagnosis(reading: Reading) -> Finding | None:
    condition = named(_AFTER_CONDITION.split(reading["condition"])[0])
    return Finding(FactType.FACT, "condition", object=condition) if condition else None


@TOPIC.predicate(
    rf"""
    (?:be|be on|be doing|follow|eat|keep|be eating|went|became|have gone|turned
    |have become|be trying)
    [ ](?:an? |the )?(?:strict |strictly |mostly |fully |entirely )*(?P<diet>{_DIET})
    (?: diet| eater)?
    (?:(?:,| (?:and|now|since|for|so|these|at|in|last|two|three|by|because|but|who|when|a|this|after
    |with)\b).*)?$
    """,
    of_relatives=True,
    of_household=True,
)
def _diet(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "diet", value=one_line(reading["diet"].replace("-", " ")))


@TOPIC.predicate(
    r"(?P<verb>eat|drink)(?: any| much)? (?P<what>(?!to\b)\w.*)$",
    of_relatives=True,
    of_household=True,
)
def _abstains(reading: Reading) -> Iterator[Finding]:
    """ "I don't eat pork": only the denial is worth keeping, everybody eats something."""
    if not reading.statement.is_negated:
        return
    for item, said in one_by_one(reading["what"], reading.statement, is_always_list=True):
        food = named(_AMOUNT.sub("", item))
        if food and not _NOT_FOOD.search(food):
            yield Finding(FactType.FACT, f"{reading['verb'].casefold()}s", object=food, said=said)


@TOPIC.predicate(
    rf"""
    (?:(?:have )?(?:quit|stopped|gave up|given up|cut out)|stay away from|avoid|be avoiding)
    [ ](?P<what>{_VICE})\b.*$
    """,
    of_relatives=True,
)
def _gave_up(reading: Reading) -> Finding:
    what = one_line(reading["what"]).removeprefix("eating ")
    if _SMOKE.match(what):
        return Finding(FactType.FACT, "smokes", is_negated=True)
    attribute = "drinks" if _DRINK.match(what) else "eats"
    # "Quit drinking" says what without naming it.
    thing = what.removeprefix("drinking").strip() or "alcohol"
    return Finding(FactType.FACT, attribute, object=thing, is_negated=True)


@TOPIC.predicate(r"have smoked\b.*$", of_relatives=True)
def _stopped_smoking(reading: Reading) -> Finding | None:
    """ "I haven't smoked in years"."""
    return Finding(FactType.FACT, "smokes") if reading.statement.is_negated else None


@TOPIC.predicate(r"(?:smoke|vape)(?: (?:cigarettes|a pack|sometimes|weed).*)?$", of_relatives=True)
def _smokes(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "smokes", value="" if reading.statement.is_negated else "yes")


@TOPIC.predicate(r"be an? (?P<former>non-|ex-)?smoker$", of_relatives=True)
def _smoker(reading: Reading) -> Finding:
    is_negated = reading.statement.is_negated or bool(reading["former"])
    value = "" if is_negated else "yes"
    return Finding(FactType.FACT, "smokes", value=value, is_negated=is_negated)


@TOPIC.predicate(
    r"""
    be (?P<trait>left[- ]handed|right[- ]handed|ambidextrous|deaf|blind|hard of hearing
    |visually impaired|short-sighted|nearsighted|far-?sighted|a twin|an only child|an introvert
    |an extrovert|introverted|extroverted|a night owl|an early bird|a morning person|a light sleeper
    |dyscalculic|neurodivergent|sober|in a wheelchair)\b.*$
    """,
    r"have (?P<trait>(?:[\w-]+,? ){1,3}(?:hair|eyes|freckles))$",
    r"""
    (?P<trait>wear (?:glasses|contact lenses|contacts|hearing aids|a hearing aid)
    |use a wheelchair)\b.*$
    """,
    of_relatives=True,
)
def _trait(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "trait", object=one_line(reading["trait"]))


@TOPIC.predicate(r"be (?:\w+ (?:weeks?|months?) )?pregnant\b.*$")
def _pregnancy(_: Reading) -> Finding:
    return Finding(FactType.FACT, "pregnancy", value="pregnant")


@TOPIC.clause(r"my doctor (?:has )?(?:put me on|prescribed(?: me)?) (?P<drug>[\w-]+)\b.*$")
@TOPIC.predicate(
    r"""
    (?:take|be taking|be on) (?P<drug>(?!a\b|the\b|my\b)[\w-]+(?: (?!for\b|every\b|daily\b)[\w-]+)?)
    (?: (?:every|daily|twice|once|at|in)\b.*)?
    (?P<why> for (?:my|high|low|anxiety|depression|pain|asthma|adhd)\b.*)?$
    """,
    of_relatives=True,
)
def _medication(reading: Reading) -> Finding | None:
    """ "I take metformin", "I'm on Xyz for my asthma", not "I take the bus"."""
    drug = reading["drug"].casefold()
    is_drug = _DRUG.search(drug) or reading["why"]
    return Finding(FactType.FACT, "medication", object=drug) if is_drug else None


@TOPIC.predicate(
    r"""
    (?:have )?(?:broke|broken|fractured|sprained|twisted|dislocated|tore|injured|hurt) my (?:\w+ )?
    (?:arm|leg|wrist|ankle|foot|toe|finger|hand|knee|collarbone|rib|hip|nose|shoulder|elbow|acl|back
    |meniscus|achilles)\b.*$
    """
)
def _injury(reading: Reading) -> Finding:
    return Finding(FactType.EXPERIENCE, "experience", object=one_line(reading.words))


_KINDS_OF = pattern(r"^(?:most|all|some|certain) (?:kinds of |types of )?")
_SEVERITY = pattern(r"^(?:severe|bad|mild|serious|strong|life-threatening|slight) ")
_JOKE = pattern(r"""
    semicolons?|mondays?|meetings?|javascript|java|php|nonsense|bullshit|work|exercise|drama|stupid
    |commitment|people|fun|mornings|effort
    """)
_AFTER_CONDITION = pattern(r"""
    ,? (?:in|last|when|at|two|three|a|\d+|this|on|by|as|back|since|early|recently)\b
    """)
_AMOUNT = pattern(r"^(?:any|much|too much) ")
_NOT_FOOD = pattern(r"""
    ^(?:anything|everything|much|enough|lunch|dinner|breakfast|well|out|there|time|idea|problem
    |money|anyone)\b|^(?:a |any )?(?:lot|clue)
    """)
_SMOKE = pattern(r"smoking|cigarettes|vaping|nicotine|tobacco")
_DRINK = pattern(r"drinking|alcohol|coffee|caffeine|soda|beer|wine")
# Names of drugs end alike; the rest are those that people name.
_DRUG = pattern(r"""
    (?:formin|pril|sartan|statin|olol|azole|cillin|mycin|oxetine|traline|pram|zepam|dipine|xaban
    |gliptin|glutide|thyroxine|phylline|terol|sone|dryl)s?\b
    |^(?:insulin|ibuprofen|aspirin|paracetamol|acetaminophen|lithium|warfarin|ritalin|adderall
    |vyvanse|prozac|zoloft|lexapro|xanax|ozempic|wegovy|antidepressants|antihistamines
    |blood thinners|birth control|vitamin \w+|iron supplements|magnesium|creatine|melatonin)\b
    """)
