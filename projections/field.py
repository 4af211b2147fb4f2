"""The field: what reviews found, practice by practice, added up over programs and years (S2-08).

Nobody may find one program's results in it. So a year is told once it is over, the years of a scheme are put together
until five programs were decided in them, and each scheme and version of the instrument stands alone: no answer contains
another one, no answer changes afterwards, and nothing can be reckoned back by taking one from another.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import msgspec
from msgspec.structs import replace

from domain.access import AssessmentAccessGranted
from domain.assessment import ItemRated
from domain.carrying import AssessmentCarriedForward
from domain.decision import TierDenied
from domain.determination import ItemDeterminationRecorded, ItemsConfirmed, NotApplicableRuled
from domain.grant import TierGranted
from domain.hearing import ItemsRedetermined
from domain.instrument.model import QUALITY_LEVELS
from domain.values import InstrumentRef, Rating
from projections.language import Index, Question, ReadModel, Recorded, Row, columns, present

NOT_IN_PRACTICE, NOT_VERIFIED, NOT_APPLICABLE = "not_in_practice", "not_verified", "not_applicable"
RESULTS = (*map(str, QUALITY_LEVELS), NOT_IN_PRACTICE, NOT_VERIFIED, NOT_APPLICABLE)
"""What a review can find of a practice: in practice with a quality, or one of the others."""
FEWEST = 5
"""From so many programs on their results are told together."""
BEHIND = timedelta(hours=12)
"""By so much the last place on Earth is behind UTC."""


class Case(Row):
    """A cycle with access to the instrument: what the program says of each practice, and the last ruling on each.

    Rulings that were taken off again lie here still: before a decision each of those practices is ruled on anew.
    """

    instrument: InstrumentRef
    rated: dict[str, str] = {}
    found: dict[str, str] = {}


class Judged(Row):
    """What had been found in a cycle by the time of a decision that ended it, whatever became of the decision."""

    cycle_id: str
    scheme: str
    instrument: InstrumentRef
    decided_on: date
    found: dict[str, str]


class Reviewed(Row):
    """One program: its cycles by id, and what was found in those that were decided."""

    cases: dict[str, Case] = {}
    judged: tuple[Judged, ...] = ()


def _lines(row: Reviewed) -> Iterator[tuple[Any, ...]]:
    for n, j in enumerate(row.judged):
        found = msgspec.json.encode(j.found).decode()
        yield (
            n,
            j.cycle_id,
            j.scheme,
            j.instrument.family,
            j.instrument.version,
            j.instrument.sha256,
            j.decided_on,
            found,
        )


model = ReadModel(
    "field",
    Reviewed,
    aggregate="program",
    index=Index(
        "field_decisions",
        columns(
            ordinal="int4", cycle_id="text", scheme="text", family="text", version="text", sha256="text",
            decided_on="date", found="text",
        ),
        _lines,
    ),
)  # fmt: skip


@model.on(AssessmentAccessGranted)
def _(row: Reviewed | None, r: Recorded) -> Reviewed:
    return _with_case(row or Reviewed(), r.event.cycle_id, Case(instrument=r.event.instrument))


@model.on(AssessmentCarriedForward)
def _(row: Reviewed | None, r: Recorded) -> Reviewed:
    known, e = present(row, r), r.event
    source = known.cases[e.from_cycle]
    carried = {"rated": {i: source.rated[i] for i in e.items}, "found": {i: source.found[i] for i in e.settled}}
    return _with_case(known, e.cycle_id, replace(known.cases[e.cycle_id], **carried))


@model.on(ItemRated)
def _(row: Reviewed | None, r: Recorded) -> Reviewed:
    known, e = present(row, r), r.event
    case = known.cases[e.cycle_id]
    return _with_case(known, e.cycle_id, replace(case, rated={**case.rated, e.item_id: _in_words(e.rating)}))


@model.on(ItemDeterminationRecorded)
def _(row: Reviewed | None, r: Recorded) -> Reviewed:
    e: ItemDeterminationRecorded = r.event
    found = NOT_VERIFIED if e.outcome == "not_verified" else _in_words(e.rating)
    return _ruled(row, r, {e.item_id: found})


@model.on(ItemsConfirmed)
def _(row: Reviewed | None, r: Recorded) -> Reviewed:
    rated = present(row, r).cases[r.event.cycle_id].rated
    return _ruled(row, r, {i: rated[i] for i in r.event.item_ids})


@model.on(NotApplicableRuled)
def _(row: Reviewed | None, r: Recorded) -> Reviewed:
    return _ruled(row, r, {r.event.item_id: NOT_APPLICABLE if r.event.accepted else NOT_IN_PRACTICE})


@model.on(ItemsRedetermined)
def _(row: Reviewed | None, r: Recorded) -> Reviewed:
    return _ruled(row, r, {i: str(quality) if quality else NOT_IN_PRACTICE for i, quality in r.event.ratings.items()})


@model.on(TierGranted, TierDenied)
def _(row: Reviewed | None, r: Recorded) -> Reviewed | None:
    e: TierGranted | TierDenied = r.event
    ends = e.ends_cycle if isinstance(e, TierDenied) else e.granted_at == "cycle_end"
    if e.cycle_id is None or not ends:
        return row
    known = present(row, r)
    case = known.cases[e.cycle_id]
    judged = Judged(
        cycle_id=e.cycle_id, scheme=e.scheme, instrument=case.instrument, decided_on=e.decided_on, found=case.found
    )
    return replace(known, judged=(*known.judged, judged))


def _in_words(rating: Rating | None) -> str:
    return str(rating.quality) if rating and rating.in_practice == "yes" else NOT_IN_PRACTICE


def _with_case(row: Reviewed, cycle_id: str, case: Case) -> Reviewed:
    return replace(row, cases={**row.cases, cycle_id: case})


def _ruled(row: Reviewed | None, r: Recorded, found: dict[str, str]) -> Reviewed:
    known, cycle_id = present(row, r), r.event.cycle_id
    case = known.cases[cycle_id]
    return _with_case(known, cycle_id, replace(case, found={**case.found, **found}))


# --- what is told -------------------------------------------------------------------------------------------------


class Decided(Row):
    """What was found in one cycle of one program when it was decided."""

    program: str
    cycle_id: str
    instrument: InstrumentRef
    decided_on: date
    found: dict[str, str]


class Again(Row):
    """Programs that went through the process before, by their mean level now beside that of their first cycle."""

    programs: int
    rose: int
    same: int
    fell: int


class Told(Row):
    """The results of at least five programs together, each by its last decision in the years."""

    programs: int
    items: dict[str, dict[str, int]]
    """By practice: in how many programs each result was found."""
    share_in_place: float | None
    """Of the practices that apply and count, how large a part is in place."""
    mean_level: float | None
    """How well on average, from 0 for not in place to 5."""
    again: Again | None
    """Untold where fewer than five of them were decided before."""


class Period(Row):
    """Years put together, the first and the last included."""

    first: int
    last: int
    told: Told | None
    """None while there are fewer than five programs."""


class Cohort(Row):
    """All that one scheme found by one version of the instrument."""

    instrument: InstrumentRef
    periods: tuple[Period, ...]


Counting = Callable[[InstrumentRef], Container[str]]
"""Which practices of an instrument count."""
Firsts = Mapping[tuple[str, str], Decided]
"""The first decision of each program by each family of instruments."""


def years_over(now: datetime) -> int:
    """The last year that is over wherever one is on Earth; ``now`` in UTC."""
    return (now - BEHIND).year - 1


def cohorts(decided: Iterable[Decided], through: int, counting: Counting) -> list[Cohort]:
    """The results of one scheme up to a year that is over, in the order of the instrument's versions."""
    known = sorted((d for d in decided if d.decided_on.year <= through), key=lambda d: d.decided_on)
    refs = sorted({d.instrument for d in known}, key=lambda ref: (ref.family, min(_days(known, ref)), ref.version))
    return [Cohort(instrument=ref, periods=tuple(_periods(known, ref, through, counting))) for ref in refs]


def _days(decided: Sequence[Decided], ref: InstrumentRef) -> list[date]:
    return [d.decided_on for d in decided if d.instrument == ref]


def _periods(known: Sequence[Decided], ref: InstrumentRef, through: int, counting: Counting) -> Iterator[Period]:
    """The years of a cohort, put together from the first one on until there are enough programs."""
    own = [d for d in known if d.instrument == ref]
    firsts = {(d.program, d.instrument.family): d for d in reversed(known)}
    years = sorted({d.decided_on.year for d in own})
    first, latest = years[0], dict[str, Decided]()
    for year in years:
        latest |= {d.program: d for d in own if d.decided_on.year == year}
        if len(latest) >= FEWEST:
            yield Period(first=first, last=year, told=_told(list(latest.values()), firsts, counting))
            first, latest = year + 1, {}
    if latest:
        yield Period(first=first, last=through, told=None)


def _told(latest: Sequence[Decided], firsts: Firsts, counting: Counting) -> Told:
    results: dict[str, Counter[str]] = {}
    for d in latest:
        for item, result in d.found.items():
            results.setdefault(item, Counter())[result] += 1
    counted = counting(latest[0].instrument)
    together = sum((results[item] for item in results if item in counted), Counter[str]())
    level = _level(together)
    applicable = sum(together.values()) - together[NOT_APPLICABLE]
    in_place = sum(together[str(quality)] for quality in QUALITY_LEVELS)
    return Told(
        programs=len(latest),
        items={item: {result: counts[result] for result in RESULTS} for item, counts in results.items()},
        share_in_place=round(in_place / applicable, 4) if applicable else None,
        mean_level=round(float(level), 4) if level is not None else None,
        again=_again(latest, firsts, counting),
    )


def _level(counts: Mapping[str, int]) -> Fraction | None:
    """The mean level of practices by result: the quality of those in place, 0 of the others that apply."""
    applicable = sum(n for result, n in counts.items() if result != NOT_APPLICABLE)
    points = sum(quality * counts.get(str(quality), 0) for quality in QUALITY_LEVELS)
    return Fraction(points, applicable) if applicable else None


def _again(latest: Iterable[Decided], firsts: Firsts, counting: Counting) -> Again | None:
    """Counts alone: a mean of what has changed, beside the means of the years, would give single programs away."""
    turns: Counter[int] = Counter()
    for d in latest:
        first = firsts[d.program, d.instrument.family]
        then, now = (_level(Counter(r for i, r in x.found.items() if i in counting(x.instrument))) for x in (first, d))
        if first.cycle_id != d.cycle_id and then is not None and now is not None:
            turns[(now > then) - (now < then)] += 1
    if turns.total() < FEWEST:
        return None
    return Again(programs=turns.total(), rose=turns[1], same=turns[0], fell=turns[-1])


DECIDED = Question(
    "what was found in every decided cycle of a scheme, program by program",
    """SELECT key, cycle_id, family, version, sha256, decided_on, found FROM read.field_decisions
WHERE generation = (SELECT generation FROM read.progress WHERE model = 'field' AND live)
    AND scheme = %(scheme)s AND decided_on < make_date(%(through)s::int + 1, 1, 1)
ORDER BY key, ordinal""",
)


def decided_from(line: Sequence[Any]) -> Decided:
    """What a line of the answer says."""
    program, cycle_id, family, version, sha256, decided_on, found = line
    return Decided(
        program=program,
        cycle_id=cycle_id,
        instrument=InstrumentRef(family, version, sha256),
        decided_on=decided_on,
        found=msgspec.json.decode(found, type=dict[str, str]),
    )
