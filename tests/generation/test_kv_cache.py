"""Slots give memory back, and only their own."""

from service.generation.kv_cache import HostSlots


def test_clear_returns_a_slots_memory():
    slots = HostSlots([(2, 16), (2, 16)], count=4, length=4096)
    slots.buffers[0][:] = 1
    slots.buffers[1][:] = 2
    slots.clear(1)
    assert slots.buffers[0][1].max() == slots.buffers[1][1].max() == 0
    assert slots.buffers[0][[0, 2, 3]].min() == 1
    assert slots.buffers[1][[0, 2, 3]].min() == 2


def test_clear_leaves_the_pages_of_neighbors_alone():
    slots = HostSlots([(1, 16)], count=8, length=7)
    slots.buffers[0][:] = 1
    for slot in (3, 0, 7):
        slots.clear(slot)
    assert slots.buffers[0][[1, 2, 4, 5, 6]].min() == 1
