"""What found things' metadata must hold: `{"price": {"$gte": 10, "$lt": 20}, "tier": "gold"}`.

Compiled to a jsonpath predicate and its variables. The predicate is put together from the texts in
this file alone, with numbered variables: names and values of a caller never become part of it.
Numbers stay the digits they were written with, so 9007199254740993 is not 9007199254740992.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eunoe_server.domain.filterable import MAX_EXPONENT, can_be_compared
from eunoe_server.domain.json_document import Number, Parsed
from eunoe_server.domain.json_text import text_of
from eunoe_server.domain.limit_table import MAX_FILTER_FIELDS
from eunoe_server.domain.search_filter import parse_filter, refuse
from eunoe_server.domain.turn import storable_text

# A field's values: those of an array one by one. A name is a variable too, which jsonpath's own
# way to a member (`$.name`) cannot take.
_VALUES = "$.keyvalue() ? (@.key == ${field}).value"
#: Whether one of the values compares so with one of those asked for. Inside `exists`, where values
#: that cannot be compared (a number with a string) are simply not equal.
_SOME = "exists(" + _VALUES + " ? (@ {comparison} ${asked}[*]))"
_NONE = "!" + _SOME

#: Operator -> the predicate and its comparison.
_OPERATORS = {
    "$eq": (_SOME, "=="),
    "$ne": (_NONE, "=="),
    "$in": (_SOME, "=="),
    "$nin": (_NONE, "=="),
    "$gt": (_SOME, ">"),
    "$gte": (_SOME, ">="),
    "$lt": (_SOME, "<"),
    "$lte": (_SOME, "<="),
}
_LISTS = {"$in", "$nin"}
_ORDERS = {"$gt", "$gte", "$lt", "$lte"}


@dataclass(frozen=True, slots=True)
class MetadataFilter:
    """A jsonpath predicate, and its variables as a JSON object."""

    condition: str
    values: str


def read_metadata(document: str) -> MetadataFilter | None:
    """The filter; None when nothing is asked. Raises InvalidParameter."""
    asked = parse_filter(document, "metadata")
    if asked is None or asked == {}:
        return None
    if not isinstance(asked, dict):
        refuse("metadata", "must be an object from field names to what they must be")
    if len(asked) > MAX_FILTER_FIELDS:
        refuse("metadata", f"must name at most {MAX_FILTER_FIELDS} fields")
    conditions = []
    values: dict[str, Parsed] = {}
    for number, (field, wanted) in enumerate(asked.items()):
        values[f"f{number}"] = storable_text(field)
        for operator, operands in _comparisons(wanted, f"metadata.{field}"):
            name = f"v{len(values)}"
            values[name] = list(operands)
            predicate, comparison = _OPERATORS[operator]
            conditions.append(
                predicate.format(field=f"f{number}", comparison=comparison, asked=name)
            )
    return MetadataFilter(" && ".join(conditions), text_of(values))


def _comparisons(wanted: Parsed, path: str) -> Iterator[tuple[str, Sequence[Parsed]]]:
    """Operators and what they compare with: one value, or several."""
    if isinstance(wanted, list):
        yield "$in", _scalars(wanted, path)
    elif isinstance(wanted, dict):
        if not wanted:
            refuse(path, "must hold an operator")
        for operator, operand in wanted.items():
            here = f"{path}.{operator}"
            if operator not in _OPERATORS:
                refuse(here, f"must be one of {', '.join(_OPERATORS)}")
            if operator in _LISTS:
                if not isinstance(operand, list):
                    refuse(here, "must be an array")
                yield operator, _scalars(operand, here)
            else:
                if operator in _ORDERS and not isinstance(operand, Number | str):
                    refuse(here, "must be a number or a string")
                yield operator, [_scalar(operand, here)]
    else:
        yield "$eq", [_scalar(wanted, path)]


def _scalars(operands: Sequence[Parsed], path: str) -> Sequence[Parsed]:
    return [_scalar(operand, f"{path}[{index}]") for index, operand in enumerate(operands)]


def _scalar(operand: Parsed, path: str) -> Parsed:
    if isinstance(operand, list | dict):
        refuse(path, "must be a string, a number, true, false or null")
    if isinstance(operand, Number) and not can_be_compared(operand):
        refuse(path, f"must be a number from 1E-{MAX_EXPONENT} to 1E{MAX_EXPONENT}")
    return storable_text(operand) if isinstance(operand, str) else operand
