"""Work and study: job, employer, field, school, degree, business."""

from __future__ import annotations

from collections.abc import Iterator

from eunoe_server.domain.fact import FactType
from eunoe_server.providers.extractors.english.objects import head_of, is_contextual, named
from eunoe_server.providers.extractors.english.patterns import joined, pattern
from eunoe_server.providers.extractors.english.places import leading_place, spelled
from eunoe_server.providers.extractors.english.topics import Finding, Reading, Topic, one_line
from eunoe_server.providers.extractors.english.vocabulary import (
    BUSINESS,
    INDUSTRIES,
    OCCUPATION,
    WORKPLACE,
)

TOPIC = Topic()

_WORK = (
    r"(?:work|be working|have worked|be employed|freelance)"
    r"(?: (?:part-time|full-time|remotely|freelance))?"
)
_MODE = joined(r"""
    (?:from home|remotely|nights|night shifts?|the night shift|part[- ]time|full[- ]time|weekends
    |in shifts|shifts|double shifts|a hybrid schedule|freelance|four days a week)
    """)


@TOPIC.clause(
    r"my (?:employer|company|workplace) is (?:called |named )?(?P<employer>(?-i:[A-Z])\w.*)$"
)
@TOPIC.predicate(
    rf"{_WORK} (?:at|for|by) (?P<employer>(?:the |a |an )?\w.*)$",
    r"""
    (?:have )?joined (?P<employer>(?-i:[A-Z])[\w&.]+(?: (?-i:[A-Z])[\w&.]+)*)
    (?: (?:as|last|in|this|two|a|on)\b.*)?$
    """,
    r"""
    (?:have )?(?:got|landed|started|accepted|took|begun|began|be starting) (?:an? |my )?
    (?:new |great |dream )*(?:job|position|role|internship)(?: offer)? (?:at|with|for)
    [ ](?P<employer>\w.*)$
    """,
    of_relatives=True,
)
def _employer(reading: Reading) -> Finding | None:
    """An employer has a name, or is of a kind that employs."""
    phrase = reading["employer"]
    name = named(_AFTER_EMPLOYER.split(phrase)[0].removeprefix("the "))
    is_employer = phrase[:1].isupper() or _WORKPLACE.search(phrase)
    if not name or not is_employer or _NO_EMPLOYER.match(phrase):
        return None
    return Finding(FactType.FACT, "employer", value=name)


@TOPIC.clause(r"my (?:occupation|profession|job title) is (?P<title>\w.*)$")
@TOPIC.predicate(
    rf"{_WORK} as (?:an? |the )?(?P<title>\w.*)$",
    r"""
    (?:have )?(?:got|landed|started|found|be starting) an? (?:new )?(?:job|position|role) as an?
    [ ](?P<title>\w.*)$
    """,
    of_relatives=True,
)
def _working_as(reading: Reading) -> Finding | None:
    """Any title, not "as expected"."""
    title = _title(reading["title"])
    if is_contextual(title) or _MANNER.match(title) or len(title.split()) > 6:
        return None
    return Finding(FactType.FACT, "job", value=title)


@TOPIC.predicate(
    rf"""
    {_WORK} in (?:the )?(?P<field>\w+)(?: (?:industry|sector|business|field))?(?: (?:at|for) .*)?$
    """,
    r"be in (?:the )?(?P<field>\w+)(?: (?:industry|sector|business|field))?$",
    of_relatives=True,
)
def _industry(reading: Reading) -> Finding | None:
    field = reading["field"].casefold()
    return Finding(FactType.FACT, "industry", value=field) if field in INDUSTRIES else None


@TOPIC.predicate(
    rf"(?:work|be working) (?:mostly |mainly )?(?P<mode>{_MODE})\b.*$", of_relatives=True
)
def _work_mode(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "work_mode", object=one_line(reading["mode"]))


@TOPIC.predicate(
    r"""
    be (?P<status>retired|semi-retired|unemployed|jobless|self-employed|between jobs
    |a freelancer)\b.*$
    """,
    of_relatives=True,
)
def _status(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "job", value=one_line(reading["status"]))


@TOPIC.predicate(
    r"be doing (?:an?|my) (?P<post>(?:\w+ )?(?:apprenticeship|internship|residency|postdoc))\b.*$",
    of_relatives=True,
)
def _training(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "job", value=one_line(reading["post"]))


@TOPIC.predicate(rf"was an? (?:[\w-]+ ){{0,3}}(?:{OCCUPATION})\b (?:for|until|before|in)\b.*$")
def _former_job(reading: Reading) -> Finding:
    return Finding(FactType.EXPERIENCE, "experience", object=one_line(reading.words))


@TOPIC.predicate(r"be on (?P<leave>(?:maternity|paternity|parental|medical|unpaid) leave)\b.*$")
def _leave(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "leave", value=one_line(reading["leave"]))


@TOPIC.clause(r"my (?:job|day job|current role) is (?:an?|being an?) (?P<title>\w.*)$")
@TOPIC.predicate(r"be (?:an?|the) (?P<title>\w.*)$", of_relatives=True)
def _job(reading: Reading) -> Iterator[Finding]:
    """ "I'm a nurse living in Leeds", not "I'm a fan"."""
    title = _title(reading["title"])
    is_job = _OCCUPATION.search(title.split(" of ")[0]) and not _NOT_A_JOB.search(title)
    if not is_job or len(title.split()) > 6:
        return
    if age := _AGED.match(title):
        title = title[age.end() :]
        said = reading.restated(f"{age[1]} years old")
        yield Finding(FactType.FACT, "age", value=age[1], said=said)
    yield Finding(FactType.FACT, "job", value=title)
    based = _BASED_IN.search(reading["title"])
    if based and (place := leading_place(based["place"])):
        said = reading.restated(f"based in {spelled(based['place'])}")
        yield Finding(FactType.FACT, "home", value=place.casefold(), said=said)


@TOPIC.predicate(
    r"""
    be (?:the |an? )?(?P<title>(?:co-)?founder|ceo|cto|cfo|coo|head|director|vp|owner)
    [ ](?:of|at) (?P<of>\w.*)$
    """,
    of_relatives=True,
)
def _leads(reading: Reading) -> Finding | None:
    what = named(reading["of"])
    if not what:
        return None
    return Finding(FactType.FACT, "job", value=f"{one_line(reading['title'])} of {what}")


@TOPIC.predicate(r"teach (?P<subject>\w.*)$", of_relatives=True)
def _teaches(reading: Reading) -> Finding | None:
    subject = named(_AFTER_TITLE.split(reading["subject"])[0])
    if not subject or _PUPILS.match(subject):
        return None
    return Finding(FactType.FACT, "teaches", object=subject)


@TOPIC.predicate(
    r"(?:study|be studying|major in|be majoring in|minor in) (?P<subject>\w.*)$",
    of_relatives=True,
)
def _studies(reading: Reading) -> Finding | None:
    subject = named(_AFTER_SUBJECT.split(reading["subject"])[0])
    if not subject or _MANNER.match(subject):
        return None
    return Finding(FactType.FACT, "studies", object=subject)


@TOPIC.predicate(
    r"(?P<by_name>(?:be a student|study|be studying) at )(?P<school>(?:the )?\w.*)$",
    r"(?P<by_name>be an? (?:freshman|sophomore|junior|senior) (?:at|in) )(?P<school>\w.*)$",
    r"be in my (?:\w+ )year (?:of|at) (?P<school>\w.*)$",
    r"(?:go to|attend|be at) (?P<school>(?:the )?\w.*)$",
    of_relatives=True,
)
def _school(reading: Reading) -> Finding | None:
    school = named(_AFTER_SUBJECT.split(reading["school"])[0])
    is_school = _SCHOOL.search(school) or (reading["by_name"] and reading["school"][:1].isupper())
    return Finding(FactType.FACT, "school", value=school) if school and is_school else None


@TOPIC.predicate(
    r"""
    (?:have|hold|got|earned|received|did|have done|finished|completed|be doing|be getting
    |be pursuing|be working on) (?:an?|my)
    [ ](?P<degree>(?:\w+'?s? ){0,2}(?:degree|phd|ph\.d\.?|doctorate|mba|bachelor'?s|master'?s
    |diploma|ba|bsc|msc|ma)\b(?: degree)?(?: in \w+(?: \w+){0,2})?).*$
    """,
    of_relatives=True,
)
def _degree(reading: Reading) -> Finding:
    return Finding(FactType.FACT, "degree", object=one_line(reading["degree"]))


@TOPIC.predicate(
    r"(?:have )?(?:graduated|dropped out)\b.*$",
    r"(?:have )?(?:got|was|been|be) promoted\b.*$",
    of_relatives=True,
)
def _step(reading: Reading) -> Finding:
    return Finding(FactType.EXPERIENCE, "experience", object=one_line(reading.words))


@TOPIC.predicate(
    r"""
    (?:have )?(?:quit|left|resigned from|lost|(?:got|was) (?:laid off|fired) from) (?:my |the )?
    (?:old |last |previous |day )?(?:job|position|work)(?: (?:at|with) (?P<employer>\w.*))?\b.*$
    """,
    r"""
    (?:have )?(?:got|was|been|be) (?:laid off|fired|made redundant|let go)\b
    (?: (?:from|by) (?P<employer>\w.*))?.*$
    """,
    of_relatives=True,
)
def _left_job(reading: Reading) -> Finding:
    """Leaving is an event that empties the place of the employer, or of the one named."""
    employer = named(_AFTER_EMPLOYER.split(reading["employer"])[0])
    return Finding(FactType.EXPERIENCE, "employer", value=employer, is_negated=True)


@TOPIC.predicate(
    rf"""
    (?:run|own|have|be running|co-own|(?:have )?(?:opened|started|founded|co-founded))
    [ ](?:an?|my own|the|two|three) (?P<business>(?:[\w-]+ ){{0,3}}(?:{BUSINESS}))\b.*$
    """,
    of_relatives=True,
)
def _business(reading: Reading) -> Finding | None:
    name = named(reading["business"])
    return Finding(FactType.FACT, "business", object=name) if name else None


def _title(phrase: str) -> str:
    return one_line(_AFTER_TITLE.split(head_of(phrase))[0].strip(" .,"))


_AFTER_EMPLOYER = pattern(r"""
    ,? (?:as|in|on|since|for|with|doing|where|and|from|part-time|full-time|until|last|this|next|now
    |these|right|after|remotely|\d)\b|[,;(]
    """)
_AFTER_TITLE = pattern(r"""
    ,? (?:at|in|for|from|with|who|and|by|working|based|living|speciali[sz]ing|since|on|near|to
    |here|turned|myself|now|these|currently|but|of \d)\b|[,;(]
    """)
_AFTER_SUBJECT = pattern(r"""
    ,? (?:at|in|for|since|with|and I|part-time|full-time|right|now|to|from|on|this|last|because)\b
    |[,;(]
    """)
_AGED = pattern(r"(\d{1,3})[- ]years?[- ]old ")
_BASED_IN = pattern(r"\b(?:living|based) in (?P<place>\w.*)$")
_WORKPLACE = pattern(rf"\b(?:{WORKPLACE})s?\b")
_NO_EMPLOYER = pattern(r"""
    (?:home|night|least|first|last|once|scale|all|times|noon|\d|the moment|the weekend|I\b
    |my (?!own\b|dad|father|mother|uncle|family))
    """)
_SCHOOL = pattern(r"\b(?:school|university|college|academy|institute|kindergarten|bootcamp)\b")
_OCCUPATION = pattern(rf"\b(?:{OCCUPATION})$")
_NOT_A_JOB = pattern(r"""
    \b(?:better|bad|good|great|terrible|decent|big|total|real|fast|slow|lousy|excellent|careful|safe
    |best|worst|avid|visual|quick|picky)\b
    """)
_MANNER = pattern(r"(?:expected|intended|designed|usual|hard|for|at|with|alone|together|every)\b")
_PUPILS = pattern(r"(?:others|people|myself|everyone|students|a lesson|lesson)\b")
