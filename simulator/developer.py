"""A developer of the demo, who works with Claude Code: sessions, prompts, turns, agents."""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from .conversation import PROSE, Conversation, short

MAIN = ("claude-opus-5-5", "claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-1")
AGENT = ("claude-sonnet-5-5", "claude-haiku-5-5")
TITLE = "claude-haiku-5-5"
SEARCH = "claude-haiku-4-5"
FAN_OUT = 8  # agents of a review
AGENT_TYPES = ("Explore", "general-purpose", "code-reviewer")
PROJECTS = ("acme/widgets", "acme/website", "acme/infra")
# Made up, and what the secret scrubber is for: none of them opens anything.
SECRETS = (
    "Mail demo.person@example.com when the build fails.",
    "DATABASE_URL=postgres://demo:not-a-real-pass@db.example.com/app",
    "GITHUB_TOKEN=ghp_" + "demoDemo0123" * 3,
    "aws_access_key_id = AKIA" + "DEMODEMODEMO2345",
)
PROMPTS = (
    "Explain what this function does.",
    "Why does the test fail on a busy machine?",
    "Rename this setting everywhere, and tell users.",
    "Split this module where it does two things.",
)


class Api(Protocol):
    """The way to the API; ``pause`` waits in the time of the demo."""

    async def send(
        self, body: bytes, headers: dict[str, str], step: dict[str, Any], path: str = ...
    ) -> None:
        """Send a request and read its answer."""

    async def pause(self, seconds: float) -> None:
        """Wait."""


class Developer:
    """Works until cancelled. State: the ``_chance`` that decides, by the developer's number."""

    def __init__(self, api: Api, number: int) -> None:
        self._api = api
        self._number = number
        self._chance = random.Random(number)  # noqa: S311 - the same day every time

    async def work(self) -> None:
        """Have one session after the other."""
        await self._api.pause(1.5 * self._number)
        while True:
            await self._session()

    async def review(self) -> None:
        """Let many agents look at one change at the same time."""
        ids = self._ids()
        await self._side_by_side([lambda: self._agent(ids, turns=2)] * FAN_OUT)

    def _id(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def _ids(self) -> dict[str, str]:
        project = self._chance.choice(PROJECTS)
        return {
            "x-claude-code-session-id": self._id(),
            "x-anthropic-proxy-labels": f"repo={project}",
        }

    async def _session(self) -> None:
        ids = self._ids()
        lasting = self._chance.random() < 0.3  # noqa: PLR2004
        talk = Conversation(self._chance.choice(MAIN), ids, lasting)
        await self._auxiliary(ids, short(TITLE, "Write a title."), {"words": 6})
        for _ in range(self._chance.randint(3, 5)):
            await self._prompt(talk)
            await self._api.pause(self._chance.uniform(3, 8))

    async def _prompt(self, talk: Conversation) -> None:
        talk.ids = talk.ids | {"x-claude-code-prompt-id": self._id()}
        talk.ask(self._chance.choice(PROMPTS))
        await self._turns(talk, self._chance.randint(2, 6), {"request-class": "main"})
        match self._chance.randrange(6):
            case 0 | 1:
                await self._side_by_side([lambda: self._agent(talk.ids, turns=3)] * 2)
            case 2:
                found = {"input": 9_000, "output": 150, "server_tools": {"web_search": 1}}
                await self._auxiliary(talk.ids, short(SEARCH, "Search."), {"usage": found})
            case 3:
                path = "/v1/messages/count_tokens"
                await self._auxiliary(talk.ids, short(talk.model, PROSE), {}, path)

    async def _turns(self, talk: Conversation, count: int, hints: dict[str, str]) -> None:
        named = {f"x-claude-code-{name}": value for name, value in hints.items()}
        for turn in range(count):
            tools = {"x-claude-code-prev-tool-durations": "Read=40;Bash=900"} if turn else {}
            step = self._answer(turn, repeating=talk.shows(SECRETS))
            await self._api.send(talk.body(), talk.ids | named | tools, step)
            talk.answered()
            await self._api.pause(self._chance.uniform(0.3, 1.5))
            talk.result(self._found())

    async def _agent(self, ids: dict[str, str], turns: int) -> None:
        talk = Conversation(
            self._chance.choice(AGENT), ids | {"x-claude-code-agent-id": self._id()}
        )
        talk.ask(f"Look for what is odd about this. {PROSE * 20}")
        kind = self._chance.choice(AGENT_TYPES)
        hints = {"request-class": "subagent", "agent-type": kind}
        await self._turns(talk, turns, hints)

    async def _auxiliary(
        self,
        ids: dict[str, str],
        body: bytes,
        step: dict[str, Any],
        path: str = "/v1/messages",
    ) -> None:
        headers = ids | {"x-claude-code-request-class": "auxiliary"}
        await self._api.send(body, headers, {"delay": 0.4} | step, path)

    def _answer(self, turn: int, *, repeating: bool) -> dict[str, Any]:
        step: dict[str, Any] = {
            "delay": self._chance.uniform(0.5, 1.4),
            "gap": 0.05,
            "encoding": self._chance.choice(("gzip", None)),
        }
        if repeating:
            return step  # says again what it was told: placeholders come back
        if turn == 0:
            step["thinking"] = "Let me think. " * 10
        return step | {"words": round(self._chance.lognormvariate(4.8, 0.6))}

    def _found(self) -> str:
        """Return what a tool has found: a file's text, with a secret in it now and then."""
        text = PROSE * self._chance.randint(15, 120)
        return f"{self._chance.choice(SECRETS)} {text}" if self._chance.random() < 0.2 else text  # noqa: PLR2004

    @staticmethod
    async def _side_by_side(tasks: list[Callable[[], Awaitable[None]]]) -> None:
        await asyncio.gather(*(task() for task in tasks))
