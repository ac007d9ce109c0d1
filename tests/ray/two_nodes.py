"""A Ray cluster of two nodes with one processor each, on this machine; run by the python of .venv-ray.

It prints the address, takes the second node away at the line "remove", and ends with its standard input. With a folder
as its argument, the second node has an empty folder of its own in that one's place.
"""

import json
import subprocess
import sys
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20}


def apart(address, folder):
    """Start a node that has its own file system at `folder`; needs root."""
    ray_command = str(Path(sys.executable).with_name("ray"))
    start = f"{ray_command} start --address {address} --num-cpus 1 --object-store-memory {100 * 2**20} --block"
    return subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs none {folder} && exec {start}"],
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )


cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
elsewhere = second = None
if len(sys.argv) > 1:
    elsewhere = apart(cluster.address, sys.argv[1])
    ray.init(cluster.address, log_to_driver=False)
    while len([node for node in ray.nodes() if node["Alive"]]) < 2:
        assert elsewhere.poll() is None
    ray.shutdown()
else:
    second = cluster.add_node(**NODE)
print(json.dumps(cluster.address), flush=True)
for line in sys.stdin:
    if line.strip() == "remove":
        cluster.remove_node(second, allow_graceful=False)
        print(json.dumps("removed"), flush=True)
if elsewhere is not None:
    elsewhere.terminate()
    elsewhere.wait(60)
cluster.shutdown()
