"""Verifies a decision bundle offline:  python verify_bundle.py BUNDLE --key VKEY [--witness VKEY ...] [--quorum N]

This file stands alone: Python 3.11, its standard library and `cryptography`. It shares no code with the service and trusts
nothing of it but the keys on the command line. It derives the tier itself from the events in the bundle, and holds what
was recorded against that. Exit code 0: accepted. 1: not accepted, with the reason. 2: wrong use.
"""

import argparse
import base64
import calendar
import hashlib
import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Json = dict[str, Any]
Leaf = tuple[str, list[int], Json, list[str]]  # true, false or unknown; versions it rests on; figures; what is missing
Key = tuple[str, bytes, bytes]  # of a log or a witness: its name, its short id, its kind (1 or 4) and the public key
PARTS = {"artifacts", "checkpoint", "decision", "events", "format", "proof", "texts"}
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, InvalidSignature)
TEXT = r'\{"id":"([^"]+)","digest":"([0-9a-f]{64})"\}'  # how an event refers to words
DECISIONS = {"TierGranted": "granted", "TierDenied": "denied", "TierDecisionDeferred": "put off"}


def need(fine: object, why: str) -> None:
    """Rejects unless all is fine."""
    if not fine:
        raise ValueError(why)


def canonical(value: Any, sort: bool = True) -> bytes:
    """The one way to write a value (RFC 8785, for whole numbers and ASCII names)."""
    return json.dumps(value, sort_keys=sort, separators=(",", ":"), ensure_ascii=False).encode()


def parsed(text: str, what: str, sort: bool = True) -> Any:
    """What JSON says that is written in the one right way; so no name stands twice, and no number is a fraction."""
    value = json.loads(text, parse_float=str)
    need(canonical(value, sort) == text.encode(), f"{what} is not written canonically")
    return value


def sha256(*parts: bytes) -> bytes:
    """SHA-256 over parts one after another."""
    return hashlib.sha256(b"".join(parts)).digest()


def unbase(text: str) -> bytes:
    """Bytes from base64 that is written in the one right way."""
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text, "base64 with stray bits")
    return raw


def key_of(vkey: str, kind: int) -> Key:
    """The key that a vkey stands for."""
    name, key_id, encoded = vkey.strip().split("+", 2)
    raw, short = unbase(encoded), sha256(name.encode(), b"\n", unbase(encoded))[:4]
    need(len(raw) == 33 and raw[0] == kind and short.hex() == key_id, f"this is no key of that kind: {vkey}")
    return name, short, raw


def checked(note: str, log: Key, witnesses: list[Key], quorum: int) -> tuple[int, bytes, dict[str, int]]:
    """Size and root of a checkpoint that the log signed, and which of the witnesses saw it when."""
    text, _, lines = note.rpartition("\n\n")
    text, signed = text + "\n", dict[str, int]()
    for line in lines.removesuffix("\n").split("\n"):
        mark, name, encoded = line.split(" ")
        raw = unbase(encoded)
        by = [key for key in (log, *witnesses) if key[:2] == (name, raw[:4])]
        need(mark == "—" and by and name not in signed, f"the checkpoint is signed by {name}: name that key as well")
        kind, public = by[0][2][0], Ed25519PublicKey.from_public_bytes(by[0][2][1:])
        signed[name] = int.from_bytes(raw[4:12], "big") if kind == 4 else 0
        message = f"cosignature/v1\ntime {signed[name]}\n{text}" if kind == 4 else text
        public.verify(raw[12 if kind == 4 else 4 :], message.encode())
    need(lines.endswith("\n") and signed.pop(log[0], None) == 0, f"{log[0]} did not sign the checkpoint")
    need(len(signed) >= quorum, f"{len(signed)} of your witnesses saw the checkpoint, and {quorum} are asked for")
    origin, size, root, end = text.split("\n")
    need(origin == log[0] and not end and re.fullmatch(r"[1-9][0-9]{0,15}", size), "it is no checkpoint of that log")
    return int(size), unbase(root), signed


def root_over(leaves: list[tuple[int, bytes]], low: int, high: int, proof: list[bytes]) -> bytes:
    """The root (RFC 6962) that follows from some leaves and, for each part without any, the proof's last hash."""
    if not leaves:
        return proof.pop()
    if high - low == 1:
        return leaves[0][1]
    middle = low + (1 << ((high - low - 1).bit_length() - 1))
    first = root_over([one for one in leaves if one[0] < middle], low, middle, proof)
    return sha256(b"\x01", first, root_over([one for one in leaves if one[0] >= middle], middle, high, proof))


def cycle(e: Json) -> Json:
    """One way from a request to a decision, as far as a tier rests on it; numbers are versions of events."""
    parts = ("access", "at", "said", "narratives", "links", "rulings", "findings", "plan", "statement")
    return {"scheme": e["scheme"], "reviewers": [], "settled": [], **{part: dict[str, Any]() for part in parts}}


def carry(p: Json, c: Json, e: Json) -> None:
    """Answers of an earlier cycle, and the findings that were settled in it."""
    source, settled = p["cycles"][e["from_cycle"]], e.get("settled", [])
    c.update({"from": e["from_cycle"], "settled": settled})
    for part, items in (("said", e["items"]), ("narratives", e["items"]), ("rulings", settled)):
        c[part] = {i: source[part][i] for i in items if i in source[part]}
    c["links"] = {i: list(source["links"][i]) for i in e["items"] if source["links"].get(i)}


def unsettle(c: Json, *items: str) -> None:
    """The findings on what was changed are off."""
    c["rulings"] = {i: ruling for i, ruling in c["rulings"].items() if i not in items}


def swap(c: Json, old: str, new: str) -> None:
    """One document in the place of another."""
    unsettle(c, *(i for i, ids in c["links"].items() if old in ids))
    c["links"] = {i: list(dict.fromkeys(new if d == old else d for d in ids)) for i, ids in c["links"].items()}


def rule(c: Json, outcome: str, ratings: Json, v: int, together: int = 0) -> None:
    """The reviewer ruled on some items, on several together as the program rated them; a plan is agreed to anew then."""
    own = {i: c["said"][i][0]["rating"] for i in ratings} if together else ratings
    c["rulings"].update({i: [outcome, rating, v, together] for i, rating in own.items()})
    c["plan"].update({"adopted": [], "plan_digest": ""} if c["plan"] else {})


def panel(quality: int, v: int) -> list[Any]:
    """What the panel of an appeal ruled: 0 is not in practice."""
    return ["adjusted", {"in_practice": "yes" if quality else "no", "quality": quality or None}, v, 0]


APPLIES = {True: "not_applicable", False: "not_applicable_refused"}
FOLDS: dict[str, Callable[[Json, Json, Json, int], object]] = {  # other types have no bearing on a tier
    "ProgramRegistered": lambda p, c, e, v: p.update(since=e["began_operating_on"], registered=[v]),
    "MembershipApplicationSubmitted": lambda p, c, e, v: p["members"].update({e["scheme"]: e | {"submitted": [v]}}),
    "MembershipApplicationAccepted": lambda p, c, e, v: p["members"][e["scheme"]].update(accepted=[v]),
    "DocumentUploaded": lambda p, c, e, v: p["documents"].update({e["document_id"]: e["digest"]}),
    "TechnicalAssistanceRequested": lambda p, c, e, v: p["assistance"].update({e["ta_id"]: dict(e)}),
    "TechnicalAssistanceProviderAssigned": lambda p, c, e, v: p["assistance"][e["ta_id"]].update({"consultant": 0} | e),
    "ParticipationRequested": lambda p, c, e, v: p["cycles"].update({e["cycle_id"]: cycle(e)}),
    "CorrectiveCycleOrdered": lambda p, c, e, v: p["cycles"].update({e["cycle_id"]: cycle(e)}),
    "AssessmentAccessGranted": lambda p, c, e, v: c.update(access=e),
    "AssessmentCarriedForward": lambda p, c, e, v: carry(p, c, e),
    "ItemRated": lambda p, c, e, v: c["said"].update({e["item_id"]: [e, v]}),
    "ItemRatingCleared": lambda p, c, e, v: c["said"].update({e["item_id"]: [e, v]}),
    "ItemNarrativeRecorded": lambda p, c, e, v: c["narratives"].update({e["item_id"]: e["text"]["digest"]}),
    "DocumentLinkedToItem": lambda p, c, e, v: c["links"].setdefault(e["item_id"], []).append(e["document_id"]),
    "DocumentUnlinkedFromItem": lambda p, c, e, v: c["links"][e["item_id"]].remove(e["document_id"]),
    "DocumentReplaced": lambda p, c, e, v: swap(c, e["document_id"], e["by_document_id"]),
    "AssessmentReturned": lambda p, c, e, v: (c["at"].pop("assessment_submitted"), unsettle(c, *e["item_ids"])),
    "ReviewerAssigned": lambda p, c, e, v: c["reviewers"].append(e["person"]),
    "ItemDeterminationRecorded": lambda p, c, e, v: rule(c, e["outcome"], {e["item_id"]: e.get("rating")}, v),
    "ItemsConfirmed": lambda p, c, e, v: rule(c, "confirmed", dict.fromkeys(e["item_ids"]), v, 1),
    "NotApplicableRuled": lambda p, c, e, v: rule(c, APPLIES[e["accepted"]], {e["item_id"]: None}, v),
    "ItemsRedetermined": lambda p, c, e, v: [c["rulings"].update({i: panel(q, v)}) for i, q in e["ratings"].items()],
    "SiteReviewHeld": lambda p, c, e, v: c.update(mode=e["mode"], exception="exception" in e),
    "EvaluatorFindingRecorded": lambda p, c, e, v: c["findings"].update({e["finding"]: [v]}),
    "ImprovementPlanDrafted": lambda p, c, e, v: c.update(plan={"goals": {}, "plan_digest": ""}),
    "ImprovementGoalSet": lambda p, c, e, v: c["plan"]["goals"].update({e["goal_id"]: e["item_ids"]}),
    "ImprovementGoalDropped": lambda p, c, e, v: c["plan"]["goals"].pop(e["goal_id"]),
    "ImprovementPlanProposed": lambda p, c, e, v: c["plan"].update(plan_digest=e["plan_digest"]),
    "ImprovementPlanAdopted": lambda p, c, e, v: c["plan"].update(e | {"adopted": [v]}),
    "EvidenceReopened": lambda p, c, e, v: rule(c, "", {}, v),
    "StatementOfAccuracyRequested": lambda p, c, e, v: c.update(statement=dict(e)),
    "StatementOfAccuracyReceived": lambda p, c, e, v: c["statement"].update(e),
    "StatementOfAccuracyVoided": lambda p, c, e, v: (c["at"].pop("statement_received", 0), c.update(statement={})),
}
kept = {"SelfAssessmentStarted": "started", "AssessmentSubmitted": "assessment_submitted", "SiteReviewHeld": "held"}
kept |= {"SupportCompleted": "support_completed", "OtherRequirementsConfirmed": "other_requirements_met"}
kept |= {"StatementOfAccuracyReceived": "statement_received"}
ITEM = ("ItemRated", "ItemRatingCleared", "ItemNarrativeRecorded", "DocumentLinkedToItem", "DocumentUnlinkedFromItem")


def fold(p: Json, name: str, e: Json, v: int) -> None:
    """One more event; what a Statement of Accuracy covers has to be what stood."""
    c = p["cycles"].get(e.get("cycle_id"), {})
    if name in kept:
        c["at"][kept[name]] = [v]
    FOLDS.get(name, lambda p, c, e, v: None)(p, c, e, v)
    if name in ITEM:
        unsettle(c, e["item_id"])
    covers = e.get("covers", e.get("signature", {}).get("covers"))
    if name.startswith("Statement") and covers:
        need(covers == sha256(canonical(stated(p, e["cycle_id"]))).hex(), f"event {v} does not cover what stood then")
    if name == "ActWithdrawn":  # it was recorded in error, and is taken out again
        c, act, was = p["acts"][e["withdrawn"]]
        if act in kept and c["at"].get(kept[act]) == [e["withdrawn"]]:
            del c["at"][kept[act]]
        c.get("findings", {}).pop(was.get("finding"), None)
        p["assistance"].get(was.get("ta_id"), {}).update({"consultant": 0} if act in FOLDS else {})
    p["acts"][v] = (c, name, e)


def stated(p: Json, cycle_id: str) -> Json:
    """All that a Statement of Accuracy covers."""
    c = p["cycles"][cycle_id]
    links = {i: sorted(ids) for i, ids in c["links"].items() if ids}
    said = {i: [e.get("rating"), e["reason"]["digest"] if "reason" in e else None] for i, (e, _) in c["said"].items()}
    told = {"answers": said, "narratives": c["narratives"], "links": links}
    rules = {name: c["access"][name] for name in ("policy", "instrument")}
    documents = {d: p["documents"][d] for ids in links.values() for d in ids}
    found = {"determinations": {i: one[:2] for i, one in c["rulings"].items()}, "plan": c["plan"].get("plan_digest")}
    return {"program": p["id"], "cycle": cycle_id, **rules, "stated": told, "documents": documents, **found}


def practice(c: Json, item: str) -> tuple[str, int, list[int], int]:
    """State, quality, versions, and whether it was confirmed together with others."""
    unruled: list[Any] = ["undetermined", None, 0, 0]
    outcome, rating, version, together = c["rulings"].get(item, unruled)
    versions = sorted({version, *c["said"].get(item, [])[1:]}) if version else []
    if outcome in ("not_applicable", "not_verified", "undetermined"):
        return outcome, 0, versions, 0
    quality: int = rating["quality"] if rating and rating["in_practice"] == "yes" else 0
    return "in_practice" if quality else "not_in_practice", quality, versions, together


def some(**told: Any) -> Json:
    """What is told; what is empty is left out."""
    return {name: value for name, value in told.items() if value}


def later(day: str, period: str) -> str:
    """The day a period of years, months and days later; a day that a month lacks becomes its last."""
    years, months, days = (int((re.search(rf"(\d+){unit}", period) or [0, 0])[1]) for unit in "YMD")
    since = date.fromisoformat(day)
    year, month = divmod(since.year * 12 + since.month - 1 + years * 12 + months, 12)
    kept = min(since.day, calendar.monthrange(year, month + 1)[1])
    return (date(year, month + 1, kept) + timedelta(days=days)).isoformat()


def happened(versions: list[int], act: str) -> Leaf:
    """An act that is not on record has not happened."""
    return ("true", versions, {}, []) if versions else ("false", [], {}, [act])


class Judge(NamedTuple):
    """Applies a policy to the evidence: the program, a cycle (an empty one for an application), day, rules, questions."""

    p: Json
    c: Json
    day: str
    policy: Json
    items: list[Json]

    def evaluation(self, moment: str) -> Json:
        """What a complete evaluation says."""
        tiers: list[Json] = sorted(self.policy["tiers"], key=lambda tier: tier["rank"])
        told = [{"tier": t["code"], "rank": t["rank"], "node": self.proof(t["code"])} for t in tiers]
        told = [one | {"result": one["node"]["result"]} for one in told]
        now = [t["code"] for t in tiers if t.get("granted_at", MOMENTS[2]) in MOMENTS[: MOMENTS.index(moment) + 1]]
        best = [one["tier"] for one in told if one["result"] == "true" and one["tier"] in now]
        return {"semantics": 1, "day": self.day, "moment": moment, "tiers": told, **some(computed=best and best[-1])}

    def counting(self, chosen: str) -> list[str]:
        """The practices of a set that count."""
        return [i["id"] for i in self.items if i["counts_toward_practice"] and chosen in ("all_counting", *i["sets"])]

    def proof(self, code: str) -> Json:
        """The proof of a tier."""
        tier = next(t for t in self.policy["tiers"] if t["code"] == code)
        return self.node(tier["when"], tier["basis"])

    def node(self, raw: Any, basis: str) -> Json:
        """One criterion with what it found, or a combination of criteria."""
        body: Json = {raw: None} if isinstance(raw, str) else dict(raw)
        basis = body.pop("basis", None) or basis
        ((word, value),) = body.items()
        if word in ("all", "any", "not"):
            children = [self.node(one, basis) for one in ([value] if word == "not" else value)]
            order = ("false", "unknown", "true") if word == "all" else ("true", "unknown", "false")
            result = next(r for r in order if r in [child["result"] for child in children])
            result = order[2 - order.index(result)] if word == "not" else result
            return {"criterion": word, "result": result, "basis": basis, "children": children}
        asked: Any = value if value.__class__ is dict else {first.get(word, word): value}
        usual: Json = {"cover_gaps": False} if word == "plan_adopted" else {"min_quality": 1} if "in_p" in word else {}
        params = usual | {n: a for n, a in asked.items() if a is not None}
        result, versions, detail, missing = self.leaf(word, params)
        more = some(params=params, versions=versions, detail=detail, missing=missing)
        return {"criterion": word, "result": result, "basis": basis, **more}

    def leaf(self, word: str, a: Json) -> Leaf:
        """What a criterion finds."""
        at, member = self.c["at"], self.p["members"].get(self.c["scheme"], {})
        if word in kept.values():
            return happened(at.get(word, []), word.removeprefix("assessment_"))
        if word in ("application_accepted", "gate"):
            gate = self.c["access"].get("gates", {}).get(a.get("name"), [])
            return happened(gate if word == "gate" else member.get("accepted", []), a.get("name", word))
        if word == "tier":
            return self.proof(a["tier"])["result"], [], {}, []
        if word == "evaluator_finding":
            found = self.c["findings"].get(a["code"])
            return happened(found, a["code"]) if found else ("unknown", [], {}, [a["code"]])
        if word == "formal_program":
            result = {None: "unknown", True: "true", False: "false"}[member.get("formal")]
            return result, member.get("submitted", []), {}, [] if result == "true" else [word]
        return getattr(self, word)(a)

    def self_assessment_state(self, a: Json) -> Leaf:
        """The state is the furthest one reached."""
        none: list[int] = []
        started, submitted = (self.c["at"].get(name, none) for name in ("started", "assessment_submitted"))
        working = self.c["plan"].get("adopted", none) if submitted else none
        reached = {"working_to_standards": working, "submitted": submitted, "started": started, "not_started": [0]}
        state = next(name for name, versions in reached.items() if versions)
        versions, short = sorted({*started, *submitted, *working}), state not in a["in"]
        return "false" if short else "true", versions, some(state=state, short=int(short)), a["in"] if short else []

    def review_held(self, a: Json) -> Leaf:
        """In a mode that the policy names, or under a recorded exception."""
        held, mode, exception = self.c["at"].get("held", []), self.c.get("mode"), self.c.get("exception")
        if held and (exception or mode in a["modes"]):
            return "true", held, some(mode=mode, exception=exception), []
        return "false", held, some(mode=held and mode, short=1), a["modes"]

    def plan_adopted(self, a: Json) -> Leaf:
        """An adopted plan, as long as asked, with a goal for every practice not in place if asked."""
        plan, open_states = self.c["plan"], ("not_in_practice", "not_verified")
        if not plan.get("adopted"):
            return "false", [], {}, ["plan_adopted"]
        covered = [i for goal in plan["goals"].values() for i in goal]
        gaps = [i for i in self.counting("all_counting") if practice(self.c, i)[0] in open_states and i not in covered]
        uncovered, unlike = gaps if a["cover_gaps"] else [], a.get("months", plan["months"]) != plan["months"]
        missing = [*([f"months:{a['months']}"] if unlike else []), *uncovered]
        detail = {"adopted": True, "planned": plan["months"], **some(uncovered=uncovered)}
        return "false" if missing else "true", plan["adopted"], detail, missing

    def practices_in_place(self, a: Json) -> Leaf:
        """The share asked of the applicable practices of a set, each at the quality asked."""
        found = {i: practice(self.c, i) for i in self.counting(a["set"])}
        met = [i for i, one in found.items() if one[0] == "in_practice" and one[1] >= a["min_quality"]]
        by = {state: [i for i, one in found.items() if one[0] == state and i not in met] for state in states}
        unruled, applicable = by["undetermined"], len(found) - len(by["not_applicable"])
        detail: Json = {"applicable": applicable, "in_place": len(met), "bulk": sum(found[i][3] for i in met)}
        detail |= {states[state]: ids for state, ids in by.items() if ids}
        versions = sorted({v for one in found.values() for v in one[2]})
        if not applicable:
            return "unknown", versions, {**detail, "short": min(1, len(found))}, list(found)
        failing = [i for i in found if i not in (*met, *unruled, *by["not_applicable"])]
        short = max(0, -(-a["min_share"] * applicable // 100) - len(met) - len(unruled))
        missing = [*unruled, *(failing if short else [])]
        result = "false" if short else "unknown" if missing else "true"
        return result, versions, {**detail, **({"short": short} if missing else {})}, missing

    def item_in_practice(self, a: Json) -> Leaf:
        """One practice; unknown while undetermined or where it is accepted as not applicable."""
        state, quality, versions, _ = practice(self.c, a["id"])
        fine = state == "in_practice" and quality >= a["min_quality"]
        result = "true" if fine else "unknown" if state in ("undetermined", "not_applicable") else "false"
        return result, versions, {"state": state}, [] if fine else [a["id"]]

    def operating_for(self, a: Json) -> Leaf:
        """In operation for at least a period, since the day declared or else registered."""
        member = self.p["members"].get(self.c["scheme"], {})
        since, versions = member.get("operating_since", self.p["since"]), member.get("submitted")
        versions = versions if "operating_since" in member else self.p["registered"]
        reached = later(since, a["period"])
        fine, detail = reached <= self.day, {"since": since, "reached_on": reached}
        return "true" if fine else "false", versions, detail, [] if fine else [reached]


MOMENTS = ["application", "assessment_started", "cycle_end"]
first = {"gate": "name", "self_assessment_state": "in", "review_held": "modes", "plan_adopted": "months"}
first |= {"practices_in_place": "set", "item_in_practice": "id", "operating_for": "period", "evaluator_finding": "code"}
states = {"not_in_practice": "not_in_place", "in_practice": "below_quality", "undetermined": "undetermined"}
states |= {"not_applicable": "not_applicable", "not_verified": "not_verified"}


def rederive(p: Json, e: Json, v: int) -> None:
    """Holds a recorded evaluation against the one that follows from the events before it."""
    cycle_id = e.get("cycle_id")
    c = p["cycles"][cycle_id] if cycle_id else cycle(e)
    policy, instrument = (c["access"].get(name, e.get(name)) for name in ("policy", "instrument"))
    need((policy, instrument) == (e["policy"], e.get("instrument")), f"event {v} evaluates under other rules")
    need((e["through_version"], e["evaluation"]["semantics"]) == (v - 1, 1), f"event {v} evaluates something else")
    p["used"] |= {ref["sha256"] for ref in (policy, instrument) if ref}
    sections: list[Json] = p["bodies"][instrument["sha256"]]["sections"] if instrument else []
    items = [item for section in sections for area in section["sub_areas"] for item in area["items"]]
    judge = Judge(p, c, e["evaluation"]["day"], p["bodies"][policy["sha256"]], items)
    found = judge.evaluation(e["evaluation"]["moment"])
    for told, own in zip(e["evaluation"]["tiers"], found["tiers"], strict=True):
        says = f"event {v} says {told['result']} of {told['tier']}, and the evidence says {own['result']}"
        need(told["result"] == own["result"], says)
    need(e["evaluation"] == found, f"event {v}: the recorded evaluation is not the one that follows from the evidence")
    told, cycles = stated(p, cycle_id) if cycle_id else {}, {cycle_id: c}
    while c["settled"]:
        cycles[c["from"]] = c = p["cycles"][c["from"]]
    helped = {a["consultant"] for a in p["assistance"].values() if a.get("cycle_id") in cycles and a.get("consultant")}
    c, said = cycles[cycle_id], [told["stated"], told["determinations"]] if told else []
    names = ("decision_id", "cycle_id", "scheme", "policy", "instrument", "through_version")
    made = {name: e.get(name) for name in names}
    made |= {"evaluation": found, "items_digest": sha256(canonical(said)).hex()}
    made |= {"documents_digest": sha256(canonical(told.get("documents", {}))).hex()}
    made |= {"plan_digest": c["plan"]["plan_digest"] if c["plan"].get("adopted") else None}
    made |= {"statement_id": c["statement"].get("statement_id"), "consultants": sorted(helped)}
    made |= {"reviewers": list(dict.fromkeys(r for one in cycles.values() for r in one["reviewers"]))}
    for name, value in (made | {"evidence_digest": sha256(canonical(made)).hex()}).items():
        need((e.get(name) or None) == (value or None), f"event {v}: its {name} is not what follows from the evidence")
    p["evaluations"][v] = e


def decide(p: Json, name: str, e: Json, v: int) -> None:
    """Holds a decision against its evaluation and its rules."""
    evaluated, policy = p["evaluations"][e["evaluation"]], p["bodies"][e["policy"]["sha256"]]
    tier = next(t for t in policy["tiers"] if t["code"] == e["tier"])
    result = next(t["result"] for t in evaluated["evaluation"]["tiers"] if t["tier"] == e["tier"])
    same = all(e[n] == evaluated[n] for n in ("decision_id", "scheme", "policy"))
    need(same and e["decided_on"] == evaluated["evaluation"]["day"], f"event {v} decides on what was not evaluated")
    barred = (*evaluated.get("reviewers", []), *evaluated.get("consultants", []))
    need(e["decider"] not in barred, f"event {v}: who decided had taken part in the review")
    wrong = {"TierGranted": result != "true", "TierDenied": result == "true"}.get(name)
    need(not wrong, f"event {v}: {e['tier']} was {DECISIONS[name]}, and of it the evidence says {result}")
    facts = ("rank", "label", "badge", "listing", "national_badge", "assessed") if name == "TierGranted" else ()
    need(all((e.get(n) or None) == (tier.get(n) or None) for n in facts), f"event {v}: it is not as the rules have it")


def opened(bundle: Json, size: int, root: bytes) -> tuple[str, list[tuple[str, Json]]]:
    """A program and types and states of its first events, if they are in the log, all of them, in order."""
    stream: str = json.loads(bundle["events"][0][0])["stream"]
    events, leaves = list[tuple[str, Json]](), [(-1, b"")]
    for version, (envelope, salt, state) in enumerate(bundle["events"], 1):
        place, columns, salted = f"event {version}", parsed(envelope, f"event {version}"), bytes.fromhex(salt)
        need((columns["stream"], columns["version"]) == (stream, version), f"{place} is missing or misplaced")
        need(leaves[-1][0] < columns["position"] - 1 < size, f"{place} is out of the log's order")
        need(columns["type"].endswith(".v1"), f"{place} is of a type unknown here: {columns['type']}")
        need(len(salted) == 16 and salted.hex() == salt, f"{place}: its salt is not 16 bytes in hexadecimal")
        covered = len(envelope.encode()).to_bytes(4, "big") + envelope.encode() + state.encode()
        leaf = sha256(b"\x00", sha256(b"nqms.event.v1\n", salted, covered))  # the commitment is an entry of the log
        leaves.append((columns["position"] - 1, leaf))
        events.append((columns["type"].removesuffix(".v1"), parsed(state, place, sort=False)))
    need(all(re.fullmatch("[0-9a-f]{64}", one) for one in bundle["proof"]), "a hash is not 32 bytes in hexadecimal")
    proof = [bytes.fromhex(one) for one in reversed(bundle["proof"])]
    need(root_over(leaves[1:], 0, size, proof) == root and not proof, "the events do not give the root that was signed")
    return stream.removeprefix("program:"), events


def verify(text: str, log: Key, witnesses: list[Key], quorum: int) -> list[str]:
    """What a bundle proves, in sentences; an error for what it does not."""
    bundle = parsed(text, "the bundle")
    need(set(bundle) == PARTS and bundle["format"] == "nqms.bundle.v1", "this is no bundle that this verifier knows")
    size, root, seen = checked(bundle["checkpoint"], log, witnesses, quorum)
    program_id, events = opened(bundle, size, root)
    bodies = {sha256(body.encode()).hex(): parsed(body, "a body") for body in bundle["artifacts"]}
    p: Json = {"id": program_id, "bodies": bodies, "used": set()}
    p |= {part: {} for part in ("acts", "members", "documents", "cycles", "assistance", "evaluations")}
    known: Json = dict(re.findall(TEXT, "".join(state for _, _, state in bundle["events"])))
    for version, (name, e) in enumerate(events, 1):
        fold(p, name, e, version)
        if name in DECISIONS:
            decide(p, name, e, version)
        if name == "TierEligibilityEvaluated":
            rederive(p, e, version)
    for one, (salt, said) in bundle["texts"].items():
        fits = sha256(b"nqms.text.v1\n", bytes.fromhex(salt), said.encode()).hex() == known.get(one)
        need(fits and bytes.fromhex(salt).hex() == salt, f"the text {one} is not the one that was recorded")
    name, e = events[-1]
    need(name in DECISIONS and e["decision_id"] == bundle["decision"], "the bundle does not end with its decision")
    need(len(bodies) == len(bundle["artifacts"]) and set(bodies) == p["used"], "a body is there that nothing rests on")
    term = f", from {e['effective_on']} until {e.get('expires_on', 'further notice')}" if name == "TierGranted" else ""
    what = f"{e['scheme']}/{e['tier']} was {DECISIONS[name]} on {e['decided_on']}"
    told = [f"{events[0][1]['display_name']}: {what}{term}."]
    told += [f"All {len(events)} events of the program up to it are in the log {log[0]}, as signed at {size} events."]
    told += [f"{one} saw that log at {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC." for one, at in seen.items()]
    told += [f"{len(p['evaluations'])} evaluations were derived anew from these events; those recorded say the same."]
    told += [f"Disclosed words ({one}): {said}" for one, (_, said) in sorted(bundle["texts"].items())]
    return [*told, "It does not show what came later; ask the directory for that."]


def main(arguments: list[str]) -> int:
    """The command line; the exit code."""
    asked = argparse.ArgumentParser(description="Verifies a decision bundle offline.")
    asked.add_argument("bundle", type=Path)
    asked.add_argument("--key", required=True, metavar="VKEY", help="the log's key, got from elsewhere")
    asked.add_argument("--witness", metavar="VKEY", action="append", default=[], help="who has to have seen it")
    asked.add_argument("--quorum", type=int, metavar="N", help="how many witnesses saw it at least; default: all named")
    given = asked.parse_args(arguments)
    quorum = len(given.witness) if given.quorum is None else given.quorum
    try:
        log, witnesses = key_of(given.key, 1), [key_of(one, 4) for one in given.witness]
        written = given.bundle.read_bytes()
    except (ValueError, OSError) as error:
        asked.error(str(error))
    try:
        told = verify(written.decode(), log, witnesses, quorum)
    except MALFORMED as error:
        print(f"NOT ACCEPTED: {error or type(error).__name__}")
        return 1
    print("\n".join(["ACCEPTED", *told]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
