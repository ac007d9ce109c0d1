"""The code blocks of a page, as steps that can be taken one after the other.

    steps(PAGES["docs/start.md"])       # [Step("python", "import joblib\\n...", file="train.py"), Step("shell", ...)]

`bash` holds commands; `console` commands behind `$ ` and what they print; `python` a program, or a file where the
sentence before it says "This is `churn.py`"; `json` directly behind commands is what the last of them prints. Other
languages (`text`, `mermaid`, ...) are to be read.
"""

import json
import re
import shlex
from dataclasses import dataclass, replace

from benchmarks.support.serving import ROOT

__all__ = ["FENCE", "PAGES", "Step", "agrees", "steps"]

PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in (ROOT / "README.md", ROOT / "client" / "README.md", *sorted(ROOT.glob("*.md")), *ROOT.glob("docs/*.md"))
}
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"(?:This is|Save this as)\s`([\w.-]+\.\w+)`[^`]*\Z")
PROMPT = re.compile(r"^\$ ", re.MULTILINE)
# What differs from run to run: who ran it, ids, numbers and dates.
VARYING = [
    (re.compile(r"\S+@[\w.-]+"), "who@host"),
    (re.compile(r"\b(?=\w*\d)[0-9a-f]{8,64}\b"), "0"),
    (re.compile(r"\d+(?:[\d.,:T]*\d)?(?:e[+-]?\d+)?"), "0"),
]


@dataclass(frozen=True)
class Step:
    language: str  # shell or python
    text: str  # one command, or one program
    shown: str = ""  # what the page says that it prints
    file: str | None = None  # where a program is written, which is then not run


def steps(path):
    """The steps of a page, in its order."""
    page, found, end, typed = path.read_text(encoding="utf-8"), [], 0, False
    for block in FENCE.finditer(page):
        before, (language, text) = page[end : block.start()].strip(), block.groups()
        end = block.end()
        if language == "bash":
            found += [Step("shell", command) for command in commands(text)]
        elif language == "console":
            found += [console(part) for part in PROMPT.split(text)[1:]]
        elif language == "python":
            named = NAMED.search(before)
            found.append(Step("python", text, file=named and named[1]))
        elif language == "json" and typed and not before:
            found[-1] = replace(found[-1], shown=text)
        typed = language == "bash"
    return found


def commands(text):
    """The commands of a block: a line each, or several where one ends with a backslash or within quotes."""
    lines = []
    for line in text.splitlines():
        lines.append(line)
        if whole("\n".join(lines)):
            command, lines = "\n".join(lines).strip(), []
            if shlex.split(command, comments=True):
                yield command
    assert not lines, f"a command without an end: {lines}"


def whole(command):
    try:
        shlex.split(command, comments=True)
    except ValueError:  # no closing quotation, or nothing behind a backslash
        return False
    return not command.endswith("\\")


def console(text):
    """A command and what stands below it."""
    lines = text.splitlines()
    count = next(count for count in range(1, len(lines) + 1) if whole("\n".join(lines[:count])))
    return Step("shell", "\n".join(lines[:count]), "\n".join(lines[count:]).strip("\n"))


def agrees(shown, printed):
    """The first shown line that was not printed, or None.

    They come in their order; numbers, dates and hosts may differ. `...` stands for any text within a line, and for
    any line where it is alone. JSON is compared as JSON.
    """
    if (found := tidy(shown)) != shown:
        shown, printed = found, tidy(printed)
    printed = iter([pattern_free(line) for line in printed.splitlines()])
    for line in shown.splitlines():
        wanted = re.compile(".*".join(re.escape(part) for part in pattern_free(line).split("...")))
        if not any(wanted.fullmatch(each) for each in printed):
            return line
    return None


def pattern_free(line):
    for pattern, word in VARYING:
        line = pattern.sub(word, line)
    return " ".join(line.split())


def tidy(text):
    """JSON in one form, however it is broken into lines."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return text
