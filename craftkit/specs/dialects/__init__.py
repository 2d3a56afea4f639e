"""The dialects by name, in the order in which their path patterns are tried."""

from __future__ import annotations

from .base import Dialect
from .cc_craft_kit import CC_CRAFT_KIT
from .craftkit import CRAFTKIT
from .kiro import KIRO
from .openspec import OPENSPEC
from .spec_kit import SPEC_KIT

DIALECTS: dict[str, Dialect] = {
    d.name: d for d in (KIRO, OPENSPEC, CC_CRAFT_KIT, SPEC_KIT, CRAFTKIT)
}

__all__ = ["DIALECTS", "Dialect"]
