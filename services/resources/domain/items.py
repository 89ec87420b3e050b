"""What is kept in depots: items by the classes of GB/T 38565-2020, as versioned reference data."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.rejection import Invalid

LAYERS = (1, 3, 5, 7)
"""Digits of a class code down to each layer: 1+2+2+2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """``relief`` is the need of the ten-hour clock that it serves; 0 days do not go bad."""

    name: str
    class_code: str
    unit: str
    shelf_life_days: int = 0
    relief: str = ""


UNLISTED = Item(name="", class_code="", unit="")


@dataclass(frozen=True, slots=True)
class Items:
    """``relief`` and ``classes`` are the names of what ``items`` refer to by code."""

    version: str
    source: str
    classes: dict[str, str]
    relief: dict[str, str]
    items: dict[str, Item]

    def __post_init__(self) -> None:
        for key, item in self.items.items():
            code = item.class_code
            if len(code) != LAYERS[-1] or any(code[:end] not in self.classes for end in LAYERS):
                raise ValueError(f"item {key}: {code!r} is no class of four layers")
            if item.relief and item.relief not in self.relief:
                raise ValueError(f"item {key}: no relief {item.relief!r}")

    def of(self, item: str) -> Item:
        """Return an item; one that was taken in before it was struck off the list has no class."""
        return self.items.get(item, UNLISTED)

    def names(self, class_code: str) -> list[str]:
        """Return the name of each layer of a class, the widest first."""
        return [self.classes[class_code[:end]] for end in LAYERS]

    def check(self, item: str, field: str) -> None:
        """Raise Invalid for an item that is not listed: a name misspelt would be counted apart."""
        if item not in self.items:
            near = sorted(self.items, key=lambda key: (key[:3] != item[:3], key))[:8]
            raise Invalid(
                "ITEM_UNKNOWN",
                field=field,
                got=item,
                allowed=f"an item of list {self.version} (ListItems), e.g. {', '.join(near)}",
            )
