"""Grammar-generated documents shared by the tests of the specs package."""

from __future__ import annotations

from hypothesis import strategies as st

WORDS = st.sampled_from(
    [
        "write it",
        "読む",
        "a `code` b",
        "**bold** x",
        "T001 first",
        "T002 [P] second",
        "1.1 part",
        "2. whole",
        "see (#12 here)",
        "done (#41)",
        "（Issue #1〜#2）",
        "x (depends on T001)",
        "e  f ",
    ]
)
MARKS = st.sampled_from([" ", " ", "x", "X", "-", "~"])
BULLETS = st.sampled_from(["-", "*", "+", "1.", "2)"])


@st.composite
def line(draw: st.DrawFn) -> str:
    indent = " " * draw(st.sampled_from([0, 0, 0, 2, 3, 4, 6, 8]))
    kind = draw(st.integers(0, 11))
    if kind <= 4:
        return f"{indent}{draw(BULLETS)} [{draw(MARKS)}] {draw(WORDS)}"
    if kind == 5:
        return f"{indent}{draw(BULLETS)} {draw(WORDS)}"
    fixed = [
        "## Tasks",
        "### Phase 1",
        "## 3. 受け入れ基準",
        "# Title",
        "",
        "",
        "---",
        "prose",
        "```",
        "```sh",
        "~~~",
        "````",
        "<!--",
        "-->",
        "<!-- - [ ] x -->",
        "> - [ ] q",
        "<<<<<<< a",
        ">>>>>>> b",
        "phase: design",
        "**フェーズ:** design",
        "\t- [ ] tab",
    ]
    return draw(st.sampled_from(["", indent])) + draw(st.sampled_from(fixed))


@st.composite
def document(draw: st.DrawFn) -> str:
    front = draw(
        st.sampled_from(
            ["", "", "---\nid: a\nphase: design\n---\n", '---\nname: "\\<"\n---\n', "\ufeff# T\n"]
        )
    )
    eol = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    lines = draw(st.lists(line(), max_size=25))
    last = draw(st.sampled_from(["", eol]))
    return front.replace("\n", eol) + eol.join(lines) + last


PATHS = st.sampled_from(
    [
        "specs/a.md",
        ".cc-craft-kit/specs/a.md",
        "specs/001-a/tasks.md",
        "openspec/changes/a/tasks.md",
        ".kiro/specs/a/tasks.md",
        "x.md",
        "a/tasks.md",
        "",
    ]
)
