"""The stories: one program of each affiliate, from registration to its highest tier. Tests share them."""

from collections.abc import Callable
from dataclasses import replace

from api.demo.cast import BRIDGE, HARBOR, LAKE, STAR, Mentoring
from api.demo.doors import Door
from api.demo.journey import Journey, journey


def reviewed_lake(door: Door, program: Mentoring = LAKE) -> Journey:
    """Minnesota as far as a complete review, with a return, adjusted ratings and an N/A ruling on the way."""
    way = journey(door, replace(program, not_in_practice=(*program.not_in_practice, "E26"))).listed()
    way.requested().assisted().opened().rated()
    way.asked_and_answered("K76", "Does a move to another town count as an early ending?", "Yes, a planned one.")
    way.asked_and_answered("process", "May two of us rate at once?", "Yes. Each item remembers who was last.")
    way.submitted().under_review().returned_and_improved("E26")
    way.program = program
    return way.visited().determined().planned().reviewed()


def expert_partner(door: Door) -> Journey:
    """A Minnesota program becomes an Expert Partner."""
    way = reviewed_lake(door).attested().decider_named()
    return way.granted(
        "expert", "All applicable practices are confirmed in place; adjusted qualities do not matter here."
    ).reported()


def gold_star(door: Door) -> Journey:
    """An Illinois program becomes a Gold Star Program Partner."""
    way = journey(door, STAR).listed().requested().assisted().opened().rated().submitted().under_review()
    way.visited().determined().planned().reviewed().attested().decider_named()
    return way.granted("gold_star").reported()


def quality_program(door: Door) -> Journey:
    """A program of the Independence Region is identified as a Quality Mentoring Program."""
    way = journey(door, BRIDGE).listed().requested().opened().rated().submitted().under_review()
    way.visited("remote").determined().planned().found("quality_mentoring_program").reviewed().decider_named()
    return way.granted("quality_mentoring_program").reported()


def partner(door: Door) -> Journey:
    """A Massachusetts program goes from Affiliate by Associate Partner to Partner."""
    way = journey(door, HARBOR).listed().member().requested().opened().decider_named()
    first = way.instrument.items[0]
    way.answer(first)
    way.granted("associate_partner", "A formal program, in operation for years, that has begun its self-assessment.")
    way.rated(but=(first.id,)).submitted().under_review().visited("onsite").determined().planned().reviewed()
    way.in_cycle("administrator", "ConfirmSupportCompleted")
    way.in_cycle("administrator", "ConfirmOtherRequirements")
    return way.granted("partner").reported()


STORIES: tuple[Callable[[Door], Journey], ...] = (expert_partner, gold_star, quality_program, partner)
"""The stories of the demonstration, in the order told."""
