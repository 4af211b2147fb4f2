"""People: entered in the vault, known to everything else by an opaque id. For demonstrations until identity is real."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, StringConstraints

from api.bodies import JsonBody
from api.identity import demonstration
from api.problems import responses
from infra.vault import PersonRecord
from infra.wiring import Service

routes = APIRouter(tags=["people"])


class NewPerson(BaseModel):
    """A person to be entered."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    email: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^@\s]+@[^@\s]+$", max_length=200)]


class Entered(BaseModel):
    """A person's opaque id."""

    person_id: str


@routes.post(
    "/people",
    status_code=201,
    operation_id="enter-person",
    summary="Enter a person; only where development identities are believed.",
    response_model=Entered,
    responses=responses(400, 403, 413, 422),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": NewPerson.model_json_schema()}}}
    },
)
def enter(request: Request, body: JsonBody) -> dict[str, Any]:
    """Name and address go encrypted into the vault; everything else knows the person by the id."""
    demonstration(request)
    service: Service = request.app.state.service
    given = NewPerson.model_validate(body)
    return {"person_id": service.vault.register_person(PersonRecord(name=given.name, email=given.email))}
