"""Run every cell of the start matrix once, write the truth, and say how far the predictions agree with it."""

from __future__ import annotations

import argparse
import collections
import fnmatch
import sys
import time

from startmatrix.facts import Recorder, write_facts
from startmatrix.judging import GOOD, Agreement, judge
from startmatrix.running import run_cells
from startmatrix.session import Session, all_cells, session_of_the_kit
from startmatrix.truth import TRUTH, read_truth, write_truth


def main() -> int:
    """0 where every prediction is right."""
    parser = argparse.ArgumentParser(prog="record.py", description=__doc__)
    parser.add_argument("--only", default="*", metavar="GLOB", help="cells, as SUBJECT/BASE/FORM")
    parser.add_argument("--no-run", action="store_true", help="predict only, and compare with the recorded truth")
    parser.add_argument("--keep", action="store_true", help="run only what is not recorded yet")
    parser.add_argument("--facts", action="store_true", help="write what the predictions look at, for the unit tests")
    arguments = parser.parse_args()
    known = read_truth() if TRUTH.exists() else {}
    cells = [cell for cell in all_cells() if fnmatch.fnmatch(str(cell), arguments.only)]
    counts: collections.Counter[Agreement] = collections.Counter()
    with session_of_the_kit() as session:
        start = time.monotonic()
        wanted = [] if arguments.no_run else [c for c in cells if not (arguments.keep and c in known)]
        outcomes = run_cells(session.client, wanted, dict(session.subjects), session.layer, _say)
        if outcomes:
            every = set(all_cells())
            known = {cell: outcome for cell, outcome in known.items() if cell in every} | outcomes
            write_truth(known)
        ran = time.monotonic() - start
        start = time.monotonic()
        session.predictor.recorder = Recorder() if arguments.facts else None
        for cell in cells:
            subject = session.subjects[cell.subject]
            agreement, story = judge(subject, session.predictor.predict(subject, cell), known[cell])
            counts[agreement] += 1
            if agreement not in GOOD:
                print(f"{agreement}: {cell}: {story}")
        predicted = time.monotonic() - start
        if arguments.facts:
            _write_facts(session)
    print(f"{len(cells)} cells: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    print(f"{len(outcomes)} run in {ran:.0f} s, all predicted in {predicted:.1f} s")
    return 0 if set(counts) <= GOOD else 1


def _write_facts(session: Session) -> None:
    bases, by_diff_id = session.predictor.changesets()
    layers = {name: session.layer(subject).diff_id for name, subject in session.subjects.items()}
    recorder = session.predictor.recorder
    assert recorder is not None
    write_facts(recorder, bases, {name: by_diff_id[diff_id] for name, diff_id in layers.items()})


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
