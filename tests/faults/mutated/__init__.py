"""Real files, damaged on purpose, and opened in processes of their own as Daylight opens them.

    originals.write("pickle", folder)                   # real files of one kind
    mutations.mutated("pickle", seed, folder)           # (the name of one, its bytes after the damage)
    python -m tests.faults.mutated.child ...            # opens many, and writes down what came of each

A seed names its file: the same kind and seed always give the same bytes.
"""
