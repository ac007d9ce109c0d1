"""The command line: python -m client (installed: daylight-client).

    daylight-client predict rows.csv               one prediction a line, as JSON
    daylight-client generate "Once upon a time"    the text that follows; --stream: as it is written
    daylight-client chat                           a conversation, one line of input per message
    daylight-client models                         the served models

Exit codes: 0 done; 1 the server refuses the request; 2 wrong usage, or a file that cannot be
read; 3 the server cannot be reached, is not ready or failed: a later try may succeed.
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

from .calls import Timeout
from .client import Client
from .errors import DaylightError, InvalidRequest
from .retries import Retries
from .streams import TextStream
from .version import __version__

__all__ = ["main"]

REFUSED, UNREADABLE, FAILED = 1, 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code. arguments: list of str; by default those of the process."""
    options = parser().parse_args(arguments)
    try:
        key = text_of(options.key_file).strip() if options.key_file else None
        timeout, retries = Timeout(read=options.timeout), Retries(options.retries)
        with Client(options.url, api_key=key, timeout=timeout, retries=retries) as client:
            options.command(client, options)
            sys.stdout.flush()
    except InvalidRequest as error:
        return report(error, REFUSED)
    except DaylightError as error:
        return report(error, FAILED)
    except BrokenPipeError:  # the reader of the output closed it, as `head` does; Python would fail again at its exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, OSError) as error:
        return report(error, UNREADABLE)
    except KeyboardInterrupt:
        return 130
    return 0


def report(error: Exception, code: int) -> int:
    """Print an error to standard error and return the exit code."""
    print(f"daylight-client: {error}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """The options of every command; `command` holds the function that runs it."""
    common_options = argparse.ArgumentParser(add_help=False)
    common_options.add_argument(
        "--url", default="http://127.0.0.1:1200", help="the server's URL (default: %(default)s)"
    )
    common_options.add_argument("--key-file", metavar="FILE", help="file with the API key, if the server requires one")
    common_options.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds to wait for a silent server (default: %(default)g)",
    )
    common_options.add_argument(
        "--retries",
        type=int,
        default=2,
        metavar="N",
        help="retries of a request at most (default: %(default)s)",
    )
    model_options = argparse.ArgumentParser(add_help=False)
    model_options.add_argument("--model", help="the model's name (default: the server's default)")
    model_options.add_argument("--model-version", metavar="V", help="one of its versions (default: the current one)")

    main_parser = argparse.ArgumentParser(prog="daylight-client", description="Ask a Daylight server.")
    main_parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = main_parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser(
        "predict", parents=[common_options, model_options], help="predict the rows of a .csv or .json file"
    )
    command.add_argument("rows", help="a .csv with a header line, a .json with rows, or - for either on standard input")
    command.add_argument("--outputs", help="what to compute, as in predict,predict_proba; each line is then an object")
    command.add_argument("--top-k", type=int, metavar="N", help="only the N most probable labels")
    command.set_defaults(command=predict)

    command = commands.add_parser("generate", parents=[common_options, model_options], help="continue a text")
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("text", nargs="?", help="the text")
    source.add_argument("--file", help='a .json file with {"text": "..."} or a string, or any other text file')
    for option, value_type in SAMPLING.items():
        command.add_argument(f"--{option.replace('_', '-')}", type=value_type, metavar="N")
    command.add_argument("--stop", action="append", metavar="TEXT", help="text that ends the completion; repeatable")
    command.add_argument("--stream", action="store_true", help="print the text as it is generated")
    command.set_defaults(command=generate)

    command = commands.add_parser("chat", parents=[common_options], help="talk to a model; tokens a second on stderr")
    command.add_argument("--model", help="the model's name (default: the server's default)")
    command.add_argument("--system", metavar="TEXT", help="the system message, before the conversation")
    for option, value_type in SAMPLING.items():
        command.add_argument(f"--{option.replace('_', '-')}", type=value_type, metavar="N")
    command.set_defaults(command=chat)

    command = commands.add_parser(
        "models", parents=[common_options], help="list the models; * marks the default of a kind"
    )
    command.set_defaults(command=models)
    return main_parser


SAMPLING = {"max_tokens": int, "temperature": float, "top_k": int, "top_p": float, "seed": int}


def predict(client: Client, options: argparse.Namespace) -> None:
    """Print one prediction per line, or one object per line if --outputs is given; warnings go to standard error."""
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
    """Print the text that follows a prompt."""
    sampling = {name: getattr(options, name) for name in SAMPLING}
    text = options.text if options.file is None else prompt_of(options.file)
    if options.stream:
        if options.model_version:
            raise ValueError("--stream writes with the current version of a model")
        print_stream(client.stream(text, options.model, stop=options.stop, **sampling))
    else:
        print(client.generate(text, options.model, version=options.model_version, stop=options.stop, **sampling))


def chat(client: Client, options: argparse.Namespace) -> None:
    """Answer each line of standard input; the model gets the conversation so far."""
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
            answer = print_stream(client.chat(messages, options.model, stream=True, **sampling))
            messages.append({"role": "assistant", "content": answer})


def print_stream(pieces: TextStream) -> str:
    """Print a stream as it arrives and its speed to standard error; return its text. An interrupt closes it."""
    started = monotonic()
    with pieces:
        for piece in pieces:
            print(piece, end="", flush=True)
    print()
    count = (pieces.usage or {}).get("completion_tokens", 0)
    print(f"{count} tokens, {count / (monotonic() - started):.1f} a second, {pieces.finish_reason}", file=sys.stderr)
    return pieces.text


def models(client: Client, options: argparse.Namespace) -> None:
    """Print one line per model: its name, kind and current version."""
    for model in client.models():
        mark = "*" if model.get("default") else ""
        print(f"{model['id'] + mark:24} {model['kind']:16} version {model.get('version')}")


def rows_of(name: str) -> Any:
    """The rows in a file, as Client.predict takes them: JSON is decoded here, CSV by the server."""
    content = content_of(name)
    start = content.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if name.endswith(".json") or (name == "-" and start in (b"[", b"{")):
        rows = json_of(name, decode(name, content))
        if not isinstance(rows, (dict, list)):
            raise ValueError(f"{name} holds neither a list of rows nor an object")
        if isinstance(rows, dict) and len(rows) == 1 and next(iter(rows)) in ("data", "instances", "inputs"):
            return next(iter(rows.values()))
        return rows
    return content


def prompt_of(name: str) -> str:
    """The prompt in a file: a .json file with a string or {"text": "..."}, or any other text file."""
    text = text_of(name)
    if not name.endswith(".json"):
        return text
    value = json_of(name, text)
    value = value.get("text") if isinstance(value, dict) else value
    if not isinstance(value, str):
        raise ValueError(f'{name} holds neither a string nor {{"text": "..."}}')
    return value


def content_of(name: str) -> bytes:
    """The bytes of a file; "-" is standard input."""
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def text_of(name: str) -> str:
    """The text of a file in UTF-8."""
    return decode(name, content_of(name))


def decode(name: str, content: bytes) -> str:
    """The text of a file's content, without a byte order mark. Raises ValueError if it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8: {error.reason} at byte {error.start}") from None


def json_of(name: str, text: str) -> Any:
    """The value of a file's text. Raises ValueError if it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not JSON: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
