"""A prediction log whose writer runs in the process of the tests, and what is found in its files."""

import json
from pathlib import Path

from service.capabilities import TableCall
from service.observability.prediction_log.writer import Writer
from service.web.context import RequestContext

__all__ = ["KEY", "ROW", "TRACE", "InThisProcess", "answer", "counted", "files", "lines"]

ROW = [5.1, 3.5, 1.4, 0.2]
KEY = "a key of sixteen or more"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class InThisProcess:
    """What WriterProcess is, with the writer in this process: its settings and its disk can be played with."""

    def __init__(self, settings, counted):
        self.counted, self.told = counted, []
        self.writer = Writer(vars(settings), self)

    def write(self, line):
        self.told.append(json.loads(line))

    def flush(self):
        pass

    def send(self, new, answers, rows):
        for message in (*new, answers):
            self.writer.take(message)

    def counts(self):
        for told in self.told:
            self.counted(**told)
        self.told.clear()

    def end(self):
        self.writer.end()
        self.counts()


def answer(log, model, instances, outputs=None, id="mine"):
    context = RequestContext(id)
    context.trace = TRACE
    call = TableCall(instances, outputs)
    log.answered(model, call, model.run(call), context)


def files(log):
    return sorted(Path(log._settings.prediction_log).glob("*/*"))


def lines(log):
    return [json.loads(line) for path in files(log) for line in path.read_bytes().splitlines()]


def counted(log, name):
    text = log._meter.exposition().decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name}_total"))
