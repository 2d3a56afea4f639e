"""Hold the code to bandit's rules, and the generated workflow to zizmor's.

    python docs/audit.py

Each finding of bandit is judged in docs/bandit.txt, with the reason why it stays.  One that is not
judged fails, and so does a judgement that nothing needs any more.  zizmor has to find nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
JUDGED = ROOT / "docs/bandit.txt"
BIN = Path(sys.executable).parent


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
    """What zizmor says of the workflows that `schedule` writes; "" if it is nothing."""
    from craftkit.automation import schedule_files

    said = ""
    with tempfile.TemporaryDirectory() as name:
        for commit in (False, True):
            file = Path(name) / f".github/workflows/craftkit-{commit}.yml"
            file.parent.mkdir(parents=True, exist_ok=True)
            wanted = schedule_files.SchedulePlan(
                name,
                ("craftkit", "reconcile"),
                "",
                30,
                commit,
                commit,
                "o/r",
                "main",
                "",
                "craftkit==1",
            )
            file.write_text(schedule_files.workflow_file(wanted).text, encoding="utf-8")
            words = [BIN / "zizmor", "--offline", "--no-progress", "--persona=pedantic", file]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                said += done.stdout + done.stderr
    return said


def main() -> int:
    found, known = findings(), judged()
    wrong = [f"bandit, not judged: {name} ({n})" for name, n in (found - known).items()]
    wrong += [f"judged, and not found: {name} ({n})" for name, n in (known - found).items()]
    said = workflow_problems()
    print("\n".join([*wrong, said]).strip(), end="\n" if wrong or said else "")
    return 1 if wrong or said else 0


if __name__ == "__main__":
    sys.exit(main())
