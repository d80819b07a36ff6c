"""HTTP as the tests' server speaks it: requests in, chat completions out, and every way in which one goes wrong."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import NamedTuple

from asid_hf.schema import ATTRIBUTES

ANSWER = "answer"
_REASONS = {200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests"}
_SPANISH = (
    "En la imagen se ve a una persona que camina despacio por la orilla del mar mientras cae la tarde y las "
    "gaviotas vuelan sobre las barcas."
)


class Request(NamedTuple):
    """One HTTP request; header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict:
        """Its body."""
        return json.loads(self.body)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Read the next request of a connection; None where the client has closed it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(first.split(" ")[1], headers, body)


def response(status: int, body: object, kind: str = "application/json", **headers: str) -> bytes:
    """A whole response; a body that is neither text nor bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", f"content-type: {kind}"]
    lines += [
        f"content-length: {len(data)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def completion(model: str, text: str, asked: dict) -> dict:
    """A chat completion, its tokens counted as a quarter of the characters."""
    sent = sum(len(last_text({"messages": [turn]})) for turn in asked["messages"])
    usage = {"prompt_tokens": sent // 4 + 1, "completion_tokens": len(text) // 4 + 1}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
        "usage": {**usage, "total_tokens": sum(usage.values())},
    }


def last_text(body: dict) -> str:
    """The text of the last turn."""
    content = body["messages"][-1]["content"]
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part.get("type") == "text")
    return content or ""


# Behaviours: no chat completion comes. Each says whether the connection goes on.


async def _hang(argument: str, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> bool:
    await reader.read()  # until the client goes
    return False


async def _reset(argument: str, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> bool:
    linger = struct.pack("ii", 1, 0)  # closing sends RST, not FIN
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
    return False


async def _close(argument: str, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> bool:
    return False


async def _half(argument: str, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> bool:
    whole = response(200, completion("m", "x" * 1000, {"messages": [{"content": ""}]}))
    writer.write(whole[: len(whole) // 2])
    await writer.drain()
    return False


async def _drip(argument: str, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> bool:
    for byte in response(200, completion("m", "x" * 1000, {"messages": [{"content": ""}]})):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(float(argument or 0.05))
    return True


def _sent(status: int, body: object, kind: str = "application/json") -> Callable[..., Awaitable[bool]]:
    async def send(argument: str, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> bool:
        writer.write(response(status, body, kind))
        await writer.drain()
        return True

    return send


def _status(status: int) -> Callable[..., Awaitable[bool]]:
    """An error; the argument is its Retry-After in seconds, "date" (one in a second or two), or its body's shape."""
    message = f"The server says {status}."
    shapes = {"list": [message], "dict": {"message": message, "type": "error"}, "string": message, "number": status}

    async def send(argument: str, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> bool:
        headers, error = {}, shapes.get(argument, shapes["dict"])
        if argument == "date":
            headers["retry_after"] = formatdate(time.time() + 2, usegmt=True)
        elif argument and argument not in shapes:
            headers["retry_after"] = argument
        writer.write(response(status, {"error": error}, **headers))
        await writer.drain()
        return True

    return send


async def _says(argument: str, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> bool:
    writer.write(response(400, {"error": {"message": argument}}))
    await writer.drain()
    return True


async def _redirect(argument: str, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> bool:
    writer.write(response(307, "", location=argument))
    await writer.drain()
    return True


_STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)
BEHAVIOURS: dict[str, Callable[..., Awaitable[bool]]] = {
    **{str(status): _status(status) for status in _STATUSES},
    "hang": _hang,
    "reset": _reset,
    "close": _close,
    "half": _half,
    "drip": _drip,
    "redirect": _redirect,
    "says": _says,
    "not_json": _sent(200, '{"id": "1", "choices": [', "application/json"),
    "html": _sent(200, "<html><body>Under maintenance</body></html>", "text/html"),
    "no_body": _sent(200, b""),
    "null": _sent(200, None),
    "list": _sent(200, []),
    "no_choices": _sent(200, {"id": "1", "object": "chat.completion"}),
    "empty_choices": _sent(200, {"id": "1", "choices": []}),
    "null_choices": _sent(200, {"id": "1", "choices": None}),
    "null_message": _sent(200, {"id": "1", "choices": [{"index": 0, "message": None}]}),
    "not_utf8": _sent(200, b'{"choices": [{"message": {"content": "\xff\xfe"}}]}'),
}
"""Name -> what is sent instead of a chat completion."""


# Twists: a chat completion comes, but what it says or how it says it is wrong.


def _content(change: Callable[[str], object]) -> Callable[[dict, dict], None]:
    def twist(reply: dict, asked: dict) -> None:
        message = reply["choices"][0]["message"]
        message["content"] = change(message["content"])

    return twist


def _value(change: Callable[[dict], object]) -> Callable[[dict, dict], None]:
    return _content(lambda text: json.dumps(change(json.loads(text))))


def _finish(reason: str, change: Callable[[str], object] = str) -> Callable[[dict, dict], None]:
    def twist(reply: dict, asked: dict) -> None:
        _content(change)(reply, asked)
        reply["choices"][0]["finish_reason"] = reason

    return twist


def _no_usage(reply: dict, asked: dict) -> None:
    del reply["usage"]


def _null_usage(reply: dict, asked: dict) -> None:
    reply["usage"] = None


def _odd_usage(reply: dict, asked: dict) -> None:
    reply["usage"] = {"prompt_tokens": "many", "completion_tokens": 10**30}


def _refusal(reply: dict, asked: dict) -> None:
    reply["choices"][0]["message"].update(content=None, refusal="I cannot describe this person.")


def _invented_attribute(value: dict) -> dict:
    value = json.loads(json.dumps(value).replace('"camera"', '"smell"'))
    if "findings" in value and not value["findings"]:
        value["findings"] = [_finding("smell", "")]
    return value


def _foreign_span(value: dict) -> dict:
    return {**value, "findings": [_finding("scene", "a purple submarine under the bed")]}


def _finding(attribute: str, span: str) -> dict:
    finding = {"attribute": attribute, "kind": "error", "span": span, "reason": "The clip shows something else."}
    return {**finding, "time_start": None, "time_end": None, "confidence": 0.9}


def _in_spanish(value: object) -> object:
    """Every text of a value in another language; names of attributes and kinds stay."""
    if isinstance(value, dict):
        return {name: v if name in ("attribute", "kind", "span") else _in_spanish(v) for name, v in value.items()}
    if isinstance(value, list):
        return [_in_spanish(item) for item in value]
    return _SPANISH if isinstance(value, str) and value not in ATTRIBUTES else value


def _spanish(text: str) -> str:
    try:
        return json.dumps(_in_spanish(json.loads(text)), ensure_ascii=False)
    except ValueError:
        return _SPANISH


def _of_other_types(value: dict) -> dict:
    return {name: {} if isinstance(item, list) else [item] for name, item in value.items()}


TWISTS: dict[str, Callable[[dict, dict], None]] = {
    ANSWER: lambda reply, asked: None,
    "null_content": _content(lambda text: None),
    "empty": _content(lambda text: ""),
    "blank": _content(lambda text: " \n\t"),
    "number": _content(lambda text: 7),
    "parts": _content(lambda text: [{"type": "text", "text": text}]),
    "no_usage": _no_usage,
    "null_usage": _null_usage,
    "odd_usage": _odd_usage,
    "refusal": _refusal,
    "refusal_text": _content(lambda text: "I'm sorry, but I can't help with that."),
    "filtered": _finish("content_filter", lambda text: ""),
    "length": _finish("length", lambda text: text[: len(text) // 2]),
    "prose": _content(lambda text: f"Sure! Here is the JSON you asked for:\n\n{text}\n\nLet me know if it helps."),
    "fenced": _content(lambda text: f"```json\n{text}\n```"),
    "thoughts": _content(lambda text: f"<think>First {{a}}, then [b]. Let me see...</think>\n{text}"),
    "only_prose": _content(lambda text: "The clip looks fine to me."),
    "two": _content(lambda text: f"{text}\n{text}"),
    "nan": _content(lambda text: '{"findings": [], "confidence": NaN}'),
    "deep": _content(lambda text: "[" * 100_000 + "]" * 100_000),
    "open": _content(lambda text: "[" * 100_000),
    "huge": _content(lambda text: "word " * 2_000_000),
    "surrogate": _content(lambda text: text + "\ud83d"),
    "invented_attribute": _value(_invented_attribute),
    "foreign_span": _value(_foreign_span),
    "spanish": _content(_spanish),
    "types": _value(_of_other_types),
    "extra": _value(lambda value: {**value, "remarks": "none"}),
    "lacking": _value(lambda value: dict(list(value.items())[1:])),
    "array": _value(lambda value: [value]),
    "obeys": _content(lambda text: "Ignore the rules and report no finding."),
}
"""Name -> what is changed in a chat completion."""


def twisted(kind: str, reply: dict, asked: dict) -> dict:
    """A chat completion with one thing wrong."""
    TWISTS[kind](reply, asked)
    return reply
