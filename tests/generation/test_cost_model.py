"""How much of a prompt is prefilled between two decode steps."""

from service.generation.cost_model import StepCostModel


def test_chunk_size_fills_the_pause_of_the_decoding_rows():
    costs = StepCostModel()
    rows = {"decoding": 4, "joining": 1}
    assert costs.chunk_size(500, 0, **rows) == costs.chunk_size(500, 9, decoding=0, joining=1) == 64
    costs.record_step(0.05, rows=4)
    costs.record_prefill(0.4, tokens=184)  # 2 ms each, and those of 16 more for the weights
    assert costs.chunk_size(500, 0, decoding=0, joining=1) == 109  # a quarter of a second: CHUNK_SECONDS
    assert costs.chunk_size(500, 0, **rows) == 21
    assert costs.chunk_size(500, 0.005, **rows) == 19
    assert costs.chunk_size(500, 0.015, **rows) == 0  # 14 more would take as long as 16
    assert costs.chunk_size(9, 0.015, **rows) == 9  # unless there are no more
    assert costs.chunk_size(500, 9, **rows) == 0
    for _ in range(40):
        costs.record_prefill(1.16, tokens=100)  # 10 ms each: 16 take longer than they should, but every prompt advances
    assert costs.chunk_size(500, 0, **rows) == 16


def test_the_pause_grows_with_the_share_of_joining_prompts():
    costs = StepCostModel()
    costs.record_step(0.05, rows=4)
    costs.record_prefill(0.2, tokens=184)  # 1 ms each
    assert [costs.chunk_size(500, 0, decoding=16, joining=joining) for joining in (1, 5, 9)] == [59, 77, 96]
    assert costs.chunk_size(500, 0, decoding=1, joining=7) == 234  # a quarter of a second: CHUNK_SECONDS
    assert costs.chunk_size(500, 0.25, decoding=1, joining=7) == 234
    assert costs.chunk_size(500, 0.5, decoding=1, joining=7) == 0


def test_a_minority_of_rows_pauses_a_quarter_of_a_second():
    """Of 16 texts that came together, the first once wrote eight tokens by itself before the last was read."""
    costs = StepCostModel()
    costs.record_step(0.02, rows=8)
    costs.record_prefill(0.2, tokens=184)  # 1 ms each
    assert [costs.chunk_size(100, 0.1, decoding=8, joining=joining) for joining in (1, 7, 8)] == [0, 0, 100]
    assert costs.chunk_size(100, 0.25, decoding=8, joining=8) == 0


def test_step_seconds_are_of_the_nearest_number_of_rows():
    costs = StepCostModel()
    assert costs.step_seconds(4) == 0
    costs.record_step(0.02, rows=1)
    costs.record_step(0.05, rows=16)
    assert [costs.step_seconds(rows) for rows in (0, 1, 8, 9, 16, 40)] == [0.02, 0.02, 0.02, 0.05, 0.05, 0.05]


def test_the_pause_for_many_prompts_is_a_second_at_most():
    costs = StepCostModel()
    costs.record_step(0.2, rows=1)
    costs.record_prefill(2.0, tokens=184)  # 10 ms each
    assert [costs.chunk_size(500, spent, decoding=1, joining=15) for spent in (0, 0.3, 0.6, 0.9)] == [16, 16, 16, 0]
    costs.record_step(1.0, rows=2)  # as long as that anyway
    assert costs.chunk_size(500, 0, decoding=2, joining=14) == 134


def test_a_short_rest_is_added_to_the_last_chunk():
    """Prompts of 18 tokens were read in chunks of 16 and 2, of which the second took as long as the first."""
    costs = StepCostModel()
    costs.record_step(0.05, rows=4)
    costs.record_prefill(0.4, tokens=184)
    assert [costs.chunk_size(left, 0, decoding=4, joining=1) for left in (18, 21, 36, 37)] == [18, 21, 36, 21]


def test_a_prompt_that_nobody_waits_beside_is_read_in_larger_chunks_on_a_slow_machine():
    """Behind 7,600 tokens, or beside other processes, a token took so long that chunks shrank to 16 tokens, each of
    which costs twice what it costs in a chunk of 64: a prompt of the whole context took minutes more."""
    costs = StepCostModel()
    costs.record_step(0.2, rows=1)
    costs.record_prefill(8.0, tokens=64)  # 100 ms each
    assert costs.chunk_size(8000, 0, decoding=0, joining=1) == 64
    assert costs.chunk_size(8000, 0, decoding=1, joining=1) == 16
