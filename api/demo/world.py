"""The world in which the stories happen: affiliates with their staff, instruments and policies published."""

from datetime import date

from api.demo.cast import AFFILIATES, NATIONAL, Staff
from api.demo.doors import Door
from domain.instrument.model import Instrument
from infra.library import instrument_body, policy, shipped_instruments, shipped_policies

IN_FORCE = {
    "MN-QP@1": date(2015, 1, 1),
    "IL-STAR@1": date(2019, 6, 1),
    "IR-QMP@1": date(2016, 1, 1),
    "MMP-QBM@2014.1": date(2014, 10, 1),
}
"""The policies that the demonstration puts into force, and from when."""


def charter(door: Door, staff: Staff) -> None:
    """Enter an affiliate and its people."""
    administrator = door.person(staff.administrator)
    door.operate(
        staff.code,
        "CharterAffiliate",
        name=staff.name,
        timezone=staff.timezone,
        jurisdictions=list(staff.jurisdictions),
        national=staff.national,
        administrator=administrator,
    )
    parts = {
        staff.reviewer: ["reviewer"],
        staff.second_reviewer: ["reviewer"],
        staff.decider: ["decider"],
        staff.second_administrator: ["affiliate_admin"],
    }
    for name, roles in parts.items():
        if name:
            door.do(administrator, staff.code, "AppointStaff", person=door.person(name), roles=roles)


def publish_instrument(door: Door, instrument: Instrument) -> None:
    """Publish one version of an instrument."""
    body = instrument_body(instrument)
    sha256 = door.publish("instrument", body.content)
    door.operate(body.name, "PublishInstrumentVersion", instrument_version=body.version, sha256=sha256)


def publish_policy(door: Door, name: str, effective_from: date) -> None:
    """Publish one shipped version of a policy."""
    instruments = shipped_instruments().values()
    loaded, body = policy(shipped_policies()[name], name, instruments)
    sha256 = door.publish("policy", body.content)
    version = {"policy_version": body.version, "sha256": sha256, "effective_from": effective_from.isoformat()}
    door.operate(loaded.scheme, "PublishPolicyVersion", **version)


def found(door: Door) -> None:
    """Everything that is there before the first program registers."""
    for staff in (NATIONAL, *AFFILIATES):
        charter(door, staff)
    for instrument in shipped_instruments().values():
        publish_instrument(door, instrument)
    # A scheme's first version may reach back; later ones take effect from today on.
    publish_policy(door, "MMP-QBM@2014.1", IN_FORCE["MMP-QBM@2014.1"])
    for name in ("MN-QP@1", "IL-STAR@1", "IR-QMP@1"):
        publish_policy(door, name, IN_FORCE[name])
