"""Telling: a drawn life becomes facts, act by act."""

from collections.abc import Callable, Sequence
from typing import Any

from domain.admission import AcceptMembershipApplication
from domain.language import Role
from domain.listing import AppointRepresentative, ApproveListing, DeclineListing, RegisterProgram
from domain.membership import (
    DeclineMembershipApplication,
    SubmitMembershipApplication,
    WithdrawMembershipApplication,
)
from domain.status import ImportHistoricalStatus
from domain.values import Rating
from infra.simulation import acts, afterwards, deciding, names
from infra.simulation.acts import Life
from infra.simulation.book import Book
from infra.simulation.rating import Aim, aim, evidence, file_papers, rate, rated
from infra.simulation.reviewing import reviewed
from infra.simulation.smaller import small
from infra.simulation.tale import DAY, Tale
from infra.simulation.world import OPERATOR, World

FORMER = "The affiliate's register on paper"


class Teller:
    """Tells one life. What the whole cycle shall find is chosen when the assessment begins, so acts are looked ahead."""

    def __init__(self, world: World, life: Life, programs: Sequence[str], *, direct: bool = True) -> None:
        book = Book(world.seed, f"life/{life.index}", world.published, world.texts)
        self.tale = Tale(world, book, life, direct)
        self._programs = programs
        self._aims: dict[int, Aim] = {}
        self._found = {a.cycle: a.found for a in reversed(life.acts) if isinstance(a, acts.Reviewed)}

    def tell(self) -> Tale:
        """The whole life."""
        for act in self.tale.life.acts:
            self._ACTS[type(act)](self, act)
        return self.tale

    # --- the beginning --------------------------------------------------------------------------------------------

    def _registered(self, act: acts.Registered) -> None:
        tale = self.tale
        tale.affiliate = act.affiliate
        tale.book.shelf.homes[tale.program] = act.affiliate
        tale.until(act.day)
        body = next(b for b in tale.world.shown.bodies if b.code == act.affiliate)
        name, legal, town = names.program(tale.book.draw)
        told: Any = {
            "legal_name": legal,
            "display_name": name,
            "affiliate": act.affiliate,
            "jurisdiction": body.places[0],
            "city": town,
            "began_operating_on": act.day - (900 + int(tale.book.draw.random() * 3000)) * DAY,
            "models": (tale.pick(("one_to_one", "group", "site_based")),),
            "ages": (8 + tale.life.index % 4, 16 + tale.life.index % 3),
            "serves_youth": True,
            "connector_ref": f"SIM-{tale.life.index:06}",
            "website": f"https://p{tale.life.index}.example",
        }
        tale.by("director", RegisterProgram(**told))
        if act.listed is None:
            tale.until(act.day + 5 * DAY)
            tale.by("administrator", DeclineListing(ground="incomplete", reason=tale.book.words()))
            return
        tale.until(act.listed)
        tale.by("administrator", ApproveListing(lead=tale.who("lead")))
        tale.by("lead", AppointRepresentative(person=tale.who("director"), role="executive_director"))
        tale.by("lead", AppointRepresentative(person=tale.who("staff"), role="program_staff"))

    def _imported(self, act: acts.Imported) -> None:
        tale = self.tale
        tale.until(act.day)
        rules = tale.world.rules(act.scheme, act.day)
        rank = [t.code for t in rules.tiers].index(act.tier) + 1
        told: Any = {"tier": act.tier, "rank": rank, "label": act.tier.replace("_", " ").title(), "badge": "former"}
        since: Any = {"valid_from": act.since, "valid_until": act.until, "listing": "listed"}
        command = ImportHistoricalStatus(scheme=act.scheme, source=FORMER, note=tale.book.words(), **told, **since)
        tale.book.do(OPERATOR, tale.program, command, frozenset({Role.OPERATOR}))

    def _admitted(self, act: acts.Admitted) -> None:
        tale, scheme = self.tale, act.rules.scheme
        tale.until(act.day - 5 * DAY)
        entry = act.rules.taking("application") or ""
        applied: Any = {"requested_level": entry, "desired_level": act.rules.tiers[-1].code, "formal": True}
        if tale.chance(0.15):
            tale.by("lead", SubmitMembershipApplication(scheme=scheme, **applied))
            if tale.chance(0.5):
                tale.by("lead", WithdrawMembershipApplication(scheme=scheme))
            else:
                why: Any = {"ground": "incomplete", "reason": tale.book.words()}
                tale.by("administrator", DeclineMembershipApplication(scheme=scheme, **why))
        tale.by("lead", SubmitMembershipApplication(scheme=scheme, **applied))
        tale.until(act.day)
        tale.by("administrator", AcceptMembershipApplication(scheme=scheme))

    # --- a cycle --------------------------------------------------------------------------------------------------

    def _interim(self, act: acts.Interim) -> None:
        tale = self.tale
        if not tale.cycle(act.cycle).started:
            file_papers(tale, 2)
            for item in tale.instrument(act.cycle).items[:4]:
                rate(tale, act.cycle, item.id, Rating("yes", 3))
                evidence(tale, act.cycle, item)
        deciding.interim(tale, act)

    def _handed_in(self, act: acts.HandedIn) -> None:
        self._aims[act.cycle] = aim(self.tale, act.cycle, self._found.get(act.cycle, acts.Found()))
        rated(self.tale, act.cycle, self._aims[act.cycle], act)

    def _reviewed(self, act: acts.Reviewed) -> None:
        reviewed(self.tale, act.cycle, self._aims[act.cycle], act)

    def _ended(self, act: acts.Ended) -> None:
        index = self.tale.life.index
        afterwards.ended(self.tale, act, self._programs[index - 1 if index else 1])

    _ACTS: dict[type, Callable[[Any, Any], None]] = {
        acts.Registered: _registered,
        acts.Imported: _imported,
        acts.Admitted: _admitted,
        acts.Asked: lambda self, act: deciding.asked(self.tale, act),
        acts.Opened: lambda self, act: deciding.opened(self.tale, act),
        acts.Interim: _interim,
        acts.HandedIn: _handed_in,
        acts.Reviewed: _reviewed,
        acts.Received: lambda self, act: deciding.received(self.tale, act),
        acts.PutOff: lambda self, act: deciding.put_off(self.tale, act),
        acts.Reopened: lambda self, act: deciding.reopened(self.tale, act),
        acts.Decided: lambda self, act: deciding.decided(self.tale, act),
        acts.GaveUp: lambda self, act: deciding.gave_up(self.tale, act),
        acts.Extended: lambda self, act: afterwards.extended(self.tale, act),
        acts.Warned: lambda self, act: afterwards.warned(self.tale, act),
        acts.Measured: lambda self, act: afterwards.measured(self.tale, act),
        acts.Reinstated: lambda self, act: afterwards.reinstated(self.tale, act),
        acts.Undone: lambda self, act: afterwards.undone(self.tale, act),
        acts.GivenUp: lambda self, act: afterwards.given_up(self.tale, act),
        acts.Appealed: lambda self, act: afterwards.appealed(self.tale, act),
        acts.AppealEnded: lambda self, act: afterwards.appeal_ended(self.tale, act),
        acts.Corrected: lambda self, act: afterwards.corrected(self.tale, act),
        acts.Ended: _ended,
        acts.Moved: lambda self, act: afterwards.moved(self.tale, act),
        acts.Small: lambda self, act: small(self.tale, act),
    }
