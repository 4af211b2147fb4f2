"""The cast: every person, program and place name here is invented."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Staff:
    """An affiliate and the people who work there, by name; ids are given when they are entered."""

    code: str
    name: str
    timezone: str
    jurisdictions: tuple[str, ...]
    administrator: str
    reviewer: str = ""
    second_reviewer: str = ""
    decider: str = ""
    second_administrator: str = ""
    national: bool = False


@dataclass(frozen=True)
class Mentoring:
    """A mentoring program and the people who lead it, by name."""

    name: str
    legal_name: str
    city: str
    affiliate: str
    jurisdiction: str
    connector_ref: str
    models: tuple[str, ...]
    ages: tuple[int, int]
    lead: str
    director: str
    staff: str
    website: str
    years: int = 6
    ein: str | None = None
    not_in_practice: tuple[str, ...] = ()
    not_applicable: dict[str, str] = field(default_factory=dict[str, str])
    """Item to the reason that the program gives."""
    adjusted: dict[str, int] = field(default_factory=dict[str, int])
    """Item to the quality that the reviewer found."""


NATIONAL = Staff(
    code="national",
    name="National Mentoring Body (demonstration)",
    timezone="America/New_York",
    jurisdictions=("US",),
    administrator="Ottilie Brandvold",
    national=True,
)
AFFILIATES = (
    Staff(
        "mn",
        "MENTOR Minnesota",
        "America/Chicago",
        ("US-MN",),
        administrator="Perpetua Quillfeather",
        reviewer="Lorcan Windermast",
        second_reviewer="Isolde Farrowgate",
        decider="Thaddea Okonjo-Vale",
        second_administrator="Barnaby Thistlewhite",
    ),
    Staff(
        "il",
        "MENTOR Illinois",
        "America/Chicago",
        ("US-IL",),
        administrator="Clemency Dravenport",
        reviewer="Aurelio Stonebrook",
        decider="Winifred Achterberg",
    ),
    Staff(
        "ir",
        "MENTOR Independence Region",
        "America/New_York",
        ("US-PA", "US-NJ", "US-DE"),
        administrator="Fenwick Marlowe-Diaz",
        reviewer="Seraphine Oduya",
        decider="Gideon Larkspur",
    ),
    Staff(
        "mmp",
        "Mass Mentoring Partnership",
        "America/New_York",
        ("US-MA",),
        administrator="Rosamund Tickle-Hayes",
        reviewer="Evander Brightwater",
        decider="Philippa Nakagawa-Stern",
    ),
)

LAKE = Mentoring(
    name="Lantern Lake Mentors",
    legal_name="Lantern Lake Mentors, Inc.",
    city="Lantern Lake",
    affiliate="mn",
    jurisdiction="US-MN",
    connector_ref="MC-10431",
    models=("one_to_one", "community_based"),
    ages=(8, 17),
    lead="Marisol Underhay",
    director="Cornelius Featherstone-Ruiz",
    staff="Tamsin Oyelaran",
    website="https://lantern-lake.example",
    ein="00-1043100",
    not_applicable={"D22": "No school or other partner hosts our matches; they meet in the community."},
    adjusted={"F31": 3, "J66": 2, "C15": 2, "H55": 3, "M87": 2, "A5": 3, "I65": 2},
)
STAR = Mentoring(
    name="Prairie Star Youth Mentoring",
    legal_name="Prairie Star Youth Mentoring",
    city="Harrow Prairie",
    affiliate="il",
    jurisdiction="US-IL",
    connector_ref="MC-20877",
    models=("group", "school_based"),
    ages=(10, 18),
    lead="Ignatius Pellworth",
    director="Delphine Abernathy-Cho",
    staff="Roscoe Vantongeren",
    website="https://prairie-star.example",
    adjusted={"B11": 3, "L84": 2},
)
BRIDGE = Mentoring(
    name="Two Rivers Bridge Builders",
    legal_name="Two Rivers Bridge Builders, a program of Two Rivers Community House",
    city="Two Rivers",
    affiliate="ir",
    jurisdiction="US-PA",
    connector_ref="MC-30555",
    models=("one_to_one", "site_based"),
    ages=(6, 14),
    lead="Hesper Lindqvist-Moreau",
    director="Octavian Bellweather",
    staff="Juniper Castellanos-Wray",
    website="https://two-rivers-bridge.example",
    not_in_practice=("D21", "M88", "N91"),
)
HARBOR = Mentoring(
    name="Harbor Light Mentoring",
    legal_name="Harbor Light Mentoring Collaborative",
    city="Saltmarsh Harbor",
    affiliate="mmp",
    jurisdiction="US-MA",
    connector_ref="MC-40912",
    models=("one_to_one",),
    ages=(12, 18),
    lead="Thelonia Greaves-Park",
    director="Ambrose Whitcombe-Ali",
    staff="Sunniva Drummond-Okafor",
    website="https://harbor-light.example",
    not_in_practice=("J56",),
)
PROGRAMS = (LAKE, STAR, BRIDGE, HARBOR)

HERON = Mentoring(
    name="Heron Marsh Mentors",
    legal_name="Heron Marsh Mentors, Inc.",
    city="Heron Marsh",
    affiliate="mn",
    jurisdiction="US-MN",
    connector_ref="MC-10777",
    models=("one_to_one", "site_based"),
    ages=(9, 16),
    lead="Calliope Thornquist",
    director="Bartholomew Nakamura-Reyes",
    staff="Linnea Abaroa",
    website="https://heron-marsh.example",
    years=9,
    not_in_practice=("F34", "K75", "L84"),
    not_applicable={"D22": "No school or other partner hosts our matches; they meet at our own house."},
    adjusted={"F31": 3, "J66": 2},
)
"""The program of the ten-year story."""
SECOND_DECIDER = "Araminta Fairweather-Singh"
"""Decides in Minnesota about tiers that the first decider granted."""
PANEL = ("Hollis Trevanion", "Marguerite Oyelowo-Finch", "Stellan Achebe-Lund")
"""Hear an appeal in the ten-year story."""


def all_names() -> list[str]:
    """Every invented person's name, for checking that none is found where it may not be."""
    people = [getattr(a, part) for a in (NATIONAL, *AFFILIATES) for part in _STAFF_PARTS]
    people += [getattr(p, part) for p in PROGRAMS for part in ("lead", "director", "staff")]
    return [name for name in people if name]


_STAFF_PARTS = ("administrator", "reviewer", "second_reviewer", "decider", "second_administrator")
