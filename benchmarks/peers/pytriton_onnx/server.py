"""Rows in one tensor."""

import numpy as np
from bare import Tensor, columns, start

if __name__ == "__main__":
    start([Tensor(name="rows", dtype=np.float64, shape=(len(columns),))])
