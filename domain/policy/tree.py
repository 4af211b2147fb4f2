"""What a tier asks, as a tree of criteria, read from a policy's plain data with every fault named by its place."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, SerializeAsAny, ValidationError, ValidationInfo

from domain.language import listing
from domain.policy.criteria import SEMANTICS
from domain.policy.faults import basis_fault, several, told
from domain.policy.vocabulary import Params, Vocabulary
from domain.values import Code


class TierParams(Params):
    """Which other tier has to be held by right."""

    tier: Code


class Criterion(BaseModel):
    """One criterion with its parameters, or a combination of criteria, or a reference to another tier."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Code
    params: SerializeAsAny[Params] = Params()
    basis: Code | None = None
    """Where it comes from; without one, from where what it stands in comes."""
    of: tuple["Criterion", ...] = ()

    def walk(self, place: str = "when") -> Iterator[tuple[str, "Criterion"]]:
        """This criterion and all below it, each with its place."""
        yield place, self
        for i, inner in enumerate(self.of):
            yield from inner.walk(_below(place, self.name, i))

    def tiers(self) -> tuple[str, ...]:
        """The codes of the tiers it refers to."""
        return tuple(c.params.tier for _, c in self.walk() if isinstance(c.params, TierParams))


class _Reader:
    """Reads one tree and notes everything that is wrong in it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.faults: list[str] = []

    def read(self, raw: object, place: str = "") -> Criterion | None:
        """The criterion that the plain data stands for, or None if something is wrong with it."""
        body: dict[str, object] = {raw: None} if isinstance(raw, str) else dict(_mapping(raw))
        basis = body.pop("basis", None)
        wrong = "a basis is text in quotes" if basis is not None and not isinstance(basis, str) else None
        wrong = wrong or (basis_fault(basis) if isinstance(basis, str) else None)
        if wrong:
            self.faults.append(f"{place}.basis: {wrong}")
        if len(body) != 1:
            names = listing(sorted(map(str, body))) or "nothing"
            return self._fault(place, f"one criterion is expected here, found {names}")
        ((name, value),) = body.items()
        if name in self.vocabulary.combine:
            return self._combination(str(name), value, place, cast("str | None", basis))
        params = self._params(str(name), value, place)
        return None if params is None or wrong else Criterion(name=name, params=params, basis=cast("str | None", basis))

    def _combination(self, name: str, value: object, place: str, basis: str | None) -> Criterion | None:
        inner = [value] if name == "not" else cast("list[object]", value) if isinstance(value, (list, tuple)) else []
        if not inner:
            return self._fault(place, f"{name} needs a list of at least one criterion")
        read = [self.read(one, _below(place, name, i)) for i, one in enumerate(inner)]
        of = tuple(one for one in read if one is not None)
        return Criterion(name=name, basis=basis, of=of) if len(of) == len(read) else None

    def _params(self, name: str, value: object, place: str) -> Params | None:
        word = self.vocabulary.words.get(name)
        if word is None and name != "tier":
            known = ", ".join(self.vocabulary.known)
            return self._fault(place, f"no criterion is called {name!r}; known are {known}")
        kind = word.params if word else TierParams
        fields = [field.alias or key for key, field in kind.model_fields.items()]
        if value is None:
            value = {}
        elif not isinstance(value, Mapping):
            if not fields:
                return self._fault(place, f"{name} takes no parameters, found {value!r}")
            value = {fields[0]: value}
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            self.faults += [f"{place}.{name}.{fault}" for fault in told(error)]
            return None

    def _fault(self, place: str, fault: str) -> None:
        self.faults.append(f"{place}: {fault}")


def _below(place: str, name: str, i: int) -> str:
    return f"{place}.not" if name == "not" else f"{place}.{name}[{i}]"


def _mapping(raw: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", raw) if isinstance(raw, Mapping) else {}


def read_tree(raw: object, info: ValidationInfo) -> Criterion:
    """The tree of criteria that plain data stands for, read with the semantics of the validation's context."""
    if isinstance(raw, Criterion):
        return raw
    context: Mapping[str, Any] = info.context or {}
    reader = _Reader(SEMANTICS.get(context.get("semantics", 0), SEMANTICS[max(SEMANTICS)]))
    tree = reader.read(raw)
    if tree is None or reader.faults:
        raise several(reader.faults)
    return tree


Tree = Annotated[Criterion, BeforeValidator(read_tree)]
"""A tier's criteria as a policy document writes them."""
