"""moto's server: a process of this machine that speaks S3.

with s3_server() as server:
    server.bucket("models")
    server.environment      # what a client needs to find it
"""

import contextlib
import os
import socket
import subprocess
import sys

import boto3
import requests

from benchmarks.support.serving import eventually

__all__ = ["CREDENTIALS", "S3Server", "s3_server"]

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "something",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


class S3Server:
    def __init__(self, host):
        with socket.socket() as free:
            free.bind((host, 0))
            self.port = free.getsockname()[1]
        self.host, self.url = host, f"http://{host}:{self.port}"
        self.environment = CREDENTIALS | {"AWS_ENDPOINT_URL": self.url}
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", self.host, "-p", str(self.port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(self._answers, what="moto's server")

    def _answers(self):
        assert self.process.poll() is None, "moto's server ended"
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/moto-api/data.json", timeout=10).ok
        return False

    def stop(self):
        self.process.kill()
        self.process.wait()

    def client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="somebody",
            aws_secret_access_key="something",
        )

    def bucket(self, name):
        """Make a bucket; returns the URL of a store in it."""
        with contextlib.closing(self.client()) as client:
            client.create_bucket(Bucket=name)
        return f"s3://{name}/prod"

    def names(self, bucket):
        """The keys of the objects of a bucket, sorted."""
        with contextlib.closing(self.client()) as client:
            return sorted(each["Key"] for each in client.list_objects_v2(Bucket=bucket).get("Contents", ()))

    def put(self, bucket, key, content):
        with contextlib.closing(self.client()) as client:
            client.put_object(Bucket=bucket, Key=key, Body=content)

    def delete(self, bucket, key):
        with contextlib.closing(self.client()) as client:
            client.delete_object(Bucket=bucket, Key=key)


@contextlib.contextmanager
def s3_server(host="127.0.0.1"):
    server = S3Server(host)
    server.start()
    try:
        yield server
    finally:
        server.stop()
