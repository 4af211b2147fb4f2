"""Memorandum: drafted after the needs assessment, signed by all parties before access is granted (S1-07, S1-08, A10)."""

from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.access import access_of, rules_of
from domain.affiliate import Affiliate, in_charge
from domain.assistance import AssistanceCommand, changed, running
from domain.language import Context, Event, Kind, Need, Outcome, Outcomes, Role, Stage, found, refusal
from domain.listing import LEADING
from domain.program import Mou, Program, freeze, without
from domain.signature import PaperSigning, Signature, Signing, electronic, on_paper
from domain.values import Code, Digest, Reference, Text, TextRef, digest_of

stage = Stage("memorandum")

NEEDS_ASSESSMENT_MISSING = refusal(
    "NEEDS_ASSESSMENT_MISSING", Kind.OUT_OF_ORDER, "The memorandum is drafted after the Initial Needs Assessment."
)
TEMPLATE_UNKNOWN = refusal("TEMPLATE_UNKNOWN", Kind.UNKNOWN, "There is no template {template}.")
MOU_UNKNOWN = refusal("MOU_UNKNOWN", Kind.OUT_OF_ORDER, "No memorandum has been drafted for this assistance.")
MOU_STANDS = refusal("MOU_STANDS", Kind.OUT_OF_ORDER, "A memorandum stands already; void it before drafting another.")
NOT_A_PARTY = refusal("NOT_A_PARTY", Kind.NOT_ALLOWED, "{person} cannot sign for {party}.")
PARTY_UNKNOWN = refusal("PARTY_UNKNOWN", Kind.INVALID, "The memorandum is between {parties}; {party} is none of them.")
ALREADY_SIGNED = refusal("ALREADY_SIGNED", Kind.OUT_OF_ORDER, "{party} has signed already.")
RESTS_ON_MOU = refusal("RESTS_ON_MOU", Kind.OUT_OF_ORDER, "Access was granted on this memorandum; it stands.")


class MouDrafted(Event):
    """The affiliate drafted the memorandum of understanding and named its parties (A10)."""

    says = "drafted the memorandum of understanding between {e.parties}"
    ta_id: Reference
    mou_id: Reference
    template: Code
    covers: Digest
    parties: tuple[Code, ...]
    drafted_on: date


class MouSigned(Event):
    """A party signed the memorandum."""

    says = "signed the memorandum for the {e.party}: {e.signature}"
    ta_id: Reference
    mou_id: Reference
    party: Code
    signature: Signature


class MouExecuted(Event):
    """All parties have signed."""

    says = "completed the signing of the memorandum: {e.parties} have signed"
    ta_id: Reference
    mou_id: Reference
    parties: tuple[Code, ...]


class MouVoided(Event):
    """The memorandum no longer stands."""

    says = "voided the memorandum: {e.reason}"
    ta_id: Reference
    mou_id: Reference
    reason: TextRef


class DraftMou(AssistanceCommand):
    """Draft the memorandum from a template; its parties are those the policy names and any further ones."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    template: Code = "mou-1"
    further_parties: tuple[Literal["national_body"], ...] = ()


class SignMou(AssistanceCommand, Signing):
    """Sign the memorandum for a party."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN, Role.NATIONAL)
    party: Code


class RecordPaperMouSignature(AssistanceCommand, PaperSigning):
    """Record a signature under the memorandum that was given on paper or in a witnessed call (M3)."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    party: Code


class VoidMou(AssistanceCommand):
    """Void a memorandum that nothing rests on."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    reason: Text


@stage.decide(DraftMou)
def draft_mou(p: Program, c: DraftMou, ctx: Context) -> Outcomes:
    """The memorandum follows the Initial Needs Assessment (S1-07)."""
    ta = running(p, c.ta_id)
    text = found(ctx.shelf.template(c.template), TEMPLATE_UNKNOWN, template=c.template)
    need = Need()
    need(ta.needs_assessed, NEEDS_ASSESSMENT_MISSING)
    need(ta.mou is None, MOU_STANDS)
    need.settle()
    cycle = p.cycles.get(ta.cycle_id or "")
    named = rules_of(p, cycle, ctx)[0].mou_parties if cycle else ("program", "affiliate")
    parties = tuple(dict.fromkeys((*named, *c.further_parties)))
    mou_id = ctx.mint()
    covers = digest_of({"mou": mou_id, "template": text, "parties": parties, "program": p.program_id})
    return [
        MouDrafted(
            ta_id=c.ta_id, mou_id=mou_id, template=c.template, covers=covers, parties=parties, drafted_on=_today(p, ctx)
        )
    ]


def _signs_for(p: Program, party: str, person: str, ctx: Context) -> str | None:
    """The role in which a person may sign for a party, if any."""
    held = p.people.get(person)
    if party == "program":
        return next((r for r in held.roles if r in LEADING), None) if held else None
    own = in_charge(ctx.shelf, p.listing.affiliate, _today(p, ctx)).affiliate_id
    for affiliate in ctx.shelf.affiliates():
        asked = affiliate.affiliate_id == own if party == "affiliate" else affiliate.national
        if asked and "affiliate_admin" in affiliate.staff.get(person, ()):
            return "affiliate_admin"
    return None


def _open_mou(p: Program, c: SignMou | RecordPaperMouSignature) -> Mou:
    ta = running(p, c.ta_id)
    mou = found(ta.mou, MOU_UNKNOWN)
    need = Need()
    need(c.party in mou.parties, PARTY_UNKNOWN, party=c.party, parties=mou.parties)
    need(c.party not in mou.signed, ALREADY_SIGNED, party=c.party)
    need.settle()
    return mou


def _signed(mou: Mou, ta_id: str, party: str, signature: Signature) -> Outcomes:
    signed: list[Outcome] = [MouSigned(ta_id=ta_id, mou_id=mou.mou_id, party=party, signature=signature)]
    if set(mou.parties) == {*mou.signed, party}:
        signed.append(MouExecuted(ta_id=ta_id, mou_id=mou.mou_id, parties=mou.parties))
    return signed


@stage.decide(SignMou)
def sign_mou(p: Program, c: SignMou, ctx: Context) -> Outcomes:
    """Each party signs once; the last signature executes the memorandum (S1-08)."""
    mou = _open_mou(p, c)
    role = _signs_for(p, c.party, ctx.person, ctx)
    need = Need()
    need(role, NOT_A_PARTY, person=ctx.person, party=c.party)
    signature = electronic(need, c, ctx, role or "none", mou.covers, _today(p, ctx))
    need.settle()
    return _signed(mou, c.ta_id, c.party, signature)


@stage.decide(RecordPaperMouSignature)
def record_paper_signature(p: Program, c: RecordPaperMouSignature, ctx: Context) -> Outcomes:
    """Staff record the signature of a named signatory who may sign for that party."""
    mou = _open_mou(p, c)
    role = _signs_for(p, c.party, c.signatory, ctx)
    need = Need()
    need(role, NOT_A_PARTY, person=c.signatory, party=c.party)
    signature = on_paper(need, c, ctx, p, role or "none", mou.covers, (mou.drafted_on, _today(p, ctx)))
    need.settle()
    return _signed(mou, c.ta_id, c.party, signature)


def _today(p: Program, ctx: Context) -> date:
    affiliate: Affiliate = ctx.shelf.affiliate(p.listing.affiliate)
    return ctx.today(affiliate.timezone)


@stage.decide(VoidMou)
def void_mou(p: Program, c: VoidMou, ctx: Context) -> Outcomes:
    """A memorandum on which access was granted stands."""
    ta = running(p, c.ta_id)
    mou = found(ta.mou, MOU_UNKNOWN)
    need = Need()
    need(not access_of(p, ta.cycle_id), RESTS_ON_MOU)
    need.settle()
    return [MouVoided(ta_id=c.ta_id, mou_id=mou.mou_id, reason=c.reason)]


def _mou(p: Program, ta_id: str) -> Mou:
    mou = p.assistance[ta_id].mou
    assert mou is not None  # the events of a memorandum follow its draft
    return mou


@stage.evolve(MouDrafted)
def _(p: Program, e: MouDrafted, v: int) -> Program:
    return changed(
        p, e.ta_id, mou=Mou(mou_id=e.mou_id, parties=e.parties, drafted=v, drafted_on=e.drafted_on, covers=e.covers)
    )


@stage.evolve(MouSigned)
def _(p: Program, e: MouSigned, v: int) -> Program:
    mou = _mou(p, e.ta_id)
    p = freeze(p, e.signature.scan_document_id)
    return changed(p, e.ta_id, mou=replace(mou, signed={**mou.signed, e.party: v}))


@stage.evolve(MouExecuted)
def _(p: Program, e: MouExecuted, v: int) -> Program:
    return changed(p, e.ta_id, mou=replace(_mou(p, e.ta_id), executed=v))


@stage.evolve(MouVoided)
def _(p: Program, e: MouVoided, v: int) -> Program:
    return changed(p, e.ta_id, mou=None)


@stage.undo(
    MouSigned,
    by=lambda e: (Role.AFFILIATE_ADMIN, Role.PROGRAM_LEAD) if e.party == "program" else (Role.AFFILIATE_ADMIN,),
    rests=lambda p, e: access_of(p, p.assistance[e.ta_id].cycle_id),
)
def _(p: Program, e: MouSigned, v: int) -> Program:
    mou = p.assistance[e.ta_id].mou
    if mou is None or mou.mou_id != e.mou_id:
        return p  # voided meanwhile
    return changed(p, e.ta_id, mou=replace(mou, signed=without(mou.signed, e.party), executed=0))
