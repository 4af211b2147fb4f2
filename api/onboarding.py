"""Bringing an affiliate in from one file: its data, its people, its policies. Checked as a whole before anything is done."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from api.catalogue import checked
from api.identity import Visitor
from domain import COMMANDS
from domain.values import REFERENCE
from infra import library
from infra.library import Body, FileFaults
from infra.vault import PersonRecord
from infra.wiring import Service

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Somebody(BaseModel):
    """A person by name and address."""

    model_config = ConfigDict(extra="forbid")
    name: Word
    email: Word


class Member(Somebody):
    """A person on the staff."""

    roles: list[Literal["affiliate_admin", "reviewer", "decider"]] = Field(min_length=1)


class InForce(BaseModel):
    """A policy, by its file beside this one or as one of those that ship (``NAME@VERSION``), and from when it holds."""

    model_config = ConfigDict(extra="forbid")
    policy: Word
    effective_from: date


class NewAffiliate(BaseModel):
    """An affiliate to be brought in."""

    model_config = ConfigDict(extra="forbid")
    code: Annotated[str, StringConstraints(pattern=f"^{REFERENCE.pattern}$", max_length=REFERENCE.max_length)]
    name: Word
    timezone: Word
    website: Word | None = None
    jurisdictions: list[Word] = Field(min_length=1)
    national: bool = False
    policies_need_national: bool = False
    administrator: Somebody
    staff: list[Member] = []
    policies: list[InForce] = []

    @classmethod
    def read(cls, path: Path) -> Self:
        """The affiliate of a YAML file. FileFaults naming everything wrong at once."""
        try:
            return cls.model_validate(library.read_file(path))
        except ValidationError as error:
            faults = [
                f"{path.name}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)
            ]
            raise FileFaults(faults) from None


def onboard(service: Service, wanted: NewAffiliate, folder: Path, operator: Visitor) -> dict[str, Any]:
    """Charter the affiliate, appoint its people, publish its policies; as the operator. Raises what the ledger raises."""
    _publish_instruments(service, operator)
    bodies = _bodies(service, wanted, folder)
    chartering = wanted.model_dump(exclude={"code", "administrator", "staff", "policies"})
    _preview(service, wanted.code, {**chartering, "administrator": operator.acting}, operator)
    people = [{"roles": ["affiliate_admin"], **_entered(service, wanted.administrator)}]
    chartering["administrator"] = people[0]["person_id"]
    _do(service, wanted.code, "CharterAffiliate", chartering, operator)
    for member in wanted.staff:
        entered = _entered(service, member)
        people.append({"roles": list(member.roles), **entered})
        _do(service, wanted.code, "AppointStaff", {"person": entered["person_id"], "roles": member.roles}, operator)
    policies: list[dict[str, Any]] = []
    for body, day in bodies:
        service.ledger.recorder.put_artifact("policy", body.content)
        given = {"policy_version": body.version, "sha256": body.sha256, "effective_from": day}
        _do(service, body.name.lower(), "PublishPolicyVersion", given, operator)
        policies.append({"scheme": body.name.lower(), "version": body.version, "effective_from": day.isoformat()})
    return {"code": wanted.code, "people": people, "policies": policies}


def _preview(service: Service, code: str, given: dict[str, Any], operator: Visitor) -> None:
    """Refuses what would be refused, before anybody's name is entered."""
    command = COMMANDS["CharterAffiliate"]
    service.ledger.execute(code, command, given, person=operator.acting, standing=operator.standing, preview=True)


def _do(service: Service, subject: str, command: str, given: dict[str, Any], operator: Visitor) -> None:
    service.ledger.execute(subject, COMMANDS[command], given, person=operator.acting, standing=operator.standing)


def _entered(service: Service, somebody: Somebody) -> dict[str, Any]:
    record = PersonRecord(name=somebody.name, email=somebody.email)
    return {"name": somebody.name, "person_id": service.vault.register_person(record)}


def _publish_instruments(service: Service, operator: Visitor) -> None:
    """Put the instruments that ship into the ledger, where they are missing: policies stand on them."""
    shelf = service.ledger.shelf()
    for loaded in library.shipped_instruments().values():
        family = shelf.family(loaded.family)
        if family is None or family.ref(loaded.version) is None:
            body = library.instrument_body(loaded)
            service.ledger.recorder.put_artifact("instrument", body.content)
            given = {"instrument_version": body.version, "sha256": body.sha256}
            _do(service, body.name, "PublishInstrumentVersion", given, operator)


def _bodies(service: Service, wanted: NewAffiliate, folder: Path) -> list[tuple[Body, date]]:
    """The bodies of all policies, checked. FileFaults names what is wrong in any of them."""
    shipped = library.shipped_policies()
    found: list[tuple[Body, date]] = []
    faults: list[str] = []
    for one in wanted.policies:
        try:
            if one.policy in shipped:
                body = library.policy(shipped[one.policy], one.policy, library.shipped_instruments().values())[1]
            else:
                body = checked(service.ledger, "policies", (folder / one.policy).read_bytes(), one.policy)
            found.append((body, one.effective_from))
        except FileFaults as error:
            faults += error.faults
        except OSError as error:
            faults.append(f"{one.policy}: it cannot be read: {error}")
    if faults:
        raise FileFaults(faults)
    return found
