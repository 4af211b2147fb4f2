"""The policies of the library do what the seeds say, and say where they got the rest."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from domain.policy import Evaluation, basis_words, check, evaluate, load
from domain.policy.facts import Facts, Practice
from domain.policy.faults import BASIS
from domain.policy.model import Part, Policy, Rule, Sample, SamplePractices, Source, Vector
from domain.policy.tree import Criterion
from domain.policy.vocabulary import Params
from domain.values import canonical, digest_of, misfits
from tests.policies.samples import DEDICATED, REFS, flat, instruments, program, published

MN, IL, IR, MMP, OLD = "MN-QP@1", "IL-STAR@1", "IR-QMP@1", "MMP-QBM@2014.1", "MMP-QBM@2012.1"
MEMBER: dict[str, Any] = {"application": True, "formal_program": True, "operating_since": "2010-01-01"}
PARTNER: dict[str, Any] = {**MEMBER, "submitted": True, "other_requirements": True, "support_completed": True}


def met(ref: str, **sample: Any) -> list[str]:
    """The tiers whose requirements a made-up program meets."""
    policy = published(ref)
    return [t.tier for t in evaluate(policy, program(policy, **sample)).tiers if t.result == "true"]


def parts(value: object) -> Iterator[BaseModel]:
    """Every part of a policy, the policy itself first."""
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from parts(getattr(value, name))
    elif isinstance(value, (tuple, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from parts(inner)


@pytest.mark.parametrize("ref", REFS)
def test_it_loads_and_checks_clean_and_carries_examples(ref: str) -> None:
    policy = published(ref)
    assert check(policy, instruments()) == []
    assert len(policy.vectors) >= 4
    assert f"{policy.policy}@{policy.version}" == ref


@pytest.mark.parametrize("ref", REFS)
def test_every_rule_says_where_it_comes_from(ref: str) -> None:
    for part in parts(published(ref)):
        if isinstance(part, Criterion):
            bare = part.name in ("all", "any", "not")
            assert bare or (part.basis is not None and BASIS.fullmatch(part.basis)), part
        elif isinstance(part, Rule):
            assert BASIS.fullmatch(part.basis)
        else:
            assert isinstance(part, (Policy, Source, Sample, SamplePractices, Vector, Params)), type(part)
            assert isinstance(part, (Part, Params))


@pytest.mark.parametrize("ref", REFS)
def test_the_hash_does_not_depend_on_how_often_it_is_written_out(ref: str) -> None:
    again = load(flat(ref))
    assert again == published(ref)
    assert digest_of(flat(ref)) == digest_of(dict(reversed(flat(ref).items())))


@pytest.mark.req("M16")
@pytest.mark.parametrize("ref", REFS)
def test_every_tier_says_what_it_does_not_mean(ref: str) -> None:
    for tier in published(ref).tiers:
        assert "not mean" in tier.not_a_claim
        assert tier.meaning.endswith(".")
    assert not [t.code for t in published(MMP).tiers if t.assessed and t.granted_at != "cycle_end"]


@pytest.mark.parametrize("ref", REFS)
def test_an_evaluation_fits_an_event(ref: str) -> None:
    policy = published(ref)
    sample = {**DEDICATED, **PARTNER, "findings": {"quality_mentoring_program": True}}
    for rest in ("in_practice", "not_in_practice", "not_verified", "undetermined", "not_applicable"):
        facts = program(policy, **sample, practices={"rest": rest})
        evaluation = evaluate(policy, spread(facts))
        assert len(canonical(evaluation)) < 24 * 1024
        assert misfits(evaluation, Evaluation) == []


def spread(facts: Facts) -> Facts:
    """The facts with each practice resting on three versions of its own."""
    practices = {
        item_id: Practice(p.state, p.quality, (3000 + n, 4000 + n, 5000 + n))
        for n, (item_id, p) in enumerate(facts.practices.items())
    }
    return msgspec.structs.replace(facts, practices=practices)


@pytest.mark.req("S0-02")
def test_minnesota_has_two_levels() -> None:
    assert [(t.code, t.rank, t.label) for t in published(MN).tiers] == [
        ("dedicated", 1, "Dedicated Partner"),
        ("expert", 2, "Expert Partner"),
    ]


@pytest.mark.req("S0-03", "S0-04", "S0-05")
@pytest.mark.parametrize(
    ("lacking", "criterion"),
    [
        ({"submitted": False}, "assessment_submitted"),
        ({"review": None}, "review_held"),
        ({"plan_months": False}, "plan_adopted"),
        ({"plan_months": 11}, "plan_adopted"),
        ({"statement": False}, "statement_received"),
    ],
)
def test_dedicated_needs_each_of_its_requirements(lacking: dict[str, Any], criterion: str) -> None:
    assert met(MN, **DEDICATED) == ["dedicated"]
    policy = published(MN)
    evaluation = evaluate(policy, program(policy, **{**DEDICATED, **lacking}))
    failing = [n.criterion for n in evaluation.of("dedicated").node.children if n.result != "true"]
    assert failing == [criterion]
    assert evaluation.computed is None


@pytest.mark.req("S0-05")
@pytest.mark.parametrize("rest", ["not_in_practice", "not_verified", "undetermined"])
def test_dedicated_has_no_minimum_score(rest: str) -> None:
    assert met(MN, **DEDICATED, practices={"rest": rest}) == ["dedicated"]


@pytest.mark.req("S0-06", "A4", "A6", "A7")
@pytest.mark.parametrize(
    ("practices", "expected"),
    [
        ({"rest": "in_practice", "quality": 1}, ["dedicated", "expert"]),
        ({"rest": "in_practice", "quality": 5}, ["dedicated", "expert"]),
        ({"rest": "in_practice", "quality": 5, "but": {"A1": "not_in_practice"}}, ["dedicated"]),
        ({"rest": "in_practice", "quality": 5, "but": {"N92": "not_verified"}}, ["dedicated"]),
        ({"rest": "in_practice", "quality": 5, "but": {"N92": "undetermined"}}, ["dedicated"]),
        ({"rest": "in_practice", "but": {"F36": "not_applicable", "G44": "not_applicable"}}, ["dedicated", "expert"]),
    ],
)
def test_expert_needs_every_practice_at_any_quality(practices: dict[str, Any], expected: list[str]) -> None:
    assert met(MN, **DEDICATED, practices=practices) == expected


def test_expert_needs_all_that_dedicated_needs() -> None:
    assert met(MN, **{**DEDICATED, "statement": False}, practices={"rest": "in_practice"}) == []


@pytest.mark.req("S0-23", "S0-24", "A1", "A2", "A3", "M15")
def test_minnesota_status_lasts_three_years_and_rising_does_not_restart_them() -> None:
    policy = published(MN)
    assert (policy.term.length, policy.term.starts, policy.term.on_end) == ("P3Y", "statement_received_on", "none")
    assert policy.term.reinstate_on == "decision"
    assert (policy.advancement.allowed, policy.advancement.term) == (True, "keep")
    assert policy.renewal is not None
    assert policy.renewal.opens_before == "P12M"


BENEFITS = [
    ("S0-08", 1, "priority_listing", (), "seed/S0:13"),
    ("S0-09", 1, "recognition", (), "seed/S0:14"),
    ("S0-10", 1, "tools_and_resources", (), "seed/S0:15"),
    ("S0-11", 1, "funding_access", ("when_available",), "seed/S0:16"),
    ("S0-12", 1, "award_priority", (), "seed/S0:17"),
    ("S0-13", 1, "discounts", ("discretionary", "subject_to_change"), "seed/S0:18"),
    ("S0-14", 1, "event_invitations", (), "seed/S0:19"),
    ("S0-15", 1, "business_connections", (), "seed/S0:20"),
    ("S0-16", 1, "support_letter", ("on_request",), "seed/S0:21"),
    ("S0-17", 1, "networking", (), "seed/S0:22"),
    ("S0-18", 1, "early_news", (), "seed/S0:23"),
    ("S0-19", 2, "highest_listing", (), "seed/S0:25-26"),
    ("S0-20", 2, "policy_advocacy", (), "seed/S0:26"),
    ("S0-21", 2, "committee_or_board", (), "seed/S0:27"),
    ("S0-22", 2, "media_promotion", (), "seed/S0:28"),
]


@pytest.mark.req("S0-08", "S0-09", "S0-10", "S0-11", "S0-12", "S0-13", "S0-14", "S0-15")
@pytest.mark.req("S0-16", "S0-17", "S0-18", "S0-19", "S0-20", "S0-21", "S0-22")
@pytest.mark.parametrize(("rank", "code", "flags", "basis"), [pytest.param(*row, id=req) for req, *row in BENEFITS])
def test_minnesota_gives_each_benefit_of_the_seed(rank: int, code: str, flags: tuple[str, ...], basis: str) -> None:
    (benefit,) = [b for b in published(MN).benefits[rank] if b.code == code]
    assert (benefit.flags, benefit.basis) == (flags, basis)


@pytest.mark.req("A22", "S0-08", "S0-19")
def test_benefits_add_up_and_listings_show_the_badges() -> None:
    policy = published(MN)
    assert [len(policy.benefits_at(rank)) for rank in (0, 1, 2)] == [0, 11, 15]
    assert [(t.listing, t.badge, t.national_badge) for t in policy.tiers] == [
        ("priority", "mn-dedicated", True),
        ("highest", "mn-100-best-practices", True),
    ]


@pytest.mark.req("M17")
def test_version_2_adds_what_the_seed_leaves_open_and_nothing_else() -> None:
    first, second = published(MN), published("MN-QP@2")
    assert (first.adverse, first.extension, first.surveillance.annual_check_in) == (None, None, False)
    assert second.replaces == MN
    assert second.adverse is not None
    assert (second.adverse.reply_min, second.adverse.appeal_within) == ("P20D", "P30D")
    assert second.extension is not None
    assert second.extension.max == "P90D"
    assert second.surveillance.annual_check_in
    same = ("tiers", "term", "benefits", "gates", "cycles", "plan", "statement", "advancement", "renewal", "vectors")
    assert {name: getattr(first, name) for name in same} == {name: getattr(second, name) for name in same}


@pytest.mark.req("S3-06", "A17")
def test_illinois_mirrors_minnesota_and_says_that_this_is_inferred() -> None:
    assert met(IL, **DEDICATED) == ["silver_star"]
    assert met(IL, **DEDICATED, practices={"rest": "in_practice", "quality": 1}) == ["silver_star", "gold_star"]
    policy = published(IL)
    evaluation = evaluate(policy, program(policy, **DEDICATED))
    assert {child.basis for child in evaluation.of("gold_star").node.children} == {"inferred"}
    assert basis_words(policy.tiers[0].basis) == "seed S3:35; inferred"
    assert basis_words("public/x") == "public: x"
    assert "inferred" in policy.term.basis
    assert [b.code for b in policy.benefits_at(2)] == ["exclusive_benefits"]
    assert (policy.affiliate, [t.label for t in policy.tiers]) == (
        "il",
        ["Silver Star Program Partner", "Gold Star Program Partner"],
    )


@pytest.mark.req("S2-06", "A18")
@pytest.mark.parametrize(
    ("findings", "result"),
    [
        ({"quality_mentoring_program": True}, "true"),
        ({"quality_mentoring_program": False}, "false"),
        ({}, "unknown"),
    ],
)
def test_the_independence_region_goes_by_its_evaluators_finding(findings: dict[str, bool], result: str) -> None:
    policy = published(IR)
    facts = program(policy, submitted=True, plan_months=True, practices={"rest": "not_in_practice"}, findings=findings)
    assert evaluate(policy, facts).of("quality_mentoring_program").result == result
    assert [b.code for b in policy.benefits_at(1)] == [
        "public_recognition",
        "connector_priority",
        "validation",
        "funding_application_results",
    ]


@pytest.mark.req("S2-07", "A19")
def test_the_independence_region_reengages_in_two_to_three_years() -> None:
    term = published(IR).term
    assert term.reassessment is not None
    assert (term.reassessment.opens, term.reassessment.due, term.reassessment.basis) == ("P2Y", "P3Y", "seed/S2:26")
    assert (term.length, term.starts) == ("P3Y", "decision_day")
    assert "inferred" in term.basis


@pytest.mark.req("S4-02", "S4-13", "M14")
def test_membership_begins_at_the_affiliate_level_on_application() -> None:
    policy = published(MMP)
    assert policy.entry is not None
    assert policy.entry.level == "affiliate"
    assert [t.code for t in policy.tiers] == ["affiliate", "associate_partner", "partner"]
    facts = program(policy, application=True, formal_program=False)
    assert evaluate(policy, facts, "application").computed == "affiliate"
    assert evaluate(policy, program(policy), "application").computed is None


@pytest.mark.req("S4-12", "M14")
@pytest.mark.parametrize(
    ("facts", "result"),
    [
        ({"started": True}, "true"),
        ({"submitted": True}, "true"),
        ({"submitted": True, "plan_months": True}, "true"),
        ({}, "false"),
        ({"started": True, "formal_program": False}, "false"),
        ({"started": True, "formal_program": None}, "unknown"),
        ({"started": True, "operating_since": "2025-03-05"}, "false"),
        ({"started": True, "operating_since": "2025-03-04"}, "true"),
        ({"started": True, "operating_since": None}, "unknown"),
    ],
)
def test_an_associate_partner_is_formal_a_year_old_and_at_work(facts: dict[str, Any], result: str) -> None:
    policy = published(MMP)
    evaluation = evaluate(policy, program(policy, **{**MEMBER, **facts}), "assessment_started")
    assert evaluation.of("associate_partner").result == result
    assert evaluation.computed == ("associate_partner" if result == "true" else "affiliate")


@pytest.mark.req("S4-11")
@pytest.mark.parametrize(
    "lacking",
    ["formal_program", "submitted", "other_requirements", "support_completed"],
)
def test_a_partner_meets_the_designated_standards_and_everything_else(lacking: str) -> None:
    policy = published(MMP)
    designated = {i.id for i in instruments()["QBM-SELF", "1"].counting("designated")}
    others = [i.id for i in instruments()["QBM-SELF", "1"].items if i.id not in designated]
    practices = {"rest": "in_practice", "but": dict.fromkeys(others, "not_in_practice")}
    assert "partner" in met(MMP, **PARTNER, practices=practices)
    assert "partner" not in met(MMP, **{**PARTNER, lacking: False}, practices=practices)
    short = {**practices["but"], min(designated): "not_in_practice"}
    assert "partner" not in met(MMP, **PARTNER, practices={"rest": "in_practice", "but": short})
    facts = program(policy, **PARTNER, practices=practices)
    assert evaluate(policy, facts, "assessment_started").computed == "associate_partner"
    assert evaluate(policy, facts).computed == "partner"


@pytest.mark.req("A24", "A20")
def test_four_months_for_associates_in_2012_and_no_limit_in_2014() -> None:
    (old, new) = (published(ref).tier("associate_partner") for ref in (OLD, MMP))
    assert old is not None
    assert new is not None
    assert old.hold is not None
    assert (old.hold.max, old.hold.on_lapse) == ("P4M", "affiliate")
    assert new.hold is None
    assert (old.transitional, new.transitional) == (True, True)


@pytest.mark.req("A23")
def test_membership_has_no_end_but_a_review_after_three_years() -> None:
    term = published(MMP).term
    assert (term.length, term.review_due, term.basis) == (None, "P3Y", "inferred")


@pytest.mark.req("S4-03", "S4-05", "S4-06", "S4-07", "S4-08", "S4-09", "S4-10", "A21", "A22", "M20")
def test_membership_benefits_by_level() -> None:
    policy = published(MMP)
    codes = [[b.code for b in policy.benefits_at(rank)] for rank in range(4)]
    affiliate = {"mentor_referrals", "recruitment_campaigns", "match_tickets", "ambassador_host", "tap_assistance"}
    assert codes[0] == ["calendar_trainings"]
    assert affiliate | {"training_discount", "directory_listing"} == set(codes[1]) - set(codes[0])
    assert set(codes[2]) - set(codes[1]) == {"financial_resources", "match_ticket_priority"}
    assert set(codes[3]) - set(codes[2]) == {"training_vouchers"}
    assert codes[3][: len(codes[2])] == codes[2]
    by_code = {b.code: b for b in policy.benefits_at(3)}
    vouchers = by_code["training_vouchers"]
    assert (vouchers.count, vouchers.per) == (4, "P1Y")
    assert "proposal" in vouchers.basis
    assert by_code["financial_resources"].flags == ("most",)
    assert by_code["match_ticket_priority"].flags == ("some_instances", "discretionary")


@pytest.mark.req("S4-04", "M20")
def test_some_benefits_went_from_everybody_to_members() -> None:
    before, now = ({b.code for b in published(ref).benefits_at(0)} for ref in (OLD, MMP))
    assert before - now == {"mentor_referrals", "match_tickets"}
    assert before - now <= {b.code for b in published(MMP).benefits_at(1)}


def test_names_that_others_ask_for() -> None:
    policy = published(MN)
    assert (policy.scheme, policy.qualified("expert")) == ("mn-qp", "mn-qp/expert")
    assert policy.mou_parties == ("program", "affiliate")
    assert published(IR).mou_parties == ("program", "affiliate")
    assert [g.code for g in policy.gates_for("initial")][-1] == "mou_executed"
    assert [g.code for g in policy.gates_for("advancement")] == ["listing_approved"]
    assert published(IR).gates_for("advancement") == ()
    assert policy.statement is not None
    assert "head_of_program" in policy.statement.signatory_roles
    assert policy.tier("platinum") is None
