"""Three hosts behind HAProxy, and behind nginx, by the files of deploy/hosts: what befalls one of them, nobody notices.

Each host is a network namespace with a store of its own, whose model answers 10 x the number of the host + its version.
The callers send every request once: what fails would be seen.
"""

from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from uuid import uuid4

import pytest
import requests

from benchmarks.support.serving import eventually
from service.store.versions import Store
from tests.support.balancers import PREDICT, balancer, steady
from tests.support.clock import clock_at, jump
from tests.support.hosts import host, inside, needs_hosts, network
from tests.support.steady import SteadyRequests, more_than
from tests.support.workers import version_1_of

pytestmark = [pytest.mark.heavy, needs_hosts]

DAY = 86_400


def store_of(number, folder):
    """The store of a host: versions 1 and 2, the first one current."""
    store = version_1_of(folder, 10.0 * number + 1)
    version_1_of(folder, 10.0 * number + 2)
    store.promote("m", "1")
    return store


@pytest.fixture(scope="module", params=["haproxy", "nginx"])
def hosts(request, tmp_path_factory):
    """Three Hosts behind a balancer; this thread is where it stands. The third one has a clock that can be moved."""
    folder = tmp_path_factory.mktemp("hosts")
    with ExitStack() as stack:
        edge = stack.enter_context(network())
        stack.enter_context(inside(edge))
        started = []
        for number in (1, 2, 3):
            env = clock_at(folder / "clock") if number == 3 else {}
            store = store_of(number, folder / str(number))
            started.append(stack.enter_context(host(edge, number, store.root, workers=2, env=env)))
            started[-1].start()
        stack.enter_context(balancer(request.param, folder))
        yield started


def hosts_of(load, since=0.0):
    """The numbers of the hosts that have answered requests sent after a moment."""
    return [int(prediction) // 10 for sent, _, _, prediction in list(load.answers) if sent > since]


def answers(load, number):
    """Wait until a host answers requests that are sent from now on."""
    now = monotonic()
    eventually(lambda: number in hosts_of(load, now), what=f"an answer of host {number}")


def for_a_while(load, seconds=6.0):
    """Longer than it takes to find a host lost: further requests are answered all the time."""
    until, seen = monotonic() + seconds, len(load.answers)
    eventually(lambda: monotonic() > until and len(load.answers) > seen + 300, what="answers")


def test_all_hosts_answer(hosts):
    with steady() as load:
        for number in (1, 2, 3):
            answers(load, number)


def test_a_host_is_killed_and_comes_again(hosts):
    with steady() as load:
        answers(load, 3)
        hosts[2].kill()
        killed = monotonic()
        for_a_while(load)
        assert 3 not in hosts_of(load, killed)
        hosts[2].start()
        answers(load, 3)


def test_a_host_is_cut_off(hosts):
    """No connection is refused and none breaks: requests wait for a host that will not answer, then go elsewhere."""
    with steady() as load:
        with hosts[2].cut_off():
            gone = monotonic()
            for_a_while(load, seconds=15.0)
            assert set(hosts_of(load, gone + 12.0)) == {1, 2}
        answers(load, 3)


def test_a_host_works_at_a_tenth_of_its_pace(hosts):
    with steady() as load:
        with hosts[2].slowed():
            slowed = monotonic()
            for_a_while(load)
            found = hosts_of(load, slowed)
        assert found.count(3) < found.count(1) / 2, "it gets what it can do"
        answers(load, 3)


def test_where_no_host_is_left_the_balancer_says_so(hosts):
    """In Daylight's words; the first host that is there again answers.

    HAProxy closes the connections of requests that it is trying when it finds the last host lost.
    """
    for each in hosts:
        each.kill()
    (told,) = eventually(refused, what="a refusal")
    assert told.status_code in (502, 503)
    assert told.headers["Content-Type"] == "application/json"
    assert told.json()["error"]["code"] == "unavailable"
    assert told.headers["Retry-After"] == "1"
    for number, each in enumerate(hosts, start=1):
        each.start()
        eventually(is_answered, what=f"an answer when {number} are there")
    with steady() as load:
        for number in (1, 2, 3):
            answers(load, number)


def refused():
    """The balancer's answer in a list; None where it closed the connection."""
    with suppress(requests.ConnectionError):
        return [requests.post(PREDICT, json={"instances": [[0.0]]}, timeout=30)]
    return None


def is_answered():
    return requests.post(PREDICT, json={"instances": [[0.0]]}, timeout=30).ok


def test_the_hosts_are_upgraded_one_after_the_other(hosts):
    with steady() as load:
        for number, each in enumerate(hosts, start=1):
            each.replace()
            answers(load, number)


def test_the_clock_of_a_host_jumps_by_a_day(hosts):
    clock = Path(hosts[2].options["env"]["FAKETIME_TIMESTAMP_FILE"])
    with steady() as load:
        for seconds in (DAY, -DAY, 0):
            jump(clock, seconds)
            for_a_while(load, seconds=2.0)
            answers(load, 3)


class Sessions(SteadyRequests):
    """Each thread sends an X-Session-Id of its own."""

    def connection(self):
        session = super().connection()
        session.headers["X-Session-Id"] = uuid4().hex
        return session

    def ask(self, session):
        answer = super().ask(session)
        return answer and (answer[0], (session.headers["X-Session-Id"], *divmod(int(answer[1]), 10)))


def test_a_version_is_promoted_host_by_host(hosts):
    """Others meet both versions meanwhile; a caller who names one has it, and a session goes over once, at its host."""
    pinned = PREDICT.replace(":predict", "/versions/1:predict")
    with steady(pinned, threads=2) as naming, steady(kind=Sessions) as sessions, steady(threads=2) as load:
        for number, each in enumerate(hosts, start=1):
            Store(each.store).promote("m", "2")
            now = monotonic()
            eventually(lambda: 10 * number + 2 in [int(it[3]) for it in load.answers if it[0] > now], what="version 2")  # noqa: B023
        eventually(more_than(load, len(load.answers) + 200), what="answers")
    assert {version for _, _, version, _ in naming.answers} == {"1"}
    assert {10 * number + 1 for number in (1, 2, 3)} >= {int(it[3]) for it in naming.answers}
    ways = {}
    for *_, (session, number, version) in sorted(sessions.answers):
        ways.setdefault(session, []).append((number, version))
    for way in ways.values():
        assert len({number for number, _ in way}) == 1, "a session stays at one host"
        assert way == sorted(way), "and never goes back to the version before"
        assert {version for _, version in way} == {1, 2}
    assert {version for _, _, version, _ in load.answers} == {"1", "2"}
