"""Write the plugin, the Gemini extension and the marketplace anew from slash-commands/.

    python docs/generate_plugin.py

Files in the two folders that do not belong there any more are deleted.
"""

from __future__ import annotations

from pathlib import Path

from craftkit import __version__
from craftkit.agents import plugin

ROOT = Path(__file__).resolve().parents[1]


def wanted() -> dict[str, str]:
    """Path below the root of the repository -> text."""
    inside = {f"{plugin.FOLDER}/{p}": text for p, text in plugin.files(__version__).items()}
    gemini = plugin.gemini_files(__version__)
    inside |= {f"{plugin.GEMINI_FOLDER}/{p}": text for p, text in gemini.items()}
    return inside | {plugin.MARKETPLACE: plugin.marketplace(__version__)}


def present() -> dict[str, str]:
    """What is there now."""
    folders = (ROOT / plugin.FOLDER, ROOT / plugin.GEMINI_FOLDER)
    found = [p for folder in folders for p in folder.rglob("*") if p.is_file()]
    found += [p for p in (ROOT / plugin.MARKETPLACE,) if p.is_file()]
    return {p.relative_to(ROOT).as_posix(): p.read_bytes().decode("utf-8") for p in found}


def write() -> None:
    texts = wanted()
    for path in present().keys() - texts.keys():
        (ROOT / path).unlink()
    for path, text in texts.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write()
    print(f"{plugin.FOLDER}/, {plugin.GEMINI_FOLDER}/ and {plugin.MARKETPLACE} written")
