"""The command: python -m benchmarks.text [--quick] [--only serve_cb,llama_int4] [--clients 1,16]"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.peers.environments import CannotServe
from benchmarks.text.contest import Found, contest, equal
from benchmarks.text.environments import install, tell
from benchmarks.text.plot import plot
from benchmarks.text.preparing import forms
from benchmarks.text.prompts import PROMPTS
from benchmarks.text.report import report
from benchmarks.text.rivals import BASELINE, OURS, RIVALS


def names(text):
    chosen = text.split(",")
    if unknown := set(chosen) - RIVALS.keys():
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(RIVALS)}")
    return chosen


def numbers(text):
    found = [int(one) for one in text.split(",")]
    if not all(1 <= one <= len(PROMPTS) for one in found):
        raise argparse.ArgumentTypeError(f"from 1 to {len(PROMPTS)} clients: there are so many prompts")
    return found


def completed(chosen):
    """`chosen` in the order of RIVALS, with what they are compared with: Daylight as precise, and generate's text."""
    wanted = {*chosen, BASELINE} | {OURS[RIVALS[name].precision] for name in chosen}
    return [name for name in RIVALS if name in wanted]


def absentees(chosen):
    """{name: Found} of those that cannot be installed here, after installing all the others."""
    reasons = {}
    for environment in dict.fromkeys(RIVALS[name].environment for name in chosen if RIVALS[name].environment):
        try:
            install(environment)
        except CannotServe as error:
            tell(f"{environment} {error}")
            reasons[environment] = str(error)
    there = {name: RIVALS[name] for name in chosen if RIVALS[name].environment in reasons}
    return {
        name: Found(rival.title, rival.precision, absent=reasons[rival.environment]) for name, rival in there.items()
    }


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.text", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round of a few tokens: to see that it works")
    parser.add_argument("--only", type=names, default=list(RIVALS), help="rivals, by commas (all)")
    parser.add_argument("--clients", type=numbers, help="at once, by commas (1,4,16)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, each with prompts of its own (%(default)s)")
    parser.add_argument("--tokens", type=int, default=64, help="of each text (%(default)s)")
    parser.add_argument("--store", type=Path, default=Path("artifacts"), help="where the model is (%(default)s)")
    parser.add_argument("--model", default="smollm2", help="a text model in it (%(default)s)")
    parser.add_argument("--plot", type=Path, help="write the tokens/s as an SVG here")
    options = parser.parse_args()
    rounds, tokens = (1, 4) if options.quick else (options.rounds, options.tokens)
    clients = options.clients or ([1, 4] if options.quick else [1, 4, 16])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by TERM"))  # as an exception, which ends the servers too
    chosen = completed(options.only)
    missing = absentees(chosen)
    there = [name for name in chosen if name not in missing]
    precisions = {RIVALS[name].precision for name in there}
    places = forms(options.store, options.model, precisions, llama=any(name.startswith("llama") for name in there))
    with tempfile.TemporaryDirectory(prefix="text-") as folder:
        took_part = contest(there, places, Path(folder), clients=clients, rounds=rounds, tokens=tokens)
    found = {name: took_part.get(name) or missing[name] for name in chosen}
    if options.plot:
        plot(found, options.plot)
    report(found, rounds=rounds, tokens=tokens)
    ours = OURS["float32"]
    same, compared = equal(found, ours) if ours in found else (0, 0)
    if same < compared:
        sys.exit(f"{compared - same} of {compared} texts are not those of transformers' generate")


if __name__ == "__main__":
    main()
