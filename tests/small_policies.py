"""What the small world publishes: an instrument of six items and four policies, one for each way of doing things.

``full`` has every step there is; ``lean`` few gates, an evaluator's finding and a plan that the affiliate issues;
``member`` admits on application, has a tier held while work is under way, and benefits; ``southern`` is ``lean``
elsewhere.
"""

from typing import Any

from domain.instrument.model import Instrument
from domain.policy.model import Policy, load

ZONE = "America/Chicago"


def _rule(**fields: Any) -> dict[str, Any]:
    return {**fields, "basis": "proposal"}


def _gates(*codes: str) -> list[dict[str, Any]]:
    return [_rule(code=code) for code in codes]


def _tier(code: str, rank: int, *when: Any, **more: Any) -> dict[str, Any]:
    said = {"meaning": "It means something.", "not_a_claim": "It does not mean everything."}
    fixed = {"code": code, "rank": rank, "label": code.title(), "listing": "listed", "assessed": True}
    return _rule(**fixed, **said, when={"all": list(when)}, **more)


def _benefit(code: str, **more: Any) -> dict[str, Any]:
    return _rule(code=code, says=f"What {code} is.", **more)


STEPS_TO_ACCESS = (
    "listing_approved", "readiness_confirmed", "intake_conversation", "ta_nqms_requested", "ta_provider_assigned",
    "needs_assessment_completed",
)  # fmt: skip
PARTIES = ["program", "affiliate"]
FULL: dict[str, Any] = {
    "policy": "FULL", "version": "1", "semantics": 1, "affiliate": "north", "timezone": ZONE,
    "title": "Every gate, a plan of both, a statement, a term from its receipt",
    "instrument": _rule(family="SMALL", version="1"),
    "entry": None,
    "gates": [*_gates(*STEPS_TO_ACCESS), _rule(code="mou_executed", required_parties=PARTIES)],
    "cycles": [
        _rule(kind="initial"),
        _rule(kind="renewal", gates=_gates("listing_approved", "intake_conversation")),
        _rule(kind="advancement", gates=_gates("listing_approved", "intake_conversation")),
        _rule(kind="corrective", gates=_gates("listing_approved", "intake_conversation")),
    ],
    "review": _rule(modes=["onsite"], reply_days=0),
    "plan": _rule(form="improvement_and_innovation", months=12, cover_gaps=True, issued_by="both"),
    "statement": _rule(signatory_roles=["executive_director", "head_of_program"], template="soa-1"),
    "tiers": [
        _tier("dedicated", 1, "assessment_submitted", {"review_held": ["onsite"]},
              {"plan_adopted": {"months": 12, "cover_gaps": True}}, "statement_received"),
        _tier("expert", 2, {"tier": "dedicated"}, {"gate": "intake_conversation"}, {"item_in_practice": "C5"},
              {"practices_in_place": {"set": "all_counting", "min_share": 80}}, badge="star", national_badge=True),
    ],
    "term": _rule(length="P3Y", starts="statement_received_on", reinstate_on="decision", review_due="P18M"),
    "advancement": _rule(allowed=True, term="keep"),
    "renewal": _rule(opens_before="P12M", anchor="previous_expiry_if_in_window"),
    "extension": None,
    "adverse": _rule(
        grounds=["safety"], reply_min="P20D", appeal_within="P30D", stay_on_appeal=True, imminent_harm_immediate=True,
        overturned_dates="as_first_decided",
    ),
    "deferral": _rule(max_times=2, max_period="P90D"),
    "surveillance": _rule(annual_check_in=False, change_report_within=None),
    "benefits": {},
}  # fmt: skip
LEAN: dict[str, Any] = {
    **FULL,
    "policy": "LEAN", "title": "No gates but the listing, a finding, a plan that the affiliate issues, no statement",
    "gates": _gates("listing_approved"),
    "cycles": [_rule(kind="initial"), _rule(kind="renewal", gates=_gates("listing_approved"))],
    "review": _rule(modes=["onsite", "remote"], reply_days=0),
    "plan": _rule(form="action_plan", months=12, cover_gaps=False, issued_by="affiliate"),
    "statement": None,
    "evaluator_findings": ["identified", "under_inquiry"],
    "tiers": [
        _tier("partner", 1, "assessment_submitted", {"review_held": ["onsite", "remote"]}, {"plan_adopted": {"months": 12}}),
        _tier("model", 2, {"tier": "partner"}, {"evaluator_finding": "identified"},
              {"any": [{"operating_for": "P20Y"}, {"not": {"self_assessment_state": ["started"]}}]},
              {"practices_in_place": {"set": "designated", "min_share": 100, "min_quality": 3}}),
    ],
    "term": _rule(length="P2Y", starts="decision_day", reinstate_on="decision"),
    "advancement": _rule(allowed=False, term="keep"),
    "renewal": _rule(opens_before="P12M", anchor="new_start"),
    "adverse": None,
    "deferral": _rule(max_times=1, max_period="P30D"),
    "unscanned_documents": "refused",
}  # fmt: skip
MEMBER: dict[str, Any] = {
    **FULL,
    "policy": "MEMBER", "title": "Entry by application, a tier held while work is under way, a right of reply",
    "entry": _rule(by="application", level="affiliate"),
    "gates": _gates("listing_approved", "membership_accepted"),
    "cycles": [_rule(kind="initial"), _rule(kind="renewal", gates=_gates("listing_approved"))],
    "review": _rule(modes=["onsite", "desk"], reply_days=10),
    "plan": _rule(form="work_plan", months=None, cover_gaps=False, issued_by="both"),
    "tiers": [
        _tier("affiliate", 1, "application_accepted", "formal_program", {"operating_for": "P1Y"},
              granted_at="application") | {"assessed": False},
        _tier("associate", 2, {"tier": "affiliate"},
              {"self_assessment_state": ["started", "submitted", "working_to_standards"]},
              granted_at="assessment_started", transitional=True, hold=_rule(max="P18M", on_lapse="affiliate")),
        _tier("full", 3, {"tier": "affiliate"}, {"self_assessment_state": ["working_to_standards"]},
              "support_completed", "other_requirements_met",
              {"practices_in_place": {"set": "all_counting", "min_share": 60}}),
    ],
    "term": _rule(length=None, starts="decision_day", reinstate_on="decision"),
    "advancement": _rule(allowed=False, term="keep"),
    "adverse": None,
    "deferral": _rule(max_times=0, max_period="P30D"),
    "benefits": {
        0: [_benefit("open_days")],
        1: [_benefit("discount", flags=["discretionary", "subject_to_change"]),
            _benefit("welcome", only_at_this_rank=True)],
        2: [_benefit("funding", flags=["when_available"]), _benefit("match_tickets", count=10, per="P6M")],
        3: [_benefit("training_vouchers", count=2, per="P1Y"), _benefit("support_letter", flags=["on_request"]),
            _benefit("grants", flags=["when_available", "most"]), _benefit("priority", flags=["some_instances"])],
    },
}  # fmt: skip
SOUTHERN = {**LEAN, "policy": "SOUTHERN", "affiliate": "south", "timezone": "America/New_York"}
POLICIES: dict[str, Policy] = {p.scheme: p for p in map(load, (FULL, LEAN, MEMBER, SOUTHERN))}


def _items(start: int, *kinds: dict[str, Any]) -> list[dict[str, Any]]:
    area = "ABC"[(start - 1) // 2]
    said = {"help": {"good": "Done.", "examples": ["So."]}, "answers": {"weak": "Not so well.", "strong": "Very well."}}
    return [
        {"id": f"{area}{n}", "number": n, "wording": f"Practice {n}", **said, **k} for n, k in enumerate(kinds, start)
    ]


def _area(code: str, start: int, *kinds: dict[str, Any]) -> dict[str, Any]:
    resource = {"kind": "example", "title": "An example", "summary": "It shows how."}
    return {"code": code, "title": f"Area {code}", "resources": [resource] * 4, "items": _items(start, *kinds)}


TEXT, DOCUMENT = (
    {"kind": "text", "prompt": "How?"},
    {"kind": "document", "prompt": "Show.", "accepts": ["application/pdf"]},
)
SMALL: dict[str, Any] = {
    "family": "SMALL", "version": "1", "title": "Six practices", "notice": "Made up for tests.",
    "anchors": {n: f"Level {n}" for n in range(1, 6)},
    "sections": [
        {"code": "design", "title": "Design", "sub_areas": [_area("A", 1, {}, {"evidence": TEXT, "sets": ["designated"]})]},
        {"code": "practice", "title": "Practice", "sub_areas": [
            _area("B", 3, {"evidence": DOCUMENT, "sets": ["designated"]}, {"na_allowed": True}),
            _area("C", 5, {"safety": True}, {"counts_toward_practice": False}),
        ]},
    ],
    "readiness": [{"question": f"Ready ({n})?", "answer": "Yes."} for n in range(5)],
}  # fmt: skip
INSTRUMENT = Instrument.model_validate(SMALL)
"""A1 plain, A2 asks for text, B3 for a document, B4 may not apply, C5 is about safety, C6 does not count."""
