"""A second oracle of the box count: cmark-gfm, the parser whose rules GitHub's pages follow.

Left out are files with a fence that never closes: craftkit reads on from the next heading.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import cmarkgfm
import pytest
import sampling
from hypothesis import given, settings
from test_oracle import between_marker_and_words, documents, unclosed

from craftkit.specs.scanner import scan

FOLDER = os.environ.get("CRAFTKIT_CORPUS", "")
FRONT = re.compile(r"\A---\r?\n.*?\n---\r?\n", re.DOTALL)


def by_cmark(text: str) -> int:
    html = cmarkgfm.github_flavored_markdown_to_html(text)
    return len(re.findall('<input type="checkbox"', html))


def by_craftkit(text: str) -> int:
    """Boxes as GitHub knows them: one mark, and those of quotations as well."""
    found = scan(text)
    usual = [box for box in found.boxes if box.mark in tuple(" xX") and not box.starred]
    quotes = [odd for odd in found.odd if odd.quoted and text[odd.at : odd.end].lstrip()[:1] == ">"]
    return len(usual) + len(quotes)


@given(documents())
@settings(max_examples=sampling.examples(150, 1500), deadline=None)
def test_i8_boxes_as_on_github(text: str) -> None:
    text = text.replace("> - [ ]", "> -")  # behind a list it counts no quotation
    if not unclosed(text) and not between_marker_and_words(text):
        assert by_craftkit(text) == by_cmark(text)


@pytest.mark.skipif(
    not FOLDER or not Path(FOLDER).is_dir(), reason="CRAFTKIT_CORPUS names no folder"
)
def test_i8_boxes_of_the_corpus_as_on_github() -> None:
    for path in sorted(Path(FOLDER).rglob("*.md")):
        text = FRONT.sub("", path.read_bytes().decode("utf-8", "replace"))
        if not scan(text).unclosed:
            assert by_craftkit(text) == by_cmark(text), path
