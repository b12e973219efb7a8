"""Texts that nobody said: turns of invented conversations, and questions about them.

Made from the word lists below and a seed, so that every run loads the same. A few hundred common
words, and invented names that are the rarer the more there are (as words of a language are), in
turns of 8 to 100 words. Nothing is claimed about how well they are found (`benchmarks/recall.py`
asks that of real conversations), only about how fast, and whether all of them are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random


def _listed(phrases: str) -> Sequence[str]:
    """What stands between commas."""
    return [" ".join(phrase.split()) for phrase in phrases.split(",")]


PEOPLE = _listed(
    """
    I, we, she, he, they, Ana, Bruno, Carla, Deniz, Emil, Farah, Goran, Hana, Ivo, Jun,
    Kaja, Luis, Mina, Noor, Oskar, Petra, Quim, Rosa, Sven, Tariq, Uma, Vera, Wim, Yara,
    Zoran
    """
)
ACTS = _listed(
    """
    bought, sold, painted, repaired, borrowed, lost, found, cooked, planted, moved, ordered,
    measured, cleaned, opened, closed, photographed, described, rented, visited, built,
    designed, returned, sketched, baked, recorded, translated, cancelled, booked, wrapped,
    carried, dropped, tested, printed, watered, polished, packed, remembered, forgot,
    recommended, compared, counted, studied, taught, joined, left, started, finished
    """
)
QUALITIES = _listed(
    """
    old, new, red, blue, green, tiny, enormous, broken, quiet, noisy, wooden, cheap,
    expensive, bitter, sweet, fresh, dusty, shiny, narrow, wide, heavy, light, foreign,
    local, spare, favourite, secret, public, early, late, warm, cold, smooth, rough, clever,
    honest, careless, familiar, strange, plain, fancy, sharp, round, hollow, borrowed,
    handmade, second-hand, waterproof, electric
    """
)
THINGS = _listed(
    """
    guitar, bicycle, kettle, ladder, notebook, garden, boat, camera, lamp, sofa, recipe,
    curtain, violin, engine, window, bridge, blanket, jacket, telescope, compass, puzzle,
    bakery, library, orchard, workshop, kitchen, balcony, letter, ticket, passport, budget,
    contract, painting, sculpture, novel, poem, song, melody, festival, marathon, seminar,
    invoice, password, router, printer, keyboard, monitor, battery, fence, chimney, cellar,
    attic, staircase, backpack, tent, stove, saucepan, teapot, cheese, mushroom, walnut,
    cherry, lentil, pumpkin, cinnamon, lizard, parrot, horse, kitten, beetle, glacier,
    valley, island, harbour, lighthouse, dentist, surgeon, plumber, neighbour, cousin,
    teacher, landlord, colleague, manager, choir, team, orchestra
    """
)
PLACES = _listed(
    """
    at home, in the office, by the river, near the station, in the mountains, on the coast,
    at school, in the garden, downtown, at the market, in the library, behind the church, on
    the train, at the airport, in the old town, across the border, at my grandmother's
    house, in the car park
    """
)
TIMES = _listed(
    """
    yesterday, last week, two days ago, in the morning, after lunch, on Friday, during the
    holidays, last summer, before breakfast, in March, at midnight, this weekend, every
    Tuesday, years ago, on my birthday, right after work
    """
)
ASIDES = _listed(
    """
    It took longer than expected., Nobody complained., That was a relief., I would do it
    again., The weather did not help., We laughed about it later., It cost more than
    planned., I am still proud of it., Next time we will ask first., It still works.
    """
)
SYLLABLES = _listed(
    """
    ka, ri, mo, tel, va, sun, do, pre, li, gor, na, fe, chu, ba, wi, zan, to, me, hal, ro
    """
)


#: The rarest invented name is said about once in as many texts.
NAMES = 20_000


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said, and a question that it answers."""

    text: str
    question: str


def invented_turns(seed: int) -> Iterator[Turn]:
    """Turns without end, the same for the same seed."""
    choose = Random(seed)  # noqa: S311 - no secret
    while True:
        yield _turn(choose)


def _turn(choose: Random) -> Turn:
    person, act, thing = choose.choice(PEOPLE), choose.choice(ACTS), choose.choice(THINGS)
    place, name = choose.choice(PLACES), _name(choose)
    first = (
        f"{person.capitalize()} {act} the {choose.choice(QUALITIES)} {thing} of {name} {place} "
        f"{choose.choice(TIMES)}."
    )
    sentences = [first]
    # Most turns are short; an answer of ten sentences comes now and then.
    for _ in range(min(int(choose.expovariate(0.6)), 9)):
        if choose.random() < 0.3:
            sentences.append(choose.choice(ASIDES))
        else:
            sentences.append(
                f"{choose.choice(PEOPLE).capitalize()} {choose.choice(ACTS)} a "
                f"{choose.choice(QUALITIES)} {choose.choice(THINGS)} {choose.choice(PLACES)}."
            )
    choose.shuffle(sentences)
    about = f" of {name}" if choose.random() < 0.5 else f" {place}"
    return Turn(" ".join(sentences), f"Who {act} the {thing}{about}?")


def _name(choose: Random) -> str:
    """Of the n-th name there is a share of one over n, as of words (Zipf)."""
    number = int(NAMES ** choose.random())
    name = ""
    while number:
        number, syllable = divmod(number, len(SYLLABLES))
        name += SYLLABLES[syllable]
    return name.capitalize()
