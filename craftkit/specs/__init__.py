"""Spec files: read them without ever failing, edit them byte for byte."""

from __future__ import annotations

from .dialects import DIALECTS, Dialect
from .reader import detect, parse

__all__ = ["DIALECTS", "Dialect", "detect", "parse"]
