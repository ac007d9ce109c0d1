"""The command: python -m benchmarks.peers [--quick] [--only mlserver,mlflow] [--models svm] [--forms lists]"""

import argparse
import itertools
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.peers.contest import Found, contest
from benchmarks.peers.environments import CannotServe, install
from benchmarks.peers.models import FORMS, MODELS, prepare
from benchmarks.peers.plot import plot
from benchmarks.peers.report import report
from benchmarks.peers.rivals import DAYLIGHT, RIVALS


def chosen(known):
    """A parser of names separated by commas."""

    def parse(text):
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        return [name for name in known if name in names]

    return parse


def absentees(names):
    """{name: Found} of those that cannot be installed here, after installing all the others."""
    missing = {}
    for name in names:
        try:
            for each in RIVALS[name].needs(name):
                install(each)
        except CannotServe as error:
            missing[name] = Found(RIVALS[name].title, absent=str(error))
    return missing


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round of a second each: to see that it works")
    parser.add_argument("--only", type=chosen(RIVALS), default=list(RIVALS), help="rivals, by commas (all)")
    parser.add_argument("--models", type=chosen(MODELS), default=list(MODELS), help="models, by commas (all)")
    parser.add_argument("--forms", type=chosen(FORMS), default=list(FORMS), help="lists of numbers, names of columns")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (%(default)s)")
    parser.add_argument("--seconds", type=int, default=3, help="of load a round (%(default)s)")
    parser.add_argument("--plot", type=Path, help="write the requests/s as an SVG here")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is missing; install it: apt-get install wrk")
    rounds, seconds = (1, 1) if options.quick else (options.rounds, options.seconds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by TERM"))  # as an exception, which ends the servers too
    wanted = [DAYLIGHT, *(name for name in options.only if name != DAYLIGHT)]  # what everybody is compared with
    missing = absentees(wanted)
    names = [name for name in wanted if name not in missing]
    found, runtimes = {}, {}
    for model, form in itertools.product(options.models, options.forms):
        with tempfile.TemporaryDirectory(prefix="peers-") as folder:
            bench = prepare(model, form, Path(folder))
            runtimes[model] = bench.runtime
            took_part = contest(bench, names, folder=Path(folder), rounds=rounds, seconds=seconds)
            found[model, form] = {name: took_part.get(name) or missing[name] for name in wanted}
    if options.plot:
        plot(found, options.plot)
    report(found, runtimes, rounds=rounds, seconds=seconds)


if __name__ == "__main__":
    main()
