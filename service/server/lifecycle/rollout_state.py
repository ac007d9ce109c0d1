"""The table of versions that the workers of a server share: how a change is proposed and decided. Plain dicts.

    propose(entry, "2", stamp, by=43)
    decide(table, workers, patience=120)        # {44}: those that hang
    entry["serving"], entry["refused"]

It touches no file and loads no model: worker_registry keeps the table, rollout does what it says.
"""

from time import monotonic

__all__ = [
    "AHEAD",
    "DEATHS",
    "decide",
    "entry_of",
    "forget_refusals",
    "is_vote_for",
    "mark_preparing",
    "may_prepare",
    "propose",
]

AHEAD = 1.0  # seconds by which the worker that proposed goes ahead; a version that kills mostly does so at once
DEATHS = 2  # workers that may die while they load a version: one may have been killed for another reason


def entry_of(version=None, stamp=None):
    """A model's entry in the table, which is JSON.

    serving: the version, or None. stamp: the state of the store that was last looked at. unloaded: somebody asked for
    its not being served. proposal: None, or {"id", "version", "by", "since", "trying": pids, "died"}. refused: None,
    or {"version", "reason"}.
    """
    return {"serving": version, "stamp": stamp, "unloaded": False, "proposal": None, "refused": None}


def propose(entry, version, stamp, *, by):
    """That the model be at this version (None: at none); what was proposed before, or refused, is forgotten."""
    entry |= {"stamp": stamp, "proposal": None, "refused": None}
    if version != entry["serving"]:
        now = monotonic()
        entry["proposal"] = {
            "id": f"{by}-{now}",
            "version": version,
            "by": by,
            "since": now,
            "trying": [],
            "died": 0,
        }


def is_vote_for(votes, name, proposal):
    """Whether `votes`, {model: [id of a proposal, None or a reason]}, has one for this proposal."""
    return votes.get(name, [None])[0] == proposal["id"]


def may_prepare(name, proposal, workers, *, pid, full):
    """Whether worker `pid` may load the proposed version now: who proposed goes ahead. After a death they go one by
    one, and only while the server is at its full number: a version that kills must never kill the last."""
    if proposal["died"]:
        ready = [other for other, said in workers.items() if said["state"] == "ready"]
        return not set(proposal["trying"]) & workers.keys() - {pid} and len(ready) >= full
    if proposal["by"] == pid or monotonic() >= proposal["since"] + AHEAD:
        return True
    return is_vote_for(workers.get(proposal["by"], {}).get("votes", {}), name, proposal)


def mark_preparing(table, name, proposal, pid, begins):
    """Note that a worker begins to load what is proposed, or has ended it."""
    found = table.get(name, {}).get("proposal")
    if found and found["id"] == proposal["id"]:
        others = [other for other in found["trying"] if other != pid]
        found["trying"] = [*others, pid] if begins else others


def decide(table, workers, *, patience):
    """Decide what can be decided; returns the pids of those that hang while they load something.

    workers: what WorkerRegistry.workers() says, of those alive. Those that serve have a vote each.
    """
    late = set()
    voters = {pid: said["votes"] for pid, said in workers.items() if said["state"] in ("ready", "idle")}
    for name, entry in table.items():
        proposal = entry["proposal"]
        if not proposal:
            continue
        proposal["died"] += sum(pid not in workers for pid in proposal["trying"])
        proposal["trying"] = [pid for pid in proposal["trying"] if pid in workers]
        waiting = [pid for pid, votes in voters.items() if not is_vote_for(votes, name, proposal)]
        reasons = [votes[name][1] for votes in voters.values() if is_vote_for(votes, name, proposal) and votes[name][1]]
        if proposal["died"] >= DEATHS:
            reasons.append(f"{proposal['died']} workers died while they loaded it")
        elif waiting and monotonic() > proposal["since"] + patience:
            reasons.append(f"a worker has not loaded it within {patience:.0f} seconds")
            late |= {pid for pid in waiting if workers[pid].get("busy")}
        if reasons:
            entry |= {"proposal": None, "refused": {"version": proposal["version"], "reason": reasons[0]}}
        elif voters and not waiting:
            entry |= {"proposal": None, "serving": proposal["version"]}
    return late


def forget_refusals(table):
    """Let what was refused be proposed once more at the next look."""
    for entry in table.values():
        if entry["refused"]:
            entry["stamp"] = None
