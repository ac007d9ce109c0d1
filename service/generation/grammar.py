"""A constraint as a grammar that llguidance follows token by token, bounded in time and memory.

    matcher(tokenizer, grammar({"type": "choice", "choices": ["yes", "no"]}))      # an LLMatcher, or a ValueError

This file is also a program: it reads grammars from its standard input and tries them out, in a process that can be
killed. Even within llguidance's own bounds, a few lines of JSON can ask for an automaton of millions of states
("multipleOf": 62615533).
"""

from __future__ import annotations

import json
import resource
import sys
from typing import TYPE_CHECKING, Any

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions

__all__ = ["SEPARATOR", "grammar", "matcher", "trials"]

TRIAL_SECONDS, TRIAL_BYTES = 2, 2**30  # of processor time and of address space
TRIAL_TOKENS = 40  # single bytes
SEPARATOR = "\0"  # between the grammars of one trial

# JSON is written as Python writes it: where any white space is allowed, small models generate nothing else.
JSON_STYLE: JsonCompileOptions = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": False,
}


def grammar(constraint: dict[str, Any], *, trial: bool = False) -> str:
    """SamplingParams.constraint as a grammar, which is not checked yet. Raises ValueError.

    trial: for a tokenizer of bytes, which has none of the model's special tokens: a byte stands for each.
    """
    from .json_schema import followable  # not at the top: as a program, this file is in no package

    match constraint:
        case {"type": "json_schema", "schema": schema}:
            return LLMatcher.grammar_from_json_schema(followable(schema), overrides=JSON_STYLE)
        case {"type": "json_object"}:
            return LLMatcher.grammar_from_json_schema({"type": "object"}, overrides=JSON_STYLE)
        case {"type": "regex", "pattern": pattern}:
            return LLMatcher.grammar_from_regex(pattern)
        case {"type": "choice", "choices": choices}:
            return LLMatcher.grammar_from_lark("start: " + " | ".join(json.dumps(choice) for choice in choices))
        case {"type": "lark", "rules": rules, "schemas": schemas, "tokens": tokens}:
            followed = {name: {**followable(schemas[name]), "x-guidance": JSON_STYLE} for name in schemas}
            objects = [f"{name}: %json {json.dumps(schema)}" for name, schema in followed.items()]
            special = [f"{name}: {json.dumps(chr(1)) if trial else list_of(ids)}" for name, ids in tokens.items()]
            return LLMatcher.grammar_from_lark("\n".join([*rules, *objects, *special]))
        case _:
            raise ValueError(f"there is no constraint of type {constraint.get('type')!r}")


def trials(constraint: dict[str, Any]) -> list[str]:
    """The grammars that are tried out for a constraint. Raises ValueError.

    What may be deep within a grammar, behind text of any length, is tried out by itself, too.
    """
    schemas = constraint["schemas"].values() if constraint["type"] == "lark" else ()
    within = [grammar({"type": "json_schema", "schema": schema}) for schema in schemas]
    return [grammar(constraint, trial=True), *within]


def list_of(token_ids: list[int]) -> str:
    """Any of these tokens, as Lark's rules of llguidance write it."""
    return f"<[{','.join(map(str, token_ids))}]>"


def matcher(tokenizer: LLTokenizer, grammar: str) -> LLMatcher:
    """An LLMatcher at the start of a text. Raises ValueError that says what is wrong with the grammar."""
    new = LLMatcher(tokenizer, grammar, log_level=0, limits=limits())
    # The first mask takes longer than all others together: it is computed on the request's thread, not the engine's.
    if not new.is_error():
        new.compute_bitmask()
    if new.is_error():
        raise ValueError(first_error(new.get_error()))
    return new


def limits() -> LLParserLimits:
    """Far above what real programs' schemas need. All running sequences wait while a mask is computed."""
    return LLParserLimits(
        initial_lexer_fuel=500_000,
        step_lexer_fuel=100_000,
        step_max_items=20_000,
        max_grammar_size=100_000,
        max_lexer_states=20_000,
        verbose_errors=False,
    )


def first_error(error: str) -> str:
    """llguidance's own words, without the line of the grammar that they point at."""
    if error.startswith("NoExtension"):
        return "no text can satisfy it"
    lines = [line.strip() for line in error.splitlines()]
    messages = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")] or lines
    return messages[0].partition(" (in ")[0][:200]


def follow(matcher: LLMatcher) -> None:
    """Generate a text of a few allowed bytes. Raises ValueError where that exceeds the limits already."""
    for step in range(TRIAL_TOKENS):
        mask = matcher.compute_bitmask()
        allowed = [8 * index + bit for index, byte in enumerate(mask) for bit in range(8) if byte >> bit & 1]
        if not matcher.is_error():
            if matcher.is_stopped() or not allowed:
                return
            matcher.consume_token(allowed[step % len(allowed)])
        if matcher.is_error():
            raise ValueError("it is too complex")


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (TRIAL_SECONDS, TRIAL_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (TRIAL_BYTES, TRIAL_BYTES))
    try:
        for text in sys.stdin.buffer.read().decode().split(SEPARATOR):
            follow(matcher(LLTokenizer("byte"), text))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
