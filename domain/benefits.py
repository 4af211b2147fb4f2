"""Benefits: vouchers issued and redeemed, benefits delivered, letters of support, as recorded facts (A21, S0-16, M20).

What a program is entitled to is told by ``domain.entitlement``; here is what was given of it.
"""

from collections.abc import Iterator
from datetime import date
from typing import ClassVar, NamedTuple

from msgspec.structs import replace

from domain.access import ALREADY_RECORDED
from domain.affiliate import Affiliate, in_charge
from domain.entitlement import (
    LETTER,
    VOUCHERS,
    Entitlement,
    LetterFacts,
    entitlements_on,
    letter,
    policy_for,
    vouchers_on,
)
from domain.language import (
    Context,
    Event,
    Kind,
    Need,
    Outcomes,
    ProgramCommand,
    Role,
    Stage,
    fact,
    found,
    only,
    refusal,
)
from domain.offers import UNKNOWN_BENEFIT, WORKSHOP_OVER, named, offered
from domain.policy.model import Policy
from domain.program import Program, without
from domain.publishing import SCHEME_ELSEWHERE, SCHEME_UNKNOWN, Scheme
from domain.status import through
from domain.tenure import Letter, Vouchers
from domain.term import DATE_IN_FUTURE
from domain.values import Code, Digest, OrganisationName, Reference, Text, TextRef, digest_of

stage = Stage("benefits")

NOT_ENTITLED = refusal(
    "NOT_ENTITLED", Kind.OUT_OF_ORDER, "On {day} the program has no {code} under {scheme}; it comes with: {tiers}."
)
NO_VOUCHER_LEFT = refusal(
    "NO_VOUCHER_LEFT", Kind.OUT_OF_ORDER, "All {count} vouchers that are valid until {until} are redeemed."
)
NO_VOUCHER_NEEDED = refusal("NO_VOUCHER_NEEDED", Kind.INVALID, "The workshop takes no voucher; a seat in it is free.")
NOT_AVAILABLE = refusal("NOT_AVAILABLE", Kind.OUT_OF_ORDER, "{code} was not open on {day}; the affiliate opens it.")
RECORDED_OTHERWISE = refusal("RECORDED_OTHERWISE", Kind.INVALID, "{code} is recorded with {command}.")
LETTER_UNKNOWN = refusal("LETTER_UNKNOWN", Kind.UNKNOWN, "The program asked for no letter {letter_id}.")

OWN_RECORD = {VOUCHERS: "RedeemVoucher", LETTER: "IssueLetterOfSupport"}
"""Benefits whose delivery has a record of its own."""


class TrainingVouchersIssued(Event):
    """The vouchers of one membership year were issued."""

    says = "issued {e.count} training vouchers of {e.scheme}, {e.validity}"
    scheme: Code
    decision_id: Reference | None = None
    count: int
    valid_from: date
    valid_until: date | None = None

    @property
    def validity(self) -> str:
        """From when to when, by the last valid day (M22)."""
        return f"from {self.valid_from} {through(self.valid_until)}"


class TrainingVoucherRedeemed(Event):
    """A voucher was redeemed for a seat in a workshop."""

    says = "redeemed training voucher {e.voucher_no} of {e.scheme} for the workshop {e.workshop_id}"
    scheme: Code
    voucher_no: int
    workshop_id: Reference
    valid_from: date
    """Which year's voucher it is."""


class TrainingVouchersLapsed(Event):
    """A membership year ended with vouchers unused."""

    says = "recorded that {e.count} training vouchers of {e.scheme} lapsed on {e.lapsed_on}"
    scheme: Code
    valid_from: date
    lapsed_on: date
    count: int


class BenefitDelivered(Event):
    """The program was given something that it is entitled to."""

    says = "recorded that {e.code} of {e.scheme} was given on {e.on}[: {e.note}]"
    scheme: Code
    code: Code
    on: date
    decision_id: Reference | None = None
    note: TextRef | None = None


class LetterOfSupportRequested(Event):
    """The program asked for a letter that cites its tier."""

    says = "asked for a letter of support under {e.scheme} as of {e.as_of}"
    letter_id: Reference
    scheme: Code
    as_of: date


class LetterOfSupportIssued(Event):
    """The affiliate issued the letter; what it says is fixed by its digest."""

    says = "issued a letter of support citing {e.label} as of {e.as_of}"
    letter_id: Reference
    scheme: Code
    as_of: date
    decision_id: Reference | None = None
    tier: Code
    label: OrganisationName
    letter_digest: Digest


class BenefitCommand(ProgramCommand):
    """A request about the benefits of one scheme."""

    scheme: Code


class IssueTrainingVouchers(BenefitCommand):
    """Issue this membership year's vouchers; the first redemption of a year does it too."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)


class RedeemVoucher(BenefitCommand):
    """Redeem a voucher of this year for a seat in a workshop."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_STAFF, Role.PROGRAM_LEAD)
    workshop_id: Reference


class RecordBenefitDelivered(BenefitCommand):
    """Record that the program was given something: a discount, a referral, tickets, promotion."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    code: Code
    on: date
    note: Text | None = None


class RequestLetterOfSupport(BenefitCommand):
    """Ask for a letter that cites the tier held on a day."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    as_of: date


class IssueLetterOfSupport(ProgramCommand):
    """Issue a letter that was asked for."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    letter_id: Reference


class Claiming(NamedTuple):
    """The scheme that a request is about, whose staff is in charge of it, and the day that it is there."""

    scheme: Scheme
    affiliate: Affiliate
    today: date


def claiming(p: Program, scheme_code: str, ctx: Context) -> Claiming:
    """What a request about benefits starts from: a scheme of the program's own affiliate, or under which it holds a
    tier; the day is that of the policy in force (M20)."""
    scheme: Scheme = found(ctx.shelf.scheme(scheme_code), SCHEME_UNKNOWN, scheme=scheme_code)
    own = scheme.affiliate == p.listing.affiliate or any(h.scheme == scheme_code for h in p.holdings)
    need = Need()
    need(own, SCHEME_ELSEWHERE, scheme=scheme_code, owner=scheme.affiliate, affiliate=p.listing.affiliate)
    need.settle()
    owner: Affiliate = ctx.shelf.affiliate(scheme.affiliate)
    ref = scheme.in_force(ctx.today(owner.timezone))
    policy: Policy | None = ctx.shelf.policy(ref) if ref else None
    today = ctx.today(policy.timezone if policy else owner.timezone)
    return Claiming(scheme, in_charge(ctx.shelf, scheme.affiliate, today), today)


def _entitled(need: Need, p: Program, scheme: Scheme, code: str, day: date, ctx: Context) -> Entitlement | None:
    """The benefit as the program has it on a day; otherwise notes by which tiers it would come."""
    all_of_them = entitlements_on(p, scheme, day, ctx.shelf)
    mine = next((e for e in all_of_them if e.code == code and (code != VOUCHERS or e.left is not None)), None)
    policy = policy_for(p, scheme, day, ctx.shelf)
    tiers = [t.label for t in policy.tiers if code in (b.code for b in policy.benefits_at(t.rank))] if policy else []
    need(mine, NOT_ENTITLED, day=day, code=code, scheme=scheme.code, tiers=tiers)
    return mine


def _issued(mine: Entitlement, scheme: str) -> list[TrainingVouchersIssued]:
    """This year's vouchers, unless they are issued."""
    if mine.issued or mine.count is None or mine.since is None:
        return []
    return [
        TrainingVouchersIssued(
            scheme=scheme,
            decision_id=mine.decision_id,
            count=mine.count,
            valid_from=mine.since,
            valid_until=mine.until,
        )
    ]


@stage.decide(IssueTrainingVouchers)
def issue_vouchers(p: Program, c: IssueTrainingVouchers, ctx: Context) -> Outcomes:
    """Once a membership year, by the tier held today."""
    scheme, _, today = claiming(p, c.scheme, ctx)
    need = Need()
    mine = _entitled(need, p, scheme, VOUCHERS, today, ctx)
    need(mine is None or not mine.issued, ALREADY_RECORDED)
    need.settle()
    return _issued(mine, c.scheme) if mine else []


@stage.decide(RedeemVoucher)
def redeem(p: Program, c: RedeemVoucher, ctx: Context) -> Outcomes:
    """For a workshop still to come, while vouchers of this year are left; a year's first redemption issues them."""
    scheme, affiliate, today = claiming(p, c.scheme, ctx)
    workshop = offered(affiliate, c.workshop_id)
    need = Need()
    need(workshop.on >= today, WORKSHOP_OVER, on=workshop.on, today=today)
    need(workshop.takes_voucher, NO_VOUCHER_NEEDED)
    mine = _entitled(need, p, scheme, VOUCHERS, today, ctx)
    if mine:
        need(mine.left, NO_VOUCHER_LEFT, count=mine.issued, until=mine.until or "the end of the term")
    need.settle()
    assert mine is not None  # otherwise the request was refused
    valid = vouchers_on(p, c.scheme, today)
    used = valid.used if valid else ()
    number = next(n for n in range(1, len(used) + 2) if n not in used)
    of_year = {"voucher_no": number, "valid_from": mine.since}
    return [*_issued(mine, c.scheme), fact(TrainingVoucherRedeemed, c, **of_year)]


@stage.decide(RecordBenefitDelivered)
def record_delivery(p: Program, c: RecordBenefitDelivered, ctx: Context) -> Outcomes:
    """What the program had a right to on that day, and was to be had then."""
    scheme, _, today = claiming(p, c.scheme, ctx)
    need = Need()
    need(c.code not in OWN_RECORD, RECORDED_OTHERWISE, code=c.code, command=OWN_RECORD.get(c.code))
    need(named(scheme, c.code, ctx.shelf), UNKNOWN_BENEFIT, scheme=c.scheme, code=c.code)
    need(c.on <= today, DATE_IN_FUTURE, field="on", day=c.on, today=today)
    need.settle()
    mine = _entitled(need, p, scheme, c.code, c.on, ctx)
    need(mine is None or mine.state != "when_available", NOT_AVAILABLE, code=c.code, day=c.on)
    need.settle()
    return [fact(BenefitDelivered, c, decision_id=mine.decision_id if mine else None)]


def _citable(need: Need, p: Program, scheme: Scheme, as_of: date, ctx: Context) -> LetterFacts | None:
    """What a letter may cite as of a day; notes if nothing."""
    mine = _entitled(need, p, scheme, LETTER, as_of, ctx)
    return letter(p, scheme.code, as_of) if mine else None


@stage.decide(RequestLetterOfSupport)
def request_letter(p: Program, c: RequestLetterOfSupport, ctx: Context) -> Outcomes:
    """Of a day on which the program held a tier that brings letters."""
    scheme, _, today = claiming(p, c.scheme, ctx)
    need = Need()
    need(c.as_of <= today, DATE_IN_FUTURE, field="as_of", day=c.as_of, today=today)
    need.settle()
    _citable(need, p, scheme, c.as_of, ctx)
    need.settle()
    return [fact(LetterOfSupportRequested, c, letter_id=ctx.mint())]


@stage.decide(IssueLetterOfSupport)
def issue_letter(p: Program, c: IssueLetterOfSupport, ctx: Context) -> Outcomes:
    """Once, of what still stands for that day."""
    asked = found(p.letters.get(c.letter_id), LETTER_UNKNOWN, letter_id=c.letter_id)
    scheme, _, _ = claiming(p, asked.scheme, ctx)
    need = Need()
    need(not asked.issued, ALREADY_RECORDED)
    cited = _citable(need, p, scheme, asked.as_of, ctx)
    need.settle()
    assert cited is not None  # whoever is entitled to a letter holds a tier
    return [
        LetterOfSupportIssued(
            letter_id=c.letter_id,
            scheme=asked.scheme,
            as_of=asked.as_of,
            decision_id=cited.decision_id,
            tier=cited.tier,
            label=cited.label,
            letter_digest=digest_of(cited),
        )
    ]


def unlapsed(p: Program) -> Iterator[tuple[Vouchers, date]]:
    """Vouchers that will lapse unused, or have, with the day; until that was recorded."""
    for vouchers in p.vouchers:
        if vouchers.until and vouchers.left and not vouchers.lapsed:
            yield vouchers, vouchers.until


def lapse(vouchers: Vouchers, lapsed_on: date) -> TrainingVouchersLapsed:
    """The fact that what is left of a year's vouchers lapsed."""
    scheme, since = vouchers.scheme, vouchers.since
    return TrainingVouchersLapsed(scheme=scheme, valid_from=since, lapsed_on=lapsed_on, count=vouchers.left)


def _changed(p: Program, e: TrainingVoucherRedeemed | TrainingVouchersLapsed, **changes: object) -> Program:
    """The program with the vouchers that an event is about changed."""
    key = e.scheme, e.valid_from
    vouchers = (replace(v, **changes) if (v.scheme, v.since) == key else v for v in p.vouchers)
    return replace(p, vouchers=tuple(vouchers))


def _used(p: Program, e: TrainingVoucherRedeemed) -> tuple[int, ...]:
    return next((v.used for v in p.vouchers if (v.scheme, v.since) == (e.scheme, e.valid_from)), ())


@stage.evolve(TrainingVouchersIssued)
def _(p: Program, e: TrainingVouchersIssued, v: int) -> Program:
    issued = Vouchers(scheme=e.scheme, since=e.valid_from, until=e.valid_until, issued=e.count, version=v)
    return replace(p, vouchers=(*p.vouchers, issued))


@stage.evolve(TrainingVoucherRedeemed)
def _(p: Program, e: TrainingVoucherRedeemed, v: int) -> Program:
    return _changed(p, e, used=(*_used(p, e), e.voucher_no))


@stage.evolve(TrainingVouchersLapsed)
def _(p: Program, e: TrainingVouchersLapsed, v: int) -> Program:
    return _changed(p, e, lapsed=v)


@stage.evolve(BenefitDelivered)
def _(p: Program, e: BenefitDelivered, v: int) -> Program:
    return p  # what was given opens and closes nothing


@stage.evolve(LetterOfSupportRequested)
def _(p: Program, e: LetterOfSupportRequested, v: int) -> Program:
    return replace(p, letters={**p.letters, e.letter_id: Letter(scheme=e.scheme, as_of=e.as_of, requested=v)})


@stage.evolve(LetterOfSupportIssued)
def _(p: Program, e: LetterOfSupportIssued, v: int) -> Program:
    return replace(p, letters={**p.letters, e.letter_id: replace(p.letters[e.letter_id], issued=v)})


@stage.undo(
    TrainingVouchersIssued,
    by=only(Role.AFFILIATE_ADMIN),
    rests=lambda p, e: [
        what
        for v in p.vouchers
        if (v.scheme, v.since) == (e.scheme, e.valid_from)
        for what, there in (("redemption", v.used), ("lapse", v.lapsed))
        if there
    ],
)
def _(p: Program, e: TrainingVouchersIssued, v: int) -> Program:
    return replace(p, vouchers=tuple(x for x in p.vouchers if x.version != v))


@stage.undo(TrainingVoucherRedeemed, by=only(Role.AFFILIATE_ADMIN), rests=lambda p, e: ())
def _(p: Program, e: TrainingVoucherRedeemed, v: int) -> Program:
    return _changed(p, e, used=tuple(n for n in _used(p, e) if n != e.voucher_no))


@stage.undo(BenefitDelivered, by=only(Role.AFFILIATE_ADMIN), rests=lambda p, e: ())
def _(p: Program, e: BenefitDelivered, v: int) -> Program:
    return p


@stage.undo(
    LetterOfSupportRequested,
    by=only(Role.AFFILIATE_ADMIN, Role.PROGRAM_LEAD),
    rests=lambda p, e: ["letter"] if p.letters[e.letter_id].issued else [],
)
def _(p: Program, e: LetterOfSupportRequested, v: int) -> Program:
    return replace(p, letters=without(p.letters, e.letter_id))
