"""The policies that walks go by: those of the small world with more of what comes after a grant.

``full`` keeps terms and stays acts under appeal, ``lean`` begins terms anew and does neither, ``member`` holds tiers
without an end, ``southern`` knows no adverse acts but extensions.
"""

from typing import Any

from domain.policy.model import Policy, load
from tests import small_policies as small


def _rule(**fields: Any) -> dict[str, Any]:
    return {**fields, "basis": "proposal"}


def _cycles(doc: dict[str, Any]) -> list[dict[str, Any]]:
    """The first and the renewing cycles as they are, and every other kind after the listing alone."""
    listed = [{"code": "listing_approved", "basis": "proposal"}]
    usual = [cycle for cycle in doc["cycles"] if cycle["kind"] in ("initial", "renewal")]
    return [*usual, _rule(kind="advancement", gates=listed), _rule(kind="corrective", gates=listed)]


def _benefit(code: str, *flags: str, **more: Any) -> dict[str, Any]:
    return _rule(code=code, says=f"It brings {code}.", flags=list(flags), **more)


GROUNDS = ["safety", "false_statement"]
EXTENDED_ON = ["disaster", "change_of_staff"]
FULL: dict[str, Any] = {
    **small.FULL,
    "cycles": _cycles(small.FULL),
    "advancement": _rule(allowed=True, term="keep"),
    "extension": _rule(max="P6M", times=2, grounds=EXTENDED_ON),
    "adverse": {**small.FULL["adverse"], "grounds": GROUNDS},
    "surveillance": _rule(annual_check_in=True, change_report_within="P30D"),
    "benefits": {
        0: [_benefit("newsletter")],
        1: [_benefit("training_vouchers", count=2, per="P1Y"), _benefit("support_letter", "on_request")],
        2: [_benefit("funding", "when_available"), _benefit("promotion", "discretionary")],
    },
}
LEAN: dict[str, Any] = {
    **small.LEAN,
    "cycles": _cycles(small.LEAN),
    "advancement": _rule(allowed=True, term="restart"),
    "adverse": _rule(
        grounds=GROUNDS, reply_min="P10D", appeal_within="P20D", stay_on_appeal=False, imminent_harm_immediate=False,
        overturned_dates="panel_day",
    ),
    "benefits": {1: [_benefit("promotion")]},
}  # fmt: skip
MEMBER: dict[str, Any] = {
    **small.MEMBER,
    "cycles": _cycles(small.MEMBER),
    "adverse": {**FULL["adverse"], "reply_min": "P15D", "overturned_dates": "panel_day"},
    "surveillance": FULL["surveillance"],
    "benefits": {1: [_benefit("training_vouchers", count=3)], 3: [_benefit("support_letter")]},
}
SOUTHERN: dict[str, Any] = {
    **LEAN,
    "policy": "SOUTHERN", "affiliate": "south", "timezone": "America/New_York",
    "adverse": None,
    "extension": _rule(max="P3M", times=1, grounds=EXTENDED_ON),
}  # fmt: skip
DOCS = (FULL, LEAN, MEMBER, SOUTHERN)
POLICIES: dict[str, Policy] = {p.scheme: p for p in map(load, DOCS)}
LATER = [  # what may be published later: new versions whose tiers ask the same; the last one's instrument is not there
    {**FULL, "version": "2", "deferral": {**FULL["deferral"], "max_times": 1}},
    {**LEAN, "version": "2", "unscanned_documents": "admissible"},
    {**MEMBER, "version": "2", "deferral": FULL["deferral"]},
    {**SOUTHERN, "version": "2", "cycles": SOUTHERN["cycles"][:1]},
    {**FULL, "version": "3", "instrument": {**FULL["instrument"], "version": "3"}},
]
