"""Pickles that stay pickles: their opcodes are exchanged, repeated and nested, their names become others.

mutated(rng, data)
"""

import contextlib
import pickletools

from tests.support.pickle_writer import Call, Name, New, dumps, encoded, partial

from .damage import MOST, damaged

__all__ = ["DANGEROUS", "mutated"]

DANGEROUS = (
    *("os.system", "posix.system", "subprocess.Popen", "subprocess.call", "builtins.eval", "builtins.exec"),
    *(
        "builtins.open",
        "builtins.__import__",
        "builtins.getattr",
        "builtins.map",
        "io.open",
        "_io.FileIO",
        "socket.socket",
    ),
    *("shutil.rmtree", "pathlib.Path.write_text", "importlib.import_module", "runpy.run_path", "pty.spawn"),
    *("antigravity.fly", "this.s", "idlelib.idle.main", "webbrowser.open", "ctypes.CDLL", "numpy.load", "numpy.save"),
    *("numpy.memmap", "numpy.fromfile", "numpy.genfromtxt", "numpy.ndarray.tofile", "numpy.f2py.compile"),
    *("numpy.testing._private.utils.runstring", "pandas.read_pickle", "pandas.eval", "pandas.DataFrame.to_csv"),
    *(
        "joblib.load",
        "joblib.dump",
        "joblib.memory.Memory",
        "sklearn.datasets.fetch_openml",
        "sklearn.utils._joblib.dump",
    ),
    *("scipy.io.savemat", "scipy.io.loadmat", "functools.reduce", "operator.methodcaller", "types.CodeType"),
    *("types.FunctionType", "copyreg._reconstructor", "copyreg.add_extension", "pickle.loads", "_pickle.loads"),
    *("sklearn.svm._classes.SVC.fit", "sklearn.nowhere.Nothing", "numpy.\ud800", "", "a.b.c.d"),
)
MACHINE = encoded(Name("sklearn.svm._classes:SVC")) + b")\x81}"  # an object without a state, and an empty dict for it
MARKER = "outside"  # the file that a call would make, were it made


def attack(rng):
    """A value of the kind that an attacker would make."""
    function = rng.choice(DANGEROUS)
    module, _, name = function.rpartition(".")
    call = Call(Name(f"{module}:{name}"), rng.choice((("touch outside",), (MARKER, "w"), (), (MARKER,), ([MARKER],))))
    return rng.choice(
        (call, partial(call.function, MARKER), New("sklearn.svm._classes:SVC", {"kernel": call.function}))
    )


def doubled(rng):
    """A value that holds itself twice, so often that walking it would never end: of tuples, lists or dicts."""
    depth, kind = rng.choice((10, 25, 60, 400)), rng.randrange(3)
    if kind == 0:
        return b")" + b"2\x86" * depth
    made = b"]"
    for level in range(depth):
        place = (10**6 + level).to_bytes(4, "little")
        once = b"j" + place
        made += (
            b"r" + place + b"0" + (b"](" + once * 2 + b"e" if kind == 1 else b"}(K\x00" + once + b"K\x01" + once + b"u")
        )
    return made


def bomb(rng):
    """The opcodes of one value that costs far more than its bytes."""
    count = 10 ** rng.randrange(2, 6)
    far = 10 ** rng.randrange(6, 13)
    counted = Call(Name("builtins:range"), (far,))
    return rng.choice(
        (
            lambda: b"]" * count + b"a" * (count - 1),
            lambda: b")" + b"\x85" * count,
            lambda: b"}" + b")" + b"\x85" * count + b"Ns",
            lambda: b"}" + doubled(rng) + b"Ns",
            lambda: doubled(rng),
            lambda: MACHINE + encoded(rng.choice(("kernel", "input", "_parse_arg_template"))) + doubled(rng) + b"sb",
            lambda: doubled(rng) + doubled(rng) + rng.choice((b"R", b"\x81", b"b", b"a")),
            lambda: encoded(Name("numpy:dtype")) + doubled(rng) + b"\x85R",
            lambda: b"\x8f(" + doubled(rng) + b"\x90",
            lambda: encoded(Call(Name(f"builtins:{rng.choice(('list', 'set', 'tuple', 'frozenset'))}"), (counted,))),
            lambda: encoded(Call(Name("collections:deque"), (counted, 0))),
            lambda: encoded(Call(Name(f"builtins:{rng.choice(('bytes', 'bytearray'))}"), (far,))),
            lambda: encoded(Call(Name("numpy:ndarray"), ((far,), "f8"))),
            lambda: encoded(Call(Name("numpy:dtype"), (f"V{far}",))),
            lambda: encoded(Call(Name("numpy:dtype"), (rng.choice(("O", "f8,f8", "S0", "(9999999,)f8", "i4" * 999)),))),
            lambda: encoded(Call(Name("builtins:complex"), ("1" * count,))),
            lambda: b"(" * count,
            lambda: b"I" + b"9" * count + b"\n",
            lambda: b"L" + b"9" * count + b"L\n",
            lambda: b"\x8b" + rng.choice((count, 2**31 - 1)).to_bytes(4, "little") + b"\x7f" * min(count, 10_000),
            lambda: b"Nr" + rng.choice((2**31, 2**32 - 1)).to_bytes(4, "little"),
            lambda: b"](" + b"h\x00" * count + b"e",
            lambda: b"]\x94(" + b"2" * count + b"e",
            lambda: encoded(far) + b"Q",
        )
    )()


def pieces(data):
    """The bytes of each opcode, and what follows the last that can be read: joblib's arrays are no opcodes."""
    starts = []
    with contextlib.suppress(Exception):  # the first array
        starts.extend(place for _, _, place in pickletools.genops(data))
    starts = [place for place in starts if place is not None] or [0]
    return [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]


def rename(rng, found):
    """A name that the file imports becomes another."""
    module, _, name = rng.choice(DANGEROUS).rpartition(".")
    texts = [index for index, piece in enumerate(found) if piece[:1] in (b"\x8c", b"X", b"c", b"i")]
    if texts:
        index = rng.choice(texts)
        if found[index][:1] in b"ci":
            found[index] = found[index][:1] + f"{module}\n{name}\n".encode("utf-8", "surrogatepass")
        else:
            found[index] = encoded(rng.choice((module, name)))
    return found


def exchange(rng, found):
    first, second = rng.randrange(len(found)), rng.randrange(len(found))
    found[first], found[second] = found[second], found[first]
    return found


def repeated(rng, found):
    start, length = rng.randrange(len(found)), rng.choice((1, 1, 3, 10))
    found[start:start] = found[start : start + length] * rng.choice((1, 2, 100, 3000))
    return found


def left_out(rng, found):
    start = rng.randrange(len(found))
    del found[start : start + rng.choice((1, 1, 3))]
    return found


def invented(rng):
    """The opcodes of one value that is no part of an estimator."""
    way = rng.randrange(3)
    return encoded(attack(rng)) if way == 0 else bomb(rng) if way == 1 else encoded(rng.choice(PLAIN))


def added(rng, found):
    """A value that is made and thrown away again, anywhere."""
    found.insert(rng.randrange(1, len(found)) if len(found) > 1 else 0, invented(rng) + b"0")
    return found


VALUES = (b"K", b"J", b"M", b"G", b"N", b"\x88", b"\x8c", b"]", b"}")


def replaced(rng, found):
    """A value in the place of another."""
    plain = [index for index, piece in enumerate(found) if piece[:1] in VALUES]
    if plain:
        found[rng.choice(plain)] = invented(rng)
    return found


PLAIN = (
    None,
    -1,
    2**31,
    2**63,
    1e308,
    "",
    "x" * 100_000,
    b"\xff" * 10,
    [],
    {},
    (),
    "\ud800",
    ([],),
    {"": []},
    float("nan"),
)


def mutated(rng, data):
    """A pickle with one to three changes of its opcodes; one time in four of its bytes; one in ten is written anew."""
    if rng.random() < 0.1:
        made = attack(rng) if rng.random() < 0.5 else None
        return dumps(made) if made is not None else b"\x80\x04" + bomb(rng) + b"."
    if rng.random() < 0.25:
        return damaged(rng, data)
    found = pieces(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        if found:
            found = rng.choice((rename, rename, exchange, repeated, left_out, added, replaced, replaced))(rng, found)
    return b"".join(found)[:MOST]
