"""What is published: policies and instruments to read before taking part, and their bodies to be handed in."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from api.bodies import RawBody
from api.commands import Subject
from api.disclosure import held_parts
from api.identity import Asking
from api.problems import Problem, catalogue, responses
from domain.instrument.model import Instrument
from domain.language import Role
from domain.policy.evaluate import basis_words
from domain.policy.model import Policy, Questions
from domain.policy.tree import Criterion
from domain.publishing import Published
from domain.values import PolicyRef
from infra import library
from infra.ledger import Ledger
from infra.library import FileFaults
from infra.shelf import LedgerShelf
from infra.wiring import Service

routes = APIRouter(tags=["published"])
KINDS = {"policies": "policy", "instruments": "instrument"}
PUBLISHERS = frozenset({Role.AFFILIATE_ADMIN, Role.NATIONAL, Role.OPERATOR})
Section = Annotated[str | None, Query(description="One section's help only, by its code.")]


@routes.get("/problems", operation_id="problems", summary="Every code of a problem, with what it says.")
def problems() -> dict[str, Any]:
    """For people who write clients."""
    return {"problems": catalogue()}


@routes.get("/affiliates", operation_id="affiliates", summary="The affiliates and their areas.")
def affiliates(request: Request) -> dict[str, Any]:
    """Public facts only: no staff."""
    service: Service = request.app.state.service
    known = sorted(service.ledger.shelf().affiliates(), key=lambda a: a.affiliate_id)
    told = [
        {
            "affiliate": a.affiliate_id,
            "name": a.name,
            "timezone": a.timezone,
            "website": a.website,
            "jurisdictions": list(a.jurisdictions),
            "national": a.national,
        }
        for a in known
    ]
    return {"affiliates": told}


@routes.get("/policies", operation_id="policies", summary="The schemes with their published versions.")
def policies(request: Request) -> dict[str, Any]:
    """Each version with the day from which it is in force."""
    service: Service = request.app.state.service
    schemes = sorted(service.ledger.shelf().schemes(), key=lambda s: s.code)
    return {
        "policies": [{"scheme": s.code, "title": s.title, "versions": _versions(s)} for s in schemes if s.published]
    }


def _versions(published: Any) -> list[dict[str, Any]]:
    return [
        {"version": p.version, "sha256": p.sha256, "effective_from": p.effective_from.isoformat()}
        for p in published.published
    ]


@routes.get(
    "/policies/{scheme}/{version}",
    operation_id="policy",
    summary="One version of a policy: its tiers, what they ask, mean and do not mean, and where each rule comes from.",
    responses=responses(404),
)
def policy(request: Request, scheme: Subject, version: str) -> dict[str, Any]:
    """Public, so that a program knows beforehand by what it will be judged."""
    service: Service = request.app.state.service
    shelf = service.ledger.shelf()
    published = shelf.scheme(scheme.lower())
    found = next((p for p in published.published if p.version == version), None) if published else None
    body = shelf.policy(PolicyRef(scheme, version, found.sha256)) if found else None
    if found is None or body is None:
        raise Problem("NOT_FOUND", f"There is no published version {version} of {scheme}.")
    return {"sha256": found.sha256, "effective_from": found.effective_from.isoformat(), **_policy(body)}


def _policy(body: Policy) -> dict[str, Any]:
    told = body.model_dump(mode="json", exclude={"tiers", "vectors"})
    return {"scheme": body.scheme, **told, "tiers": [_tier(body, t) for t in body.tiers]}


def _tier(body: Policy, tier: Any) -> dict[str, Any]:
    told = tier.model_dump(mode="json", exclude={"when", "basis"})
    benefits = [b.model_dump(mode="json") for b in body.benefits_at(tier.rank)]
    asks = _asked(tier.when, tier.basis)
    return {
        "qualified": body.qualified(tier.code),
        **told,
        "basis": basis_words(tier.basis),
        "asks": asks,
        "benefits": benefits,
    }


def _asked(asked: Criterion, basis: str) -> dict[str, Any]:
    own = asked.basis or basis
    told: dict[str, Any] = {"criterion": asked.name, "params": asked.params.values(), "basis": basis_words(own)}
    return told | ({"of": [_asked(one, own) for one in asked.of]} if asked.of else {})


@routes.get("/instruments", operation_id="instruments", summary="The instruments with their published versions.")
def instruments(request: Request) -> dict[str, Any]:
    """Families and versions."""
    service: Service = request.app.state.service
    shelf = service.ledger.shelf()
    used = {i.family for s in shelf.schemes() for p in s.published if (i := _asked_by(shelf, s.code, p))}
    families = [f for name in sorted(used) if (f := shelf.family(name))]
    return {"instruments": [{"family": f.code, "title": f.title, "versions": _versions(f)} for f in families]}


def _asked_by(shelf: LedgerShelf, scheme: str, published: Published) -> Questions | None:
    body = shelf.policy(PolicyRef(scheme, published.version, published.sha256))
    return body.instrument if body else None


@routes.get(
    "/instruments/{family}/{version}",
    operation_id="instrument",
    summary="One version of an instrument: every question, the help beside it, and the questions on readiness.",
    responses=responses(404),
)
def instrument(request: Request, family: Subject, version: str, section: Section = None) -> dict[str, Any]:
    """Public, so that the questions can be read before anything is started (S4-16), with help by section (S1-13)."""
    service: Service = request.app.state.service
    shelf = service.ledger.shelf()
    published = shelf.family(family) or shelf.family(family.upper())
    ref = published.ref(version) if published else None
    body = shelf.instrument(ref) if ref else None
    if ref is None or body is None:
        raise Problem("NOT_FOUND", f"There is no published version {version} of {family}.")
    told = body.model_dump(mode="json")
    if section is not None:
        told["sections"] = [s for s in told["sections"] if s["code"] == section]
        if not told["sections"]:
            codes = ", ".join(s.code for s in body.sections)
            raise Problem("NOT_FOUND", f"{family} has no section {section}; it has {codes}.")
    return {"sha256": ref.sha256, "item_count": len(body.items), **told}


@routes.post(
    "/artifacts/{kind}",
    status_code=201,
    operation_id="hand-in-artifact",
    summary="Hand in the body of a policy or an instrument, as YAML or JSON; publishing then names its hash.",
    responses=responses(400, 401, 403, 404, 413, 422),
    openapi_extra={"requestBody": {"required": True, "content": {"application/yaml": {}, "application/json": {}}}},
)
def hand_in(request: Request, kind: str, content: RawBody, asking: Asking) -> dict[str, Any]:
    """Checked as a whole; every fault is named, and a faulty body is not kept."""
    service: Service = request.app.state.service
    if kind not in KINDS:
        raise Problem("NOT_FOUND", "Artifacts are policies or instruments.")
    person = asking.acting
    if not held_parts(service, None, asking) & PUBLISHERS:
        raise Problem("NOT_DISCLOSED", f"Bodies are handed in by administrators of affiliates, not by {person}.")
    body = checked(service.ledger, kind, content, "body")
    service.ledger.recorder.put_artifact(KINDS[kind], body.content)
    return {"sha256": body.sha256, "name": body.name, "version": body.version}


def checked(ledger: Ledger, kind: str, content: bytes, origin: str) -> library.Body:
    """The body of a policy or an instrument, checked against what is published. FileFaults names everything wrong."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise FileFaults([f"{origin}: it is not UTF-8"]) from None
    document = library.parse(text, origin)
    if kind == "instruments":
        return library.instrument_body(library.instrument(document, origin))
    return library.policy(document, origin, _known_instruments(ledger.shelf(), document))[1]


def _known_instruments(shelf: LedgerShelf, document: dict[str, Any]) -> list[Instrument]:
    """Those that ship, and the published versions of the ones that this policy or a shipped one names."""
    own = document.get("instrument")
    named = {str(own.get("family"))} if isinstance(own, dict) else set[str]()  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    families = [
        f
        for name in sorted(named | {i.family for i in library.shipped_instruments().values()})
        if (f := shelf.family(name))
    ]
    refs = [f.ref(p.version) for f in families for p in f.published]
    published = [i for ref in refs if ref and (i := shelf.instrument(ref))]
    return [*library.shipped_instruments().values(), *published]  # what is published comes last and counts
