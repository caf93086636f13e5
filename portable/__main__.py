"""`python -m portable [--quick] [NAME …]`: builds and tests as on other machines; `--list` names them."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time

from portable.conditions import CONDITIONS
from portable.running import ROOT, Condition, Result, Trial, run

PLACE = ROOT / "run" / "portable"


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen conditions; return 0 when none failed."""
    parser = argparse.ArgumentParser(prog="python -m portable", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these conditions")
    parser.add_argument("--quick", action="store_true", help="the part that .ci/run has time for")
    parser.add_argument("--list", action="store_true", help="show the conditions and run nothing")
    options = parser.parse_args(arguments)
    known = {condition.name: condition for condition in CONDITIONS}
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"no condition {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = [known[name] for name in options.names]
    chosen = chosen or [condition for condition in CONDITIONS if condition.in_quick or not options.quick]
    if options.list:
        print("\n".join(f"{condition.name:<18} {condition.imitates}" for condition in chosen))
        return 0
    return _run_all(chosen, quick=options.quick)


def _run_all(chosen: list[Condition], *, quick: bool) -> int:
    begun, results = time.monotonic(), []
    try:
        for condition in chosen:
            folder = PLACE / condition.name
            shutil.rmtree(folder, ignore_errors=True)
            results.append(run(condition, Trial(quick, folder), PLACE / f"{condition.name}.log"))
            print(results[-1], flush=True)
            if results[-1].outcome == "FAILED":
                print("".join(f"    {line}\n" for line in results[-1].lines), end="", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    except KeyboardInterrupt:
        results.append(Result(chosen[len(results)], "interrupted"))
    return _conclude(results, time.monotonic() - begun)


def _conclude(results: list[Result], seconds: float) -> int:
    print(f"\n{len(results)} conditions in {seconds:.0f} s", *results, sep="\n", flush=True)
    outcomes = {result.outcome for result in results}
    return 130 if "interrupted" in outcomes else int("FAILED" in outcomes)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, it leaves nothing running
    sys.exit(main())
