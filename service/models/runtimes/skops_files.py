"""Open a `.skops` file: an estimator without pickle, every type in it is known to skops or trusted by name.

    load(file)                                  # Refused: mymodule.Shift ...
    load(file, trusted=["mymodule.Shift"])

Nothing of the file is imported before all of its types are found to be trusted.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, BinaryIO

from sklearn.exceptions import InconsistentVersionWarning

from .pickle_rules import object_refusal
from .pickles import Refused

__all__ = ["load"]


def load(file: BinaryIO, trusted: Sequence[str] = ()) -> Any:
    """The object in an open `.skops` file. `trusted`: full names of types.

    Raises Refused naming every other type, and for a state that pickles may not set either (see pickle_rules).
    """
    from skops import io  # only where such a file is served

    data = file.read()
    untrusted = [name for name in io.get_untrusted_types(data=data) if name not in trusted]
    if untrusted:
        raise Refused(f"it holds types that are not trusted: {', '.join(untrusted)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        estimator = io.loads(data, trusted=list(trusted))
    if reason := object_refusal(estimator, trusted):
        raise Refused(reason)
    return estimator
