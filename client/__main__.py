"""The command line: python -m client (installed: daylight-client).

    daylight-client predict rows.csv               one prediction a line, as JSON
    daylight-client generate "Once upon a time"    the text that follows; --stream: as it is written
    daylight-client chat                           a conversation, a line at a time
    daylight-client models                         what the server has

Exit codes: 0 done; 1 the server refuses the request; 2 wrong usage, or a file that cannot be
read; 3 the server cannot be reached, is not ready or failed, so trying again later may help.
"""

from __future__ import annotations

import argparse
import codecs
import json
import os
import sys
from pathlib import Path
from time import monotonic
from typing import Any

from .client import Client
from .errors import DaylightError, InvalidRequest
from .retries import Retries
from .streams import TextStream
from .transport import Timeout
from .version import __version__

__all__ = ["main"]

REFUSED, UNREADABLE, FAILED = 1, 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code. arguments: list of str, default those of the process."""
    options = parser().parse_args(arguments)
    try:
        key = text_of(options.key_file).strip() if options.key_file else None
        limits, retries = Timeout(read=options.timeout), Retries(options.retries)
        with Client(options.url, api_key=key, timeout=limits, retries=retries) as client:
            options.command(client, options)
            sys.stdout.flush()
    except InvalidRequest as error:
        return failed(error, REFUSED)
    except DaylightError as error:
        return failed(error, FAILED)
    except BrokenPipeError:  # the reader of our output has enough, as `head` has; so has Python, at its exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, OSError) as error:
        return failed(error, UNREADABLE)
    except KeyboardInterrupt:
        return 130
    return 0


def failed(error: Exception, code: int) -> int:
    print(f"daylight-client: {error}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--url", default="http://127.0.0.1:1200", help="where the server is (default: %(default)s)")
    common.add_argument("--key-file", metavar="FILE", help="holds the API key, where the server asks for one")
    common.add_argument(
        "--timeout", type=float, default=60.0, metavar="S", help="seconds of silence to wait (default: %(default)g)"
    )
    common.add_argument(
        "--retries",
        type=int,
        default=2,
        metavar="N",
        help="tries after the first, where it may help (default: %(default)s)",
    )
    chosen = argparse.ArgumentParser(add_help=False)
    chosen.add_argument("--model", help="the model's name (default: the server's default)")
    chosen.add_argument("--model-version", metavar="V", help="one of its versions (default: the current one)")

    commands_parser = argparse.ArgumentParser(prog="daylight-client", description="Ask a Daylight server.")
    commands_parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = commands_parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("predict", parents=[common, chosen], help="predict the rows of a .csv or .json file")
    command.add_argument("rows", help="a .csv with a header line, a .json with rows, or - for either on standard input")
    command.add_argument("--outputs", help="what to compute, as in predict,predict_proba; each line is then an object")
    command.add_argument("--top-k", type=int, metavar="N", help="only the N most probable labels")
    command.set_defaults(command=predict)

    command = commands.add_parser("generate", parents=[common, chosen], help="continue a text")
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("text", nargs="?", help="the text")
    source.add_argument("--file", help='a .json file with {"text": "..."} or a string, or any other text file')
    for option, kind in SAMPLING.items():
        command.add_argument(f"--{option.replace('_', '-')}", type=kind, metavar="N")
    command.add_argument("--stop", action="append", metavar="TEXT", help="ends the completion; repeatable")
    command.add_argument("--stream", action="store_true", help="print it as it is written")
    command.set_defaults(command=generate)

    command = commands.add_parser("chat", parents=[common], help="talk to a model; tokens a second on stderr")
    command.add_argument("--model", help="the model's name (default: the server's default)")
    command.add_argument("--system", metavar="TEXT", help="what the model is told before the conversation")
    for option, kind in SAMPLING.items():
        command.add_argument(f"--{option.replace('_', '-')}", type=kind, metavar="N")
    command.set_defaults(command=chat)

    command = commands.add_parser("models", parents=[common], help="list the models; * marks the default of its kind")
    command.set_defaults(command=models)
    return commands_parser


SAMPLING = {"max_tokens": int, "temperature": float, "top_k": int, "top_p": float, "seed": int}


def predict(client: Client, options: argparse.Namespace) -> None:
    """One prediction a line; where outputs were asked for, one object a line."""
    model = options.model or client.default("tabular")
    outputs = options.outputs.split(",") if options.outputs else None
    answer = client.predict(
        rows_of(options.rows), model, version=options.model_version, outputs=outputs, top_k=options.top_k
    )
    for warning in answer.warnings:
        print(f"daylight-client: {warning}", file=sys.stderr)
    lines = [dict(zip(answer.outputs, row)) for row in zip(*answer.outputs.values())] if outputs else answer
    for line in lines:
        print(json.dumps(line, ensure_ascii=False))


def generate(client: Client, options: argparse.Namespace) -> None:
    sampling = {name: getattr(options, name) for name in SAMPLING}
    text = options.text if options.file is None else prompt_of(options.file)
    if options.stream:
        if options.model_version:
            raise ValueError("--stream writes with the current version of a model")
        shown(client.stream(text, options.model, stop=options.stop, **sampling))
    else:
        print(client.generate(text, options.model, version=options.model_version, stop=options.stop, **sampling))


def chat(client: Client, options: argparse.Namespace) -> None:
    """Lines of standard input, each answered with all that was said before."""
    messages = [{"role": "system", "content": options.system}] if options.system else []
    sampling = {name: getattr(options, name) for name in SAMPLING}
    prompt = "> " if sys.stdin.isatty() else ""
    while True:
        print(prompt, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            messages.append({"role": "user", "content": line.strip()})
            answer = shown(client.chat(messages, options.model, stream=True, **sampling))
            messages.append({"role": "assistant", "content": answer})


def shown(pieces: TextStream) -> str:
    """Print a stream as it comes, how quick it was on stderr, and return its text; an interrupt ends it."""
    began = monotonic()
    with pieces:
        for piece in pieces:
            print(piece, end="", flush=True)
    print()
    count = (pieces.usage or {}).get("completion_tokens", 0)
    print(f"{count} tokens, {count / (monotonic() - began):.1f} a second, {pieces.finish_reason}", file=sys.stderr)
    return pieces.text


def models(client: Client, options: argparse.Namespace) -> None:
    for entry in client.models():
        mark = "*" if entry.get("default") else ""
        print(f"{entry['id'] + mark:24} {entry['kind']:16} version {entry.get('version')}")


def rows_of(name: str) -> Any:
    """The table in a file, as Client.predict takes it: JSON is read here, CSV by the server."""
    content = content_of(name)
    start = content.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if name.endswith(".json") or (name == "-" and start in (b"[", b"{")):
        rows = json_of(name, decoded(name, content))
        if not isinstance(rows, (dict, list)):
            raise ValueError(f"{name} holds neither a list of rows nor an object")
        if isinstance(rows, dict) and len(rows) == 1 and next(iter(rows)) in ("data", "instances", "inputs"):
            return next(iter(rows.values()))
        return rows
    return content


def prompt_of(name: str) -> str:
    text = text_of(name)
    if not name.endswith(".json"):
        return text
    value = json_of(name, text)
    value = value.get("text") if isinstance(value, dict) else value
    if not isinstance(value, str):
        raise ValueError(f'{name} holds neither a string nor {{"text": "..."}}')
    return value


def content_of(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def text_of(name: str) -> str:
    return decoded(name, content_of(name))


def decoded(name: str, content: bytes) -> str:
    """A file's text, without the byte order mark that some programs put before UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8: {error.reason} at byte {error.start}") from None


def json_of(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not JSON: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
