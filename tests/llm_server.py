"""An OpenAI-compatible server on loopback, in its own process: answers from the truth, misbehaviour on the wire.

    with Server(world) as server:
        server.model("judge", skill=Skill(miss=0.1), script=["429:0.2", "reset"], latency=0.05)
        Endpoint(ModelSpec("judge", base_url=server.url))
        server.stats("judge")["kinds"]  # {"429": 1, "reset": 1, "answer": 98}

A behaviour is a name, with an argument behind a colon where it takes one: see `llm_wire.BEHAVIOURS` and
`llm_wire.TWISTS`. A model whose name begins with "fault:" shows that behaviour at every request.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import subprocess
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import llm_wire as wire
from llm_models import NotUnderstood, Skill, answer, understand
from llm_world import SimulatedClip, World, share

KEPT = 5000  # requests of which the log keeps the body
LONG = 2000  # characters: longer strings of a kept body stand as their length and digest


@dataclass
class Plan:
    """How one model behaves.

    Args:
        skill: a simulated model that errs in this way; without it and without `reply`, it repeats the last user text.
        reply: what it always answers.
        script: behaviours of its first requests, in order.
        always: behaviour of the requests behind the script; none: it answers.
        rates: behaviour -> share of the requests behind the script that meet it.
        latency: seconds before every answer.
        slow: request number, as text -> seconds that this one takes.
        capacity: requests at once; one more is answered with 429 and `retry_after` seconds.
        key: the only bearer token it lets in.
    """

    skill: dict | None = None
    reply: str | None = None
    script: list[str] = field(default_factory=list)
    always: str = wire.ANSWER
    rates: dict[str, float] = field(default_factory=dict)
    latency: float = 0.0
    slow: dict[str, float] = field(default_factory=dict)
    capacity: int | None = None
    retry_after: float | None = None
    key: str | None = None

    def behaviour(self, model: str, number: int) -> str:
        """What request `number` (from 0) meets."""
        if number < len(self.script):
            return self.script[number]
        drawn = share(model, number)
        for behaviour, rate in self.rates.items():
            if drawn < rate:
                return behaviour
            drawn -= rate
        return self.always


class Server:
    """The server's process, and what a test asks of it.

    Args:
        world: the clips it knows; without one only models without a skill answer.
        port: where to listen; 0: any free port.
    """

    def __init__(self, world: World | None = None, port: int = 0) -> None:
        self._world, self._port = world, port

    def __enter__(self) -> Server:
        here = Path(__file__).parent
        path = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self._port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            text=True,
        )
        world = self._world
        known = {"count": len(world.clips), "seed": world.seed, "silent": world.silent} if world else {"count": 0}
        known["digests"] = world.digests if world else {}
        self._process.stdin.write(json.dumps(known) + "\n")
        self._process.stdin.flush()
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    def __exit__(self, *trouble: object) -> None:
        self._process.stdin.close()  # the process ends with it, also where the tests are killed
        self._process.stdout.close()
        self._process.wait(10)

    def model(self, name: str, *, skill: Skill | None = None, **plan: object) -> None:
        """Say how a model behaves from now on (see `Plan`); its counts and its log begin anew."""
        told = Plan(skill=asdict(skill) if skill else None, **plan)
        self._ask("POST", f"/control?model={name}", asdict(told))

    def stats(self, model: str | None = None) -> dict:
        """Counts of one model or of all: `requests`, `kinds` (by behaviour), `prompts`, `most_at_once`, `connections`.

        `requests` are those whose head arrived; one whose client went away before its answer is counted in `left`.
        """
        return self._ask("GET", f"/stats?model={model or ''}")

    def requests(self, model: str | None = None) -> list[dict]:
        """The last requests: `model`, `kind`, `time` (s), `headers`, `body`, `clip`; long strings are cut."""
        return self._ask("GET", f"/requests?model={model or ''}")

    def _ask(self, method: str, path: str, body: object = None) -> dict | list:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


class _Model:
    """A model's plan and counts."""

    def __init__(self, name: str, plan: Plan) -> None:
        self.name, self.plan = name, plan
        self.skill = Skill(**plan.skill) if plan.skill else None
        self.number = self.at_once = self.most_at_once = self.left = 0
        self.kinds: Counter = Counter()
        self.prompts: Counter = Counter()

    def stats(self) -> dict:
        """Its counts."""
        counts = {"requests": self.number, "most_at_once": self.most_at_once, "left": self.left}
        return {**counts, "kinds": dict(self.kinds), "prompts": dict(self.prompts)}


class _Service:
    """What the process serves."""

    def __init__(self, known: dict) -> None:
        self._digests = known.pop("digests")
        self._world = World(**known)
        self._models: dict[str, _Model] = {}
        self._log: deque = deque(maxlen=KEPT)
        self._connections = self._most_connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests."""
        self._connections += 1
        self._most_connections = max(self._most_connections, self._connections)
        try:
            while (request := await wire.read_request(reader)) is not None:
                if not await self._respond(request, writer, reader):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # the client went away
        finally:
            self._connections -= 1
            writer.close()

    async def _respond(self, request: wire.Request, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> bool:
        path = urlsplit(request.path)
        if path.path.rstrip("/").endswith("/chat/completions"):
            return await self._complete(request, writer, reader)
        wanted = parse_qs(path.query).get("model", [""])[0]
        found: object = {"error": f"no such route: {request.path}"}
        if path.path == "/control":
            self._models[wanted] = _Model(wanted, Plan(**request.json()))
            self._log = deque((entry for entry in self._log if entry["model"] != wanted), KEPT)
            found = {}
        elif path.path == "/stats":
            found = self._stats(wanted)
        elif path.path == "/requests":
            found = [entry for entry in self._log if wanted in ("", entry["model"])]
        writer.write(wire.response(200, found))
        await writer.drain()
        return True

    def _stats(self, name: str) -> dict:
        if name in self._models:
            return self._models[name].stats()
        if name:
            return _Model(name, Plan()).stats()
        totals = [model.stats() for model in self._models.values()]
        kinds = sum((Counter(total["kinds"]) for total in totals), Counter())
        prompts = sum((Counter(total["prompts"]) for total in totals), Counter())
        requests = sum(total["requests"] for total in totals)
        return {
            "requests": requests,
            "kinds": dict(kinds),
            "prompts": dict(prompts),
            "connections": self._most_connections,
        }

    async def _complete(
        self, request: wire.Request, writer: asyncio.StreamWriter, reader: asyncio.StreamReader
    ) -> bool:
        body = request.json()
        model = self._model(body.get("model"))
        if model is None:
            error = {"message": f"The model `{body.get('model')}` does not exist.", "code": "model_not_found"}
            writer.write(wire.response(404, {"error": error}))
            return True
        number, plan = model.number, model.plan
        model.number += 1
        behaviour = plan.behaviour(model.name, number)
        if plan.key is not None and request.headers.get("authorization") != f"Bearer {plan.key}":
            behaviour = "401"
        model.at_once += 1
        model.most_at_once = max(model.most_at_once, model.at_once)
        if plan.capacity is not None and model.at_once > plan.capacity:
            behaviour = "429" if plan.retry_after is None else f"429:{plan.retry_after}"
        model.kinds[behaviour.partition(":")[0]] += 1
        try:
            await asyncio.sleep(plan.slow.get(str(number), plan.latency))
            return await self._behave(behaviour, model, request, body, writer, reader)
        except ConnectionError:
            model.left += 1
            raise
        finally:
            model.at_once -= 1

    async def _behave(
        self,
        behaviour: str,
        model: _Model,
        request: wire.Request,
        body: dict,
        writer: asyncio.StreamWriter,
        reader: asyncio.StreamReader,
    ) -> bool:
        kind, _, argument = behaviour.partition(":")
        clip = self._clip(body)
        entry = {"model": model.name, "kind": kind, "time": time.time(), "headers": request.headers}
        self._log.append({**entry, "body": _shortened(body), "clip": clip.name if clip else None})
        if kind in wire.BEHAVIOURS:
            return await wire.BEHAVIOURS[kind](argument, writer, reader)
        try:
            text = self._text(model, body, clip)
        except (NotUnderstood, LookupError, TypeError, ValueError, AttributeError) as trouble:
            error = {"message": f"the simulated model: {type(trouble).__name__}: {trouble}"}
            writer.write(wire.response(400, {"error": error}))
            return True
        writer.write(wire.response(200, wire.twisted(kind, wire.completion(model.name, text, body), body)))
        await writer.drain()
        return True

    def _model(self, name: object) -> _Model | None:
        if isinstance(name, str) and name.startswith("fault:") and name not in self._models:
            self._models[name] = _Model(name, Plan(always=name.removeprefix("fault:")))
        return self._models.get(name) if isinstance(name, str) else None

    def _clip(self, body: dict) -> SimulatedClip | None:
        parts = [p for turn in body["messages"] if isinstance(turn["content"], list) for p in turn["content"]]
        films = [part["video_url"]["url"] for part in parts if part.get("type") == "video_url"]
        for film in films:
            digest = sha256(base64.b64decode(film.partition(",")[2])).hexdigest()
            if digest in self._digests:
                return self._world.clips[self._digests[digest]]
        return None

    def _text(self, model: _Model, body: dict, clip: SimulatedClip | None) -> str:
        if model.skill is not None:
            asked = understand(body, clip)
            model.prompts[
                asked.prompt + ("" if asked.exact else " (edited)") + (" (again)" if asked.again else "")
            ] += 1
            return answer(model.name, model.skill, asked)
        return model.plan.reply if model.plan.reply is not None else wire.last_text(body)


def _shortened(value: object) -> object:
    if isinstance(value, str) and len(value) > LONG and value.startswith("data:"):
        data = base64.b64decode(value.partition(",")[2])
        return f"{value.partition(',')[0]},({len(data)} bytes, sha256 {sha256(data).hexdigest()})"
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    if isinstance(value, dict):
        return {name: _shortened(item) for name, item in value.items()}
    return value


async def _run(port: int) -> None:
    known = json.loads(sys.stdin.readline())
    service = _Service(known)
    server = await asyncio.start_server(service.serve, "127.0.0.1", port, backlog=4096, limit=2**20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the tests end
    os._exit(0)  # requests that hang are no reason to wait


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1])))
