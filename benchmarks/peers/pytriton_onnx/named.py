"""A tensor for each column."""

import numpy as np
from bare import Tensor, columns, start

if __name__ == "__main__":
    start([Tensor(name=name, dtype=np.float64, shape=(1,)) for name in columns])
