"""Regions by the names that nobody can mistake: 洪江市 is not 洪江区."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.place import Region, Regions
from services.runtime.rejection import Invalid


@dataclass(frozen=True, slots=True)
class Gazetteer:
    regions: Regions
    above: dict[str, Region]

    def check(self, adcode: str, field: str) -> None:
        """Raise Invalid for a code that is not served."""
        if adcode not in self.regions.regions:
            raise Invalid(
                "ADCODE_UNKNOWN",
                field=field,
                got=adcode,
                allowed=f"a code of {', '.join(self.regions.roots())} or inside",
            )

    def full_name(self, adcode: str) -> str:
        """Return e.g. 湖南省怀化市洪江市安江镇; of a code that nobody knows, the code."""
        region = self._find(adcode)
        if region is None:
            return adcode
        names = [region.name]
        while region is not None and region.parent:
            region = self._find(region.parent)
            if region is not None:
                names.append(region.name)
        return "".join(reversed(names))

    def _find(self, adcode: str) -> Region | None:
        return self.regions.regions.get(adcode) or self.above.get(adcode)
