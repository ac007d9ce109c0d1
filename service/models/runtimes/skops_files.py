"""Open a `.skops` file: an estimator without pickle, made of types that are known or trusted by name.

    load(file)                                  # Refused: mymodule.Shift ...
    load(file, trusted=["mymodule.Shift"])

Nothing of the file is imported before all of its types are found to be trusted.
"""

import warnings

from sklearn.exceptions import InconsistentVersionWarning

from .pickles import Refused

__all__ = ["load"]


def load(file, trusted=()):
    """The object in an open `.skops` file. `trusted`: full names of types. Raises Refused naming every other one."""
    from skops import io  # only where such a file is served

    data = file.read()
    strange = [name for name in io.get_untrusted_types(data=data) if name not in trusted]
    if strange:
        raise Refused(f"it holds types that are not trusted: {', '.join(strange)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        return io.loads(data, trusted=list(trusted))
