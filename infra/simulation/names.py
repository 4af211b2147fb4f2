"""Invented names, put together from word lists of this project's own. Any likeness to somebody is chance."""

from random import Random

_FIRST = ["Amaryllis", "Bertrand", "Cosima", "Dashiell", "Eudora", "Florian", "Guinevere", "Hezekiah", "Isaura", "Jolyon", "Katriona", "Leopold", "Melisande", "Nathaniel", "Ondine", "Peregrine", "Quintessa", "Rafferty", "Sidonie", "Tarquin", "Ursuline", "Valentin", "Wilhelmina", "Xanthia", "Yorick", "Zuleika", "Anselm", "Brunhild", "Crispin", "Delphina", "Evaristo", "Fenella", "Godiva", "Hyacinth", "Ilario", "Jessamine", "Kester", "Lavinia", "Montague", "Nerys"]  # fmt: skip
_LAST = ["Ashdown", "Birchwell", "Cattermole", "Dunmarrow", "Elderfield", "Fothering", "Gorsebrook", "Hartswell", "Ivymount", "Juniperhill", "Kettlewick", "Larchmere", "Mossgrove", "Nettlebed", "Oakenshaw", "Pennyfold", "Quarrington", "Rosethorn", "Saltonstow", "Thornbury", "Underwick", "Vinterhjem", "Wexcombe", "Yarrowdale", "Zellerbach", "Abendroth", "Bassingham", "Corriveau", "Dragonetti", "Eszterhas", "Fairbourne", "Grimaldus", "Holloway"]  # fmt: skip
_PLACE = ["Amber", "Birch", "Cedar", "Copper", "Crescent", "Dove", "Elm", "Falcon", "Fern", "Granite", "Harvest", "Hazel", "Heron", "Indigo", "Ivory", "Juniper", "Kestrel", "Lantern", "Larch", "Linden", "Maple", "Meadow", "Mill", "Moss", "North", "Oak", "Orchard", "Pebble", "Pine", "Quarry", "Raven", "Reed", "Ridge", "River", "Rowan", "Saffron", "Sage", "Silver", "Spruce", "Stone", "Sparrow", "Thistle", "Timber", "Valley", "Violet", "Willow", "Winter", "Wren"]  # fmt: skip
_FEATURE = ["Bay", "Bend", "Bluff", "Bridge", "Brook", "Corner", "Creek", "Crossing", "Falls", "Field", "Ford", "Gate", "Glen", "Grove", "Harbor", "Hill", "Hollow", "Junction", "Lake", "Landing", "Marsh", "Mesa", "Mount", "Park", "Pass", "Point", "Pond", "Prairie", "Ridge", "Springs", "Summit", "Terrace", "Vale", "View", "Woods"]  # fmt: skip
_DOING = ["Mentors", "Youth Mentoring", "Big Friends", "Bridge Builders", "Match Circle", "Guides", "Allies", "Companions", "Mentoring Alliance", "Youth Partners", "Steps Together", "Open Doors", "Bright Paths", "After School Mentors", "Mentoring Collaborative"]  # fmt: skip
_ENDING = (", Inc.", "", " Association", " Foundation", ", a program of the community house")


def person(draw: Random) -> str:
    """A person's name."""
    return f"{draw.choice(_FIRST)} {draw.choice(_LAST)}"


def place(draw: Random) -> str:
    """A town's name."""
    return f"{draw.choice(_PLACE)} {draw.choice(_FEATURE)}"


def program(draw: Random) -> tuple[str, str, str]:
    """What a program is called, its legal name and its town."""
    town = place(draw)
    name = f"{town} {draw.choice(_DOING)}"
    return name, name + draw.choice(_ENDING), town


def affiliate(draw: Random) -> str:
    """The name of an affiliate."""
    return f"Mentoring Council of {place(draw)}"
