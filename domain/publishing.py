"""Published versions of tier policies and instruments: data, pinned by hash, never changed once published (H7)."""

from datetime import date
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from domain.affiliate import Affiliate, in_charge
from domain.instrument.model import Instrument
from domain.language import Command, Context, Event, Kind, Need, Outcome, Outcomes, Role, Stage, found, refusal
from domain.policy.model import Policy
from domain.values import Code, Digest, InstrumentRef, OrganisationName, PersonId, PolicyRef

policies = Stage("policies", aggregate="policy")
instruments = Stage("instruments", aggregate="instrument")

VERSION_PUBLISHED = refusal("VERSION_PUBLISHED", Kind.OUT_OF_ORDER, "Version {version} is published already.")
BODY_PUBLISHED = refusal("BODY_PUBLISHED", Kind.INVALID, "The same content is published as version {version}.")
BODY_UNKNOWN = refusal("BODY_UNKNOWN", Kind.UNKNOWN, "No content with the hash {sha256} was handed in.")
BODY_OTHER = refusal("BODY_OTHER", Kind.INVALID, "The content calls itself {named}, not {expected}.")
POLICY_NOT_IN_FORCE = refusal("POLICY_NOT_IN_FORCE", Kind.OUT_OF_ORDER, "No policy of {scheme} is in force on {day}.")
SCHEME_UNKNOWN = refusal("SCHEME_UNKNOWN", Kind.UNKNOWN, "There is no scheme {scheme}.")
SCHEME_ELSEWHERE = refusal(
    "SCHEME_ELSEWHERE",
    Kind.NOT_ALLOWED,
    "The scheme {scheme} belongs to {owner}; the program is listed with {affiliate}.",
)
RETROACTIVE_POLICY = refusal(
    "RETROACTIVE_POLICY", Kind.INVALID, "A policy may take effect from {today} on, not from {effective_from}."
)
SECOND_PERSON_REQUIRED = refusal(
    "SECOND_PERSON_REQUIRED", Kind.NOT_ALLOWED, "A second person must confirm what {person} proposed."
)
NOTHING_PROPOSED = refusal("NOTHING_PROPOSED", Kind.OUT_OF_ORDER, "Version {version} is not proposed.")
NOT_THE_OWNER = refusal("NOT_THE_OWNER", Kind.NOT_ALLOWED, "The scheme belongs to the affiliate {affiliate}.")
NATIONAL_CONFIRMS = refusal(
    "NATIONAL_CONFIRMS", Kind.NOT_ALLOWED, "This affiliate's policies are proposed, and confirmed by the national body."
)
AFFILIATE_UNKNOWN = refusal("AFFILIATE_UNKNOWN", Kind.UNKNOWN, "There is no affiliate {affiliate}.")
INSTRUMENT_UNKNOWN = refusal(
    "INSTRUMENT_UNKNOWN", Kind.UNKNOWN, "The policy uses {family} version {version}, which is not published."
)


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """One published version: from when it is in force, and the hash of its body."""

    version: str
    sha256: str
    effective_from: date


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """A version that waits for a second person."""

    sha256: str
    effective_from: date
    by: str


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """A scheme: the published versions of one tier policy, in the order published."""

    code: str
    version: int = 0
    affiliate: str = ""
    title: str = ""
    published: tuple[Published, ...] = ()
    proposed: dict[str, Proposed] = {}

    def in_force(self, day: date) -> PolicyRef | None:
        """The version in force on a day: the one that took effect last, of those the last published."""
        due = [p for p in self.published if p.effective_from <= day]
        best = max(due, key=lambda p: (p.effective_from, self.published.index(p)), default=None)
        return PolicyRef(self.code, best.version, best.sha256) if best else None


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument family: its published versions."""

    code: str
    version: int = 0
    title: str = ""
    published: tuple[Published, ...] = ()

    def ref(self, version: str) -> InstrumentRef | None:
        """The published version of that name."""
        for p in self.published:
            if p.version == version:
                return InstrumentRef(self.code, p.version, p.sha256)
        return None


class PolicyVersionProposed(Event):
    """A policy version awaits the confirmation of a second person."""

    says = "proposed version {e.policy_version} of the policy, in force from {e.effective_from}"
    policy_version: Code
    sha256: Digest
    effective_from: date
    affiliate: Code
    title: OrganisationName
    proposed_by: PersonId


class PolicyVersionPublished(Event):
    """A policy version is published; decisions of later cycles are made under it."""

    says = "published version {e.policy_version} of the policy, in force from {e.effective_from}"
    policy_version: Code
    sha256: Digest
    semantics: int
    effective_from: date
    affiliate: Code
    title: OrganisationName
    approved_by: tuple[PersonId, ...]


class InstrumentVersionPublished(Event):
    """An instrument version is published."""

    says = "published version {e.instrument_version} of the instrument"
    instrument_version: Code
    sha256: Digest
    title: OrganisationName


class PolicyCommand(Command):
    """A request about one scheme's policy. The body was handed in before and is named by its hash."""

    aggregate: ClassVar[str] = "policy"


class PublishPolicyVersion(PolicyCommand):
    """Publish a version of the policy."""

    creates: ClassVar[bool] = True
    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.OPERATOR)
    policy_version: Code
    sha256: Digest
    effective_from: date


class ProposePolicyVersion(PolicyCommand):
    """Propose a version of the policy for the national body to confirm (M4)."""

    creates: ClassVar[bool] = True
    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    policy_version: Code
    sha256: Digest
    effective_from: date


class ConfirmPolicyVersion(PolicyCommand):
    """Confirm a proposed version; the person is another than the proposer (M4)."""

    by: ClassVar[tuple[Role, ...]] = (Role.NATIONAL,)
    policy_version: Code


class PublishInstrumentVersion(Command):
    """Publish a version of an instrument."""

    aggregate: ClassVar[str] = "instrument"
    creates: ClassVar[bool] = True
    by: ClassVar[tuple[Role, ...]] = (Role.NATIONAL, Role.OPERATOR)
    instrument_version: Code
    sha256: Digest


def _fresh(need: Need, published: tuple[Published, ...], version: str, sha256: str) -> None:
    need(version not in [p.version for p in published], VERSION_PUBLISHED, version=version)
    same = next((p.version for p in published if p.sha256 == sha256 and p.version != version), None)
    need(same is None, BODY_PUBLISHED, version=same)


def _timely(need: Need, s: Scheme, effective_from: date, today: date) -> None:
    # A scheme's first version may reach back: it puts into force what was in force on paper.
    backdated = effective_from < today and bool(s.published)
    need(not backdated, RETROACTIVE_POLICY, today=today, effective_from=effective_from)


def _policy_body(s: Scheme, c: PublishPolicyVersion | ProposePolicyVersion, ctx: Context) -> tuple[Policy, Need]:
    """What publishing and proposing both need."""
    ref = PolicyRef(s.code, c.policy_version, c.sha256)
    body: Policy = found(ctx.shelf.policy(ref), BODY_UNKNOWN, sha256=c.sha256)
    need = Need()
    named = f"{body.policy.lower()}@{body.version}"
    expected = f"{s.code}@{c.policy_version}"
    need(named == expected, BODY_OTHER, named=named, expected=expected)
    _fresh(need, s.published, c.policy_version, c.sha256)
    affiliate: Affiliate | None = ctx.shelf.affiliate(body.affiliate)
    need(affiliate is not None, AFFILIATE_UNKNOWN, affiliate=body.affiliate)
    need(not s.affiliate or s.affiliate == body.affiliate, NOT_THE_OWNER, affiliate=s.affiliate)
    family: Family | None = ctx.shelf.family(body.instrument.family)
    known = family is not None and family.ref(body.instrument.version) is not None
    need(known, INSTRUMENT_UNKNOWN, family=body.instrument.family, version=body.instrument.version)
    _timely(need, s, c.effective_from, ctx.today(body.timezone))
    staff = in_charge(ctx.shelf, body.affiliate, ctx.today(body.timezone)).staff if affiliate else {}
    owns = "affiliate_admin" in staff.get(ctx.person, ())
    need(ctx.actor.role is Role.OPERATOR or owns, NOT_THE_OWNER, affiliate=body.affiliate)
    return body, need


@policies.decide(PublishPolicyVersion)
def publish_policy(s: Scheme, c: PublishPolicyVersion, ctx: Context) -> Outcomes:
    """A version is published once, never changed, and never reaches back over cycles under way."""
    body, need = _policy_body(s, c, ctx)
    affiliate: Affiliate | None = ctx.shelf.affiliate(body.affiliate)
    alone = ctx.actor.role is Role.OPERATOR or affiliate is None or not affiliate.policies_need_national
    need(alone, NATIONAL_CONFIRMS)
    need.settle()
    return [_published(c.policy_version, c.sha256, c.effective_from, body, (ctx.person,))]


def _published(version: str, sha256: str, effective: date, body: Policy, approved: tuple[str, ...]) -> Outcome:
    return PolicyVersionPublished(
        policy_version=version,
        sha256=sha256,
        semantics=body.semantics,
        effective_from=effective,
        affiliate=body.affiliate,
        title=body.title,
        approved_by=approved,
    )


@policies.decide(ProposePolicyVersion)
def propose_policy(s: Scheme, c: ProposePolicyVersion, ctx: Context) -> Outcomes:
    """The proposal fixes the content; only the confirmation puts it into force."""
    body, need = _policy_body(s, c, ctx)
    need.settle()
    return [
        PolicyVersionProposed(
            policy_version=c.policy_version,
            sha256=c.sha256,
            effective_from=c.effective_from,
            affiliate=body.affiliate,
            title=body.title,
            proposed_by=ctx.person,
        )
    ]


@policies.decide(ConfirmPolicyVersion)
def confirm_policy(s: Scheme, c: ConfirmPolicyVersion, ctx: Context) -> Outcomes:
    """Somebody else than the proposer confirms."""
    proposed = found(s.proposed.get(c.policy_version), NOTHING_PROPOSED, version=c.policy_version)
    need = Need()
    need(proposed.by != ctx.person, SECOND_PERSON_REQUIRED, person=proposed.by)
    body: Policy = ctx.shelf.policy(PolicyRef(s.code, c.policy_version, proposed.sha256))
    _timely(need, s, proposed.effective_from, ctx.today(body.timezone))
    need.settle()
    approved = (proposed.by, ctx.person)
    return [_published(c.policy_version, proposed.sha256, proposed.effective_from, body, approved)]


@instruments.decide(PublishInstrumentVersion)
def publish_instrument(f: Family, c: PublishInstrumentVersion, ctx: Context) -> Outcomes:
    """A version is published once and never changed."""
    ref = InstrumentRef(f.code, c.instrument_version, c.sha256)
    body: Instrument = found(ctx.shelf.instrument(ref), BODY_UNKNOWN, sha256=c.sha256)
    need = Need()
    named, expected = f"{body.family}@{body.version}", f"{f.code}@{c.instrument_version}"
    need(named == expected, BODY_OTHER, named=named, expected=expected)
    _fresh(need, f.published, c.instrument_version, c.sha256)
    need.settle()
    return [InstrumentVersionPublished(instrument_version=body.version, sha256=c.sha256, title=body.title)]


@policies.evolve(PolicyVersionProposed)
def _(s: Scheme, e: PolicyVersionProposed, v: int) -> Scheme:
    proposed = Proposed(sha256=e.sha256, effective_from=e.effective_from, by=e.proposed_by)
    return replace(s, affiliate=e.affiliate, title=e.title, proposed={**s.proposed, e.policy_version: proposed})


@policies.evolve(PolicyVersionPublished)
def _(s: Scheme, e: PolicyVersionPublished, v: int) -> Scheme:
    published = Published(version=e.policy_version, sha256=e.sha256, effective_from=e.effective_from)
    proposed = {k: p for k, p in s.proposed.items() if k != e.policy_version}
    return replace(s, affiliate=e.affiliate, title=e.title, published=(*s.published, published), proposed=proposed)


@instruments.evolve(InstrumentVersionPublished)
def _(f: Family, e: InstrumentVersionPublished, v: int) -> Family:
    published = Published(version=e.instrument_version, sha256=e.sha256, effective_from=date.min)
    return replace(f, title=e.title, published=(*f.published, published))
