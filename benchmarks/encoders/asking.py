"""A server that embeds, as its clients see it; as a program, clients that ask until it is ended.

server = Server("http://127.0.0.1:1200/v1/embeddings", {"model": "minilm"})
server.ask(["a text"])                  # float64 [1, 384]
server.rate([["a text"]], clients=16)   # requests a second, seconds of processor time a request
python -m benchmarks.encoders.asking < asked.json
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from time import monotonic
from urllib.parse import urlsplit

import numpy as np

__all__ = ["Server"]

SECONDS = 2.0  # of one measurement


class Server:
    """url: of its route. extra: members of each body. name: of the one with the texts. cpu: seconds of processor time
    that its processes have used so far. ask(texts): the vectors.
    """

    def __init__(self, url, extra, name="input", cpu=lambda: 0.0):
        self.cpu = cpu
        self.url, self.parts, self.extra, self.name = url, urlsplit(url), extra, name

    def connection(self):
        return HTTPConnection(self.parts.hostname, self.parts.port, timeout=120)

    def post(self, connection, texts):
        body = json.dumps({self.name: texts, **self.extra})
        connection.request("POST", self.parts.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content[:500]
        return content

    def ask(self, texts):
        found = json.loads(self.post(self.connection(), texts))
        return np.array([each["embedding"] for each in found["data"]] if isinstance(found, dict) else found)

    def rate(self, requests, clients):
        """(requests a second, seconds of processor time a request), of so many clients that each ask again as soon as
        they are answered.
        """
        used, counts, until = self.cpu(), [0] * clients, monotonic() + SECONDS

        def work(place):
            connection = self.connection()
            while monotonic() < until:
                self.post(connection, requests[(place + counts[place]) % len(requests)])
                counts[place] += 1

        began = monotonic()
        with ThreadPoolExecutor(clients) as threads:
            list(threads.map(work, range(clients)))  # which raises what any of them raised
        return sum(counts) / (monotonic() - began), (self.cpu() - used) / sum(counts)


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    server = Server(asked["url"], asked["extra"])
    while True:
        print(server.rate(asked["requests"], asked["clients"])[0], flush=True)
