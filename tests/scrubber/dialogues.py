"""Generated conversations through the real scrubber and restorer, with a made-up model and client.

The model writes the placeholders that it sees, in many ways, as streamed text and tool inputs. The
client runs the tools on its files, hands work to subagents, remembers things in a file, summarises
and goes on with the summary alone, and begins new sessions. Everything it sends is checked: no
value that was ever replaced is in it, and it begins with what was sent before.

``python -m tests.scrubber.dialogues COUNT [SEED]`` runs many.
"""

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from app.anthropic.records import parse
from app.anthropic.sse import Splitter
from app.scrubber.redact.scrubber import Scrubber
from app.scrubber.restore.sinks import ToolPolicy
from app.scrubber.restore.table import Plan
from tests.scrubber.corpus import CONTEXTS, SHAPES, gutter
from tests.scrubber.restore.answering import Answering
from tests.scrubber.scrubbing import scrubber

TURNS = (6, 9)
SPELLED_ASCII = 0.5  # share of requests: the spelling of a text may change from one to the next
PLACEHOLDER = re.compile(r"<[A-Z_]+_(?:[0-9]+|HMAC:[0-9A-F]+)>")
# Ways in which a model writes a placeholder.
WRITTEN = (
    "{}",
    "`{}`",
    "'{}'",
    '"{}"',
    "({})",
    "{}.",
    "{}, and",
    "KEY={}",
    "{}?sslmode=require",
    "Authorization: Bearer {}",
    "x{}",
    "{}/path",
    "-H 'X: {}'",
    "<b>{}</b>",
    "**{}**",
    "{}\n",
)
TOOLS = [{"name": name, "description": "Works on files.", "input_schema": {}} for name in ("Read",)]
Message = dict[str, Any]


class Leak(AssertionError):
    """A value that was replaced before went upstream in clear."""


@dataclass
class World:
    """A machine with files, and everything that was ever replaced on it."""

    draw: random.Random
    scrubber: Scrubber
    files: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def prose(self, *placeholders: str) -> str:
        """Return a model's text."""
        words = ["The", "value", "is", "set", "there"]
        for shown in placeholders:
            words.insert(self.draw.randrange(6), self.draw.choice(WRITTEN).format(shown))
        return " ".join(words)


@dataclass
class Session:
    """One conversation as the client keeps it."""

    world: World
    messages: list[Message] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)
    depth: int = 0

    def say(self, text: str) -> None:
        """Let the user say something, or a tool's result come."""
        self.messages.append({"role": "user", "content": [{"type": "text", "text": text}]})

    def ask(self, plan: "Script | None" = None) -> list[Any]:
        """Send the conversation; return the answer as the client reads it, and keep it."""
        world = self.world
        body = json.dumps(
            {
                "model": "m",
                "messages": self.messages,
                "system": "You work on files.",
                "tools": TOOLS,
                "stream": True,
            },
            ensure_ascii=world.draw.random() < SPELLED_ASCII,
        ).encode()
        redaction = world.scrubber.redact(body, None, "POST")
        assert redaction.report.skipped is None
        read = json.loads(redaction.body)
        self._check(read)
        world.hidden |= {hidden.value for hidden in redaction.placeholders.values()}
        self._check(read)
        visible = sorted(set(PLACEHOLDER.findall(json.dumps(read["messages"]))))
        blocks = (plan or model)(world, visible)
        answer = streamed(blocks, world.draw)
        if redaction.placeholders:
            rules_of_answer = Plan(
                redaction.placeholders,
                world.scrubber.recognizer,
                redaction.foreign,
                ToolPolicy.parse("mcp__*"),
            )
            restorer = Answering(rules_of_answer, "text/event-stream", None)
            answer = restorer.pass_on(answer) + restorer.close()
            world.counts["restored"] += sum(restorer.restored.values())
            world.counts.update({f"refused {why}": n for why, n in restorer.refused.items()})
        content = assembled(answer)
        self.messages.append({"role": "assistant", "content": content})
        self.sent = read["messages"]
        world.counts["requests"] += 1
        return content

    def _check(self, read: Any) -> None:
        for text in sendable(read):
            for value in self.world.hidden:
                if value in text:
                    raise Leak(f"{value!r} in {text!r}")
        if read["messages"][: len(self.sent)] != self.sent:
            raise AssertionError("what was sent before has changed")


Script = Any  # (world, placeholders in sight) -> blocks


def model(world: World, visible: list[str]) -> list[dict[str, Any]]:
    """Return what the model says: thoughts, words and perhaps a tool."""
    draw = world.draw

    def some(most: int = 3) -> list[str]:
        chosen = draw.sample(visible, min(len(visible), draw.randrange(most + 1)))
        return [*chosen, "<GITHUB_TOKEN_9>"] if draw.random() < 0.1 else chosen

    blocks: list[dict[str, Any]] = []
    if draw.random() < 0.3:
        thought = world.prose(*some())
        blocks.append({"type": "thinking", "thinking": thought, "signature": "c2lnbmF0dXJl"})
    blocks.append({"type": "text", "text": world.prose(*some())})
    name = draw.choice([*RUN, None])
    if name is not None:
        text = "\n".join(world.prose(*some()) for _ in range(draw.randrange(1, 4)))
        path = draw.choice([*world.files, "notes.md", "MEMORY.md"])
        given = {"path": path, "content": text, "nested": {"labels": {"token": text[:60]}}}
        blocks.append({"type": "tool_use", "id": "toolu_1", "name": name, "input": given})
    return blocks


def _write(session: Session, given: dict[str, Any]) -> str:
    session.world.files[given["path"]] = given["content"]
    return "written"


def _read(session: Session, given: dict[str, Any]) -> str:
    return gutter(session.world.files.get(given["path"], "no such file"))


def _run(_: Session, given: dict[str, Any]) -> str:
    return "+ " + str(given["content"])


def _delegate(session: Session, given: dict[str, Any]) -> str:
    if session.depth:
        return "no agents here"
    agent = Session(session.world, depth=1)
    agent.say(f"Do this:\n{given['content']}")
    for _ in range(2):
        turn(agent)
    return "The agent says: " + " ".join(words(agent.messages[-1]["content"]))


def _remember(session: Session, given: dict[str, Any]) -> str:
    memory = session.world.files.setdefault("MEMORY.md", "")
    session.world.files["MEMORY.md"] = f"{memory}\n- {given['content']}"
    return "remembered"


def _fail(_: Session, given: dict[str, Any]) -> str:
    return f"Failed to fetch {given['content']}"


RUN = {
    "Write": _write,
    "Read": _read,
    "Bash": _run,
    "Task": _delegate,
    "mcp__notes__add": _remember,
    "WebFetch": _fail,
}


def turn(session: Session, script: Script | None = None) -> None:
    """Let the model answer, and run the tool it calls."""
    for block in session.ask(script):
        if block["type"] == "tool_use":
            result = RUN[block["name"]](session, block["input"])
            one = {"type": "tool_result", "tool_use_id": block["id"], "content": result}
            session.messages.append({"role": "user", "content": [one]})
            return
    session.say("Go on.")


def words(content: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the texts of an answer."""
    return (block["text"] for block in content if block["type"] == "text")


def summarised(session: Session) -> Session:
    """Return the session that goes on with a summary of this one alone."""
    session.say("Summarise the conversation.")
    content = session.ask(
        lambda world, visible: [{"type": "text", "text": world.prose(*visible[:6])}]
    )
    new = Session(session.world)
    new.say("Summary: " + " ".join(words(content)))
    return new


def contents(world: World) -> str:
    """Return a file whose secrets are found in a session that begins with it.

    Whether they are found is the corpus' question: here it is what becomes of them then.
    """
    draw = world.draw
    while True:
        secrets = [draw.choice(draw.choice(list(SHAPES.values())))(draw) for _ in range(3)]
        text = "\n".join(draw.choice(CONTEXTS).replace("{}", secret) for secret in secrets)
        plain, numbered = (
            world.scrubber.redact(json.dumps({"messages": [one]}).encode(), None, "POST")
            for one in (text, gutter(text))
        )
        left = json.loads(plain.body)["messages"][0] + json.loads(numbered.body)["messages"][0]
        if not any(hidden.value in left for hidden in plain.placeholders.values()):
            return text
        world.counts["files not found alike"] += 1


def converse(seed: int, scrubber: Scrubber) -> Counter[str]:
    """Run one conversation to its end; return what was counted."""
    draw = random.Random(seed)
    world = World(draw, scrubber)
    for number in range(3):
        world.files[f"file{number}.txt"] = contents(world)
    password = "".join(draw.choices("abcdefghjkmnp23456789", k=12)) + "x7"
    world.files[".env"] = (
        f"DATABASE_URL=postgres://app:{password}@db.example.net/app\nDB_PASSWORD={password}\n"
    )
    session = Session(world)
    session.say("Look at this:\n" + world.files[draw.choice(list(world.files))])
    for _ in range(draw.randint(*TURNS)):
        turn(session)
        if draw.random() < 0.12:
            session = summarised(session)
        elif draw.random() < 0.08:
            session = Session(world)
            session.say("Remember:\n" + world.files.get("MEMORY.md", "nothing"))
    world.counts["conversations"] += 1
    return world.counts


def streamed(blocks: list[dict[str, Any]], draw: random.Random) -> bytes:
    """Return an answer as events, its texts cut at random."""
    made = bytearray()

    def event(kind: str, **members: Any) -> None:
        data = json.dumps({"type": kind, **members}, ensure_ascii=False)
        made.extend(f"event: {kind}\ndata: {data}\n\n".encode())

    for index, block in enumerate(blocks):
        member, delta, given = {
            "text": ("text", "text_delta", block.get("text")),
            "thinking": ("thinking", "thinking_delta", block.get("thinking")),
            "tool_use": ("partial_json", "input_json_delta", json.dumps(block.get("input"))),
        }[block["type"]]
        text = str(given)
        empty = {"text": "", "thinking": "", "input": {}}
        start = {name: empty.get(name, value) for name, value in block.items()}
        event("content_block_start", index=index, content_block=start)
        at = 0
        while at < len(text):
            size = draw.randrange(1, 30)
            piece = text[at : at + size]
            event("content_block_delta", index=index, delta={"type": delta, member: piece})
            at += size
        event("content_block_stop", index=index)
    event("message_stop")
    return bytes(made)


def assembled(answer: bytes) -> list[Any]:
    """Return the content blocks of a stream, as a client puts them together."""
    blocks: dict[int, Any] = {}
    inputs: dict[int, str] = {}
    for record in Splitter().feed(answer):
        event = json.loads(parse(record.raw).data)
        index = event.get("index")
        if event["type"] == "content_block_start":
            blocks[index] = event["content_block"]
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            if delta["type"] == "input_json_delta":
                inputs[index] = inputs.get(index, "") + delta["partial_json"]
            else:
                member = delta["type"].removesuffix("_delta")
                blocks[index][member] += delta[member]
    for index, text in inputs.items():
        blocks[index]["input"] = json.loads(text)
    return list(blocks.values())


def sendable(node: Any) -> Iterator[str]:
    """Yield every string and name of a request, except thinking."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for one in node:
            yield from sendable(one)
    elif isinstance(node, dict):
        for name, one in node.items():
            if name != "thinking":
                yield name
                yield from sendable(one)


def run(count: int, seed: int = 0) -> Counter[str]:
    """Run conversations; raise the first fault, with its seed."""
    used, total = scrubber(), Counter[str]()
    for number in range(seed, seed + count):
        try:
            total += converse(number, used)
        except AssertionError as fault:
            raise type(fault)(f"seed {number}: {fault}") from fault
    return total


if __name__ == "__main__":
    print(dict(run(*map(int, sys.argv[1:]))))  # noqa: T201
