"""Print what the reader makes of a folder of spec files: `python tests/corpus_report.py DIR`."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from craftkit.specs import parse
from craftkit.specs.edit import encode, tick, untick


def main(folder: str) -> int:
    numbers: dict[str, Counter[str]] = defaultdict(Counter)
    codes: dict[str, Counter[str]] = defaultdict(Counter)
    bad = 0
    for path in sorted(Path(folder).rglob("*.md")):
        data = path.read_bytes()
        spec = parse(data, path.as_posix())
        row = numbers[spec.dialect]
        row["files"] += 1
        row["tasks"] += len(spec.tasks)
        row["done"] += spec.done
        row["linked"] += sum(task.issue is not None for task in spec.tasks)
        row["keyed"] += sum(task.key is not None for task in spec.tasks)
        row["steps"] += sum(task.steps_total for task in spec.tasks)
        row["criteria"] += spec.criteria_total
        codes[spec.dialect].update(d.code for d in spec.diagnostics)
        bad += encode(spec.text) != data
        for task in spec.tasks:
            if spec.blocked_by or task.mark not in " xX":
                continue
            edited = encode((untick if task.checked else tick)(spec, task))
            changed = sum(a != b for a, b in zip(data, edited, strict=True))
            bad += changed != 1
    for dialect, row in sorted(numbers.items()):
        print(dialect, *(f"{name}={count}" for name, count in row.items()))
        print("   ", *(f"{code}={count}" for code, count in sorted(codes[dialect].items())))
    print("byte problems:", bad)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
