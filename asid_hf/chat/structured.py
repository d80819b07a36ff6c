"""A model's words as checked data: strict parsing, and a name for every way in which a reply can be none."""

from __future__ import annotations

import json
import re

from asid_hf.chat.messages import ChatError, ChatReply

_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FILM = r"(?:\w+ ){0,2}(?:video|clip|footage|film|file|media|attachment|image|frame|content)s?\b"
_NOT = r"(?: ?not|n't)"
_CANNOT = rf"(?:ca{_NOT}|can{_NOT}|could{_NOT}|do{_NOT}|did{_NOT}|wo{_NOT}|will{_NOT})"
_SHOW = r"(?:watch|view|see|open|play|load|find|receive|have|process|access|describe|analy[sz]e|caption)(?: or \w+)?"
_DO = (
    r"(?:help|assist|comply|provide|describe|analy[sz]e|identify|process|fulfil|access|generate|create|caption|"
    r"do (?:this|that|so)|have (?:access|the ability))\b"
)
_LED_BY = (
    r"(?:(?:(?:I(?:'m| am) )?(?:very )?sorry|(?:my )?apologies|unfortunately|regrettably|"
    r"it (?:looks|seems|appears) (?:like|that|as if))\b[,.:!]? (?:but )?(?:that )?)?"
)
_REFUSALS = (
    r"I(?:'m| am) (?:unable|not able) to\b|I(?:'m| am) an AI\b|I (?:\w+ly )?apologi[sz]e\b",
    r"against my (?:guidelines|policy)",
    r"I(?:'m| am) (?:very )?sorry[,.]? (?:but|however|I|for (?:the|any))\b",
    rf"(?:I|we) (?:\w+ly )?{_CANNOT} (?:{_DO}|{_SHOW} {_FILM})",
    rf"(?:unable|not able) to (?:{_SHOW}|provide|identify|generate) {_FILM}",
    r"as an? (?:[\w-]+ ){0,2}(?:AI|model|assistant)\b[^.]{0,40}?\bI\b",
    rf"(?:there (?:is|was|appears to be|seems to be) )?no {_FILM} (?:(?:was|were|is|are|(?:has|have) been) )?"
    r"(?:provided|attached|given|supplied|included|uploaded|shared|available|received|found)\b",
    rf"(?:the|your|this) {_FILM} (?:does|did|do){_NOT} (?:load|open|exist|seem to)\b",
    rf"(?:the|your|this) {_FILM} (?:could|ca|can){_NOT} be (?:load|open|play|process|access|view|analy[sz])ed\b",
    rf"(?:the|your|this) {_FILM} (?:is|was|were|are){_NOT} (?:accessible|provided|attached|available|uploaded)\b",
    rf"(?:the|your|this) {_FILM} failed to (?:load|open|play)\b",
    rf"(?:could you )?please (?:provide|upload|share|attach|send|resend) {_FILM}",
)
_REFUSAL = re.compile(rf"\b{_LED_BY}\b(?:{'|'.join(_REFUSALS)})", re.IGNORECASE)
_BEFORE_WORDS = re.compile(r"\A[\s*_#>]+")
_STARTS = 20  # brackets tried: a reply of brackets alone has an end
_LARGEST = 2**53  # beyond it numbers are not exact everywhere (RFC 8259, 6)
_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}


def parse_reply(reply: ChatReply, schema: dict) -> object:
    """Read the JSON value of a reply, and check it against its schema.

    A value stands alone, in one fenced block, or after a model's thoughts; words around it are ignored where they hold
    no second value. Nothing else is repaired.

    Args:
        reply: what the model answered.
        schema: of the subset that `check_schema` knows.

    Returns:
        The value.

    Raises:
        ChatError: of kind refused, filtered, truncated, not_json or schema.

    Example:
        >>> parse_reply(ChatReply('Here: ```json\\n{"a": 1}\\n```'), {"type": "object", "required": ["a"]})
        {'a': 1}
    """
    check_finish(reply)
    text = _THOUGHT.sub("", reply.text).strip()
    values = _values(text, cut_off=reply.finish_reason == "length")
    if not values:
        if reply.finish_reason == "length":
            raise ChatError("truncated", "The reply was cut off at the token limit: raise max_tokens.")
        if _REFUSAL.search(text[:300].replace("’", "'")):
            raise ChatError("refused", f"The model refused: {text[:200]!r}")
        raise ChatError("not_json", f"The reply is no JSON: {text[:200]!r}")
    if len(values) > 1:
        raise ChatError("not_json", f"The reply holds {len(values)} JSON values; one was asked for.")
    value = _whole_characters(values[0])
    check_schema(value, schema)
    return value


def check_finish(reply: ChatReply) -> None:
    """Refuse a reply that its server marks as none.

    Raises:
        ChatError: of kind filtered or refused.

    Example:
        >>> check_finish(ChatReply("fine"))
    """
    if reply.finish_reason == "content_filter":
        raise ChatError("filtered", "The server's content filter withheld the reply.")
    if reply.finish_reason == "refusal":
        raise ChatError("refused", f"The model refused: {reply.text[:200]!r}")


def check_text(reply: ChatReply) -> str:
    """Read a reply that is prose.

    Raises:
        ChatError: of kind filtered, refused, truncated or empty.

    Example:
        >>> check_text(ChatReply(" A dog runs. "))
        'A dog runs.'
    """
    check_finish(reply)
    text = _THOUGHT.sub("", reply.text).strip()
    if reply.finish_reason == "length":
        raise ChatError("truncated", "The reply was cut off at the token limit: raise max_tokens.")
    if not text:
        raise ChatError("empty", "The reply is empty.")
    if is_refusal(text):
        raise ChatError("refused", f"The model refused: {text[:200]!r}")
    return text


def is_refusal(text: str) -> bool:
    """Whether a text begins as one does that refuses, or that misses its video, instead of describing it.

    Example:
        >>> is_refusal("I apologize, but I'm unable to view this."), is_refusal("No video was provided.")
        (True, True)
        >>> is_refusal("Unable to open the door, a man knocks."), is_refusal("No people are visible.")
        (False, False)
    """
    return bool(_REFUSAL.match(_BEFORE_WORDS.sub("", text[:300].replace("’", "'"))))


def check_schema(value: object, schema: dict, place: str = "the reply") -> None:
    """Check a value against the part of JSON Schema that our prompts use.

    type (also a list of them), properties, required, additionalProperties, items, enum, minimum, maximum, maxItems,
    maxLength.

    Raises:
        ChatError: of kind schema, naming the place, what was found and what is allowed.

    Example:
        >>> check_schema({"n": 3}, {"type": "object", "properties": {"n": {"type": "integer", "maximum": 2}}})
        Traceback (most recent call last):
        ...
        asid_hf.chat.messages.ChatError: the reply.n is 3; at most 2 is allowed.
    """
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds or []
    if kinds and not any(_is_a(value, kind) for kind in kinds):
        raise ChatError("schema", f"{place} is {_told(value)}; {' or '.join(kinds)} is allowed.")
    if "enum" in schema and value not in schema["enum"]:
        raise ChatError(
            "schema", f"{place} is {_told(value)}; one of {', '.join(map(str, schema['enum']))} is allowed."
        )
    if isinstance(value, dict):
        _check_object(value, schema, place)
    elif isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            raise ChatError("schema", f"{place} has {len(value)} items; at most {schema['maxItems']} are allowed.")
        for index, item in enumerate(value):
            check_schema(item, schema.get("items", {}), f"{place}[{index}]")
    elif isinstance(value, str):
        if len(value) > schema.get("maxLength", len(value)):
            raise ChatError("schema", f"{place} has {len(value)} characters; {schema['maxLength']} are allowed.")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            bound = f"at least {schema['minimum']}" if value < schema.get("minimum", value) else ""
            raise ChatError("schema", f"{place} is {value}; {bound or 'at most ' + str(schema['maximum'])} is allowed.")


def _check_object(value: dict, schema: dict, place: str) -> None:
    lacking = [name for name in schema.get("required", ()) if name not in value]
    if lacking:
        raise ChatError(
            "schema", f"{place} lacks {', '.join(lacking)} (it has {', '.join(map(str, value)) or 'nothing'})."
        )
    known = schema.get("properties", {})
    unknown = [name for name in value if name not in known]
    if unknown and schema.get("additionalProperties") is False:
        raise ChatError("schema", f"{place} has {', '.join(unknown)[:200]}; only {', '.join(known)} are allowed.")
    for name, item in value.items():
        if name in known:
            check_schema(item, known[name], f"{place}.{name}")


def _values(text: str, cut_off: bool) -> list[object]:
    """The JSON objects and arrays that stand in a text, outside of each other."""
    whole = _loads(text)
    if isinstance(whole, dict | list):
        return [whole]
    fenced = [value for block in _FENCED.findall(text) if isinstance(value := _loads(block), dict | list)]
    if fenced or cut_off:
        return fenced  # inside of what was cut off stands nothing that was asked for
    values, decoder, position = [], json.JSONDecoder(parse_constant=_refuse_constant), 0
    for _ in range(_STARTS):
        starts = [place for mark in "{[" if (place := text.find(mark, position)) >= 0]
        if not starts or len(values) > 1:
            break
        try:
            value, position = decoder.raw_decode(text, min(starts))
        except (ValueError, RecursionError) as error:
            if _breaks_off(error, text):
                break
            position = min(starts) + 1
            continue
        if value:  # "[]" and "{}" in prose say nothing
            values.append(value)
    return values


def _breaks_off(error: Exception, text: str) -> bool:
    return getattr(error, "pos", 0) >= len(text) - 1 or getattr(error, "msg", "").startswith("Unterminated string")


def _loads(text: str) -> object:
    try:
        return json.loads(text.strip(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _whole_characters(value: object) -> object:
    """A value without half surrogate pairs, which no file takes."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise ChatError("not_json", "The reply is nested too deeply.") from None
    return value if text.isascii() else json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _is_a(value: object, kind: str) -> bool:
    if kind == "null":
        return value is None
    if kind in ("number", "integer"):
        right = int if kind == "integer" else (int, float)
        return isinstance(value, right) and not isinstance(value, bool) and abs(value) <= _LARGEST
    return isinstance(value, _TYPES[kind])


def _told(value: object) -> str:
    return (
        repr(value)
        if isinstance(value, str | int | float | bool | None) and len(repr(value)) < 80
        else type(value).__name__
    )
