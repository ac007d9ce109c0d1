"""The small files by which the workers of a server tell each other what they do."""

from service.server.lifecycle.worker_registry import WorkerRegistry


def test_half_a_note_costs_itself_alone(tmp_path):
    """The operations page answered 500 from then on: a full folder had taken half of a line."""
    registry = WorkerRegistry(tmp_path, master=1)
    registry.note_asked("m", "load", "ada")
    with open(registry.folder / "asked", "a") as file:
        file.write('{"name": "m", "wh')
    registry.note_asked("n", "load", None)
    registry.note_asked("m", "unload", None)
    assert [(each["what"], each["key"]) for each in registry.asked("m")] == [("load", "ada"), ("unload", "")]
    assert [each["what"] for each in registry.asked("n")] == ["load"]
