"""What a constraint allows, as a grammar that llguidance follows token by token; bounded in time and memory.

matcher(tokenizer, grammar({"type": "choice", "choices": ["yes", "no"]}))      # an LLMatcher, or a ValueError

It is also a program: it reads a grammar and tries it out, in a process that can be killed. Within the bounds below
a few lines of JSON still ask for an automaton of millions of states ("multipleOf": 62615533).
"""

import json
import resource
import sys

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

__all__ = ["grammar", "matcher"]

TRIAL_SECONDS, TRIAL_BYTES = 2, 2**30  # processor time and addresses
WALK = 40  # bytes of a text, as a trial

# JSON is written as Python writes it. Were any white space allowed, small models would write nothing else.
JSON = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ", "lenient": False}


def grammar(constraint):
    """A constraint as SamplingParams holds it -> a grammar: a string. It is not checked."""
    match constraint:
        case {"type": "json_schema", "schema": schema}:
            return LLMatcher.grammar_from_json_schema(schema, overrides=JSON)
        case {"type": "json_object"}:
            return LLMatcher.grammar_from_json_schema({"type": "object"}, overrides=JSON)
        case {"type": "regex", "pattern": pattern}:
            return LLMatcher.grammar_from_regex(pattern)
        case {"type": "choice", "choices": choices}:
            return LLMatcher.grammar_from_lark("start: " + " | ".join(json.dumps(one) for one in choices))


def matcher(tokenizer, grammar):
    """An LLMatcher at its beginning. Raises ValueError saying what is wrong with the grammar."""
    # The first mask costs more than all others: it is made here, on the thread of whoever asks.
    made = LLMatcher(tokenizer, grammar, log_level=0, limits=limits())
    if not made.is_error():
        made.compute_bitmask()
    if made.is_error():
        raise ValueError(told(made.get_error()))
    return made


def limits():
    """Far above what schemas of programs need. A mask is made between two steps that everybody waits for."""
    return LLParserLimits(
        initial_lexer_fuel=500_000,
        step_lexer_fuel=100_000,
        step_max_items=20_000,
        max_grammar_size=100_000,
        max_lexer_states=20_000,
        verbose_errors=False,
    )


def told(error):
    """llguidance's own words, without the line of the grammar it points at."""
    if error.startswith("NoExtension"):
        return "no text can satisfy it"
    lines = [line.strip() for line in error.splitlines()]
    words = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")] or lines
    return words[0].partition(" (in ")[0][:200]


def walk(matcher):
    """Write a text of a few bytes, any that may come. Raises ValueError where that is too much work already."""
    for place in range(WALK):
        allowed = [
            8 * at + bit for at, byte in enumerate(matcher.compute_bitmask()) for bit in range(8) if byte >> bit & 1
        ]
        if not matcher.is_error():
            if matcher.is_stopped() or not allowed:
                return
            matcher.consume_token(allowed[place % len(allowed)])
        if matcher.is_error():
            raise ValueError("it is too complex")


def main():
    resource.setrlimit(resource.RLIMIT_CPU, (TRIAL_SECONDS, TRIAL_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (TRIAL_BYTES, TRIAL_BYTES))
    try:
        walk(matcher(LLTokenizer("byte"), sys.stdin.buffer.read().decode()))
    except ValueError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
