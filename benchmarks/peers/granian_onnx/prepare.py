"""The graph is made as FastAPI's is."""

import runpy
from pathlib import Path

runpy.run_path(str(Path(__file__).parents[1] / "fastapi_onnx" / "prepare.py"), run_name="__main__")
