"""What the contract costs: bytes -> checked array, against the fastest conversion that checks nothing.

    python -m benchmarks.columns

The checked way is the service's own: `service.wire.json_body.parse` and
`service.wire.v1.table_call`, then `ColumnPlan.read`. The unchecked
one is `orjson.loads` and one `numpy.array`. Same bytes, same process, in turns. The mixed table has no bound:
its alternative, a DataFrame of the bare rows, does not even give the fitted dtypes.
"""

import numpy as np
import orjson
import pandas as pd

from benchmarks.rounds import interleaved, report
from service.models.tables.column import Column
from service.models.tables.plan import ColumnPlan
from service.wire.json_body import parse
from service.wire.v1 import table_call

WIDTH = 30
NAMES = [f"mean radius {place}" for place in range(WIDTH)]
MOST_ROWS = 100_000
SIZES = ((1, 2000), (10_000, 1))  # rows, calls a round
ROUNDS = 15
CITIES = ("Lima", "Oslo", "Rome")

NUMBERS = ColumnPlan([Column(name, "number", "float64") for name in NAMES], "array")
MIXED = ColumnPlan(
    [
        Column("age", "integer", "int64"),
        Column("pay", "number", "float64", nullable=True),
        Column("city", "category", "str", categories=CITIES),
        Column("vip", "boolean", "bool"),
        Column("note", "text", "str"),
        Column("day", "datetime", "datetime64[us]"),
    ],
    "frame",
)


def checked(plan, body):
    return lambda: plan.read(table_call(parse(body, MOST_ROWS)).instances).values


def unchecked_objects(body):
    # Flat and told its type, which is faster than nested lists that numpy has to look through.
    def convert():
        rows = orjson.loads(body)["instances"]
        return np.array([row[name] for row in rows for name in NAMES], np.float64).reshape(-1, WIDTH)

    return convert


def unchecked_lists(body):
    def convert():
        rows = orjson.loads(body)["instances"]
        return np.array([cell for row in rows for cell in row], np.float64).reshape(-1, WIDTH)

    return convert


def unchecked_frame(body):
    return lambda: pd.DataFrame(orjson.loads(body)["instances"])


def body_of(rows):
    return orjson.dumps({"instances": rows})


def cases():
    """Yield (what, rows, checked, unchecked, calls a round)."""
    rng = np.random.default_rng(0)
    for rows, calls in SIZES:
        table = rng.normal(10, 3, (rows, WIDTH)).tolist()
        objects, lists = body_of([dict(zip(NAMES, row, strict=True)) for row in table]), body_of(table)
        yield "objects", rows, checked(NUMBERS, objects), unchecked_objects(objects), calls
        yield "lists", rows, checked(NUMBERS, lists), unchecked_lists(lists), calls
        people = [
            {"age": 20 + place % 60, "pay": 1.5 * place, "city": CITIES[place % 3], "vip": place % 2 == 0}
            | {"note": f"note {place}", "day": "2024-02-29T12:00:00"}
            for place in range(rows)
        ]
        mixed = body_of(people)
        yield "mixed", rows, checked(MIXED, mixed), unchecked_frame(mixed), max(1, calls // 20)


def main():
    medians, pairs = {}, []
    for what, rows, ours, plain, calls in cases():
        names = tuple(f"{rows} {'row' if rows == 1 else 'rows'}, {what}, {way}" for way in ("checked", "unchecked"))
        if what != "mixed":
            assert np.array_equal(ours(), plain())
        medians |= interleaved(dict(zip(names, (ours, plain), strict=True)), rounds=ROUNDS, calls=calls)
        pairs.append(names)
    report(f"bytes -> array, {WIDTH} columns (mixed: {len(MIXED.columns)})", medians, pairs, ["orjson", "numpy"])


if __name__ == "__main__":
    main()
