"""deploy/ray/app.py on a Ray of this machine, run by the python of .venv-ray: it prints the URL.

At the line "replicas" it prints how many there are. It ends with its standard input.
"""

import json
import socket
import sys

import ray
from app import Daylight
from ray import serve

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
ray.init("local", num_cpus=3, include_dashboard=False, log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": port})
# As the file has it, but for patience.
scaling = {"min_replicas": 1, "max_replicas": 2, "target_ongoing_requests": 1, "upscale_delay_s": 1}
serve.run(Daylight.options(autoscaling_config=scaling).bind(), route_prefix="/")
print(json.dumps(f"http://127.0.0.1:{port}"), flush=True)
for _ in sys.stdin:
    replicas = serve.status().applications["default"].deployments["Daylight"].replica_states
    print(json.dumps(replicas.get("RUNNING", 0)), flush=True)
serve.shutdown()
ray.shutdown()
