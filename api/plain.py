"""Structs as plain data with every field in its place, defaults too: what a client reads has always the same shape."""

from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import Any, cast

import msgspec


def plain(value: Any) -> Any:
    """Dictionaries with text keys, lists, text, numbers; days and times as ISO 8601."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in cast("list[Any]", value)]
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, date) else value
