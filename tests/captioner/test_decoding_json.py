"""Answers forced to be a JSON object: valid whatever the scores are and however few tokens there are."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import json

import qwen_vocabulary
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from asid_hf.captioner.decoding_anchors import AnchorGuard
from asid_hf.captioner.decoding_json import JsonFields
from asid_hf.captioner.decoding_loops import LoopBreak

ROWS = qwen_vocabulary.ROWS
END, PAD = 151_645, 151_643
KEYS = ["scene", "narrative_elements", "speech"]
BARE = 18  # tokens of the object of KEYS with empty strings


@pytest.fixture(scope="module")
def letters() -> PreTrainedTokenizerFast:
    """A vocabulary of the 256 bytes, some longer tokens, and an end."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [('"', ","), ("Ġ", '"'), ("\\", "u"), (".", '"'), ('."', ","), ("Ġ", "Ġ"), ("Ã", "©"), ("\\", "n")]
    words = ['",', 'Ġ"', "\\u", '."', '.",', "ĠĠ", "Ã©", "\\n"]
    made = Tokenizer(models.BPE({token: place for place, token in enumerate([*alphabet, *words])}, merges))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<end>"])
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>")


def written(tokenizer: object, fields: JsonFields, scores: object, limit: int, end: int, prompt: int = 0) -> list[int]:
    """The ids that sampling gives; `scores` tells them, from the ids so far."""
    ids = torch.zeros((1, prompt), dtype=torch.long)
    for _ in range(limit):
        masked = fields(ids, scores(ids))
        ids = torch.cat([ids, masked.softmax(-1).multinomial(1, generator=GENERATOR)], 1)
        if ids[0, -1] == end:
            break
    return [token for token in ids[0, prompt:].tolist() if token != end]


GENERATOR = torch.Generator()


@pytest.mark.parametrize("seed", range(60))
def test_any_scores_give_valid_json_with_exactly_the_keys(letters: object, seed: int) -> None:
    GENERATOR.manual_seed(seed)
    size = len(letters)
    wild = [
        letters.convert_tokens_to_ids(token) for token in ["\\", "\\u", '"', '."', "Ġ", "ĠĠ", "ð", "Ã", "d", "D", "\\n"]
    ]
    weights = torch.zeros(size)
    if seed % 2:
        weights[wild] = 4.0
    bare = len(json.dumps(dict.fromkeys(KEYS, "")))
    limit = [bare, bare + 1, bare + 3, bare + 7, bare + 20, 300][seed % 6]
    fields = JsonFields(letters, KEYS, 3, limit, letters.eos_token_id)
    ids = written(
        letters, fields, lambda ids: torch.randn(1, size, generator=GENERATOR) + weights, limit, letters.eos_token_id, 3
    )
    text = letters.decode(ids)
    answer = json.loads(text)
    assert list(answer) == KEYS
    assert all(isinstance(value, str) for value in answer.values())
    assert "\ufffd" not in text
    text.encode()
    json.dumps(answer, ensure_ascii=False).encode()  # no half of a surrogate pair
    assert len(ids) <= limit


@pytest.mark.parametrize("limit", [BARE, BARE + 1, BARE + 2, BARE + 5, 40, 90])
def test_the_vocabulary_of_qwen_gives_valid_json(tokenizer: object, limit: int) -> None:
    GENERATOR.manual_seed(limit)
    for _ in range(2):
        fields = JsonFields(tokenizer, KEYS, 0, limit, [END, PAD])
        ids = written(tokenizer, fields, lambda ids: torch.randn(1, ROWS, generator=GENERATOR) * 3, limit, END)
        ids = [token for token in ids if token != PAD]
        assert list(json.loads(tokenizer.decode(ids))) == KEYS
        assert not any(token >= PAD for token in ids)


def test_fewer_tokens_than_the_bare_object_are_refused(tokenizer: object) -> None:
    with pytest.raises(ValueError, match=rf"max_new_tokens is {BARE - 1}, .* takes {BARE} tokens"):
        JsonFields(tokenizer, KEYS, 0, BARE - 1, END)
    with pytest.raises(ValueError, match="none of them twice"):
        JsonFields(tokenizer, ["scene", "scene"], 0, 100, END)


def follow(fields: JsonFields, ids: list[int]) -> list[int]:
    """The tokens of a text that the processor would not have let through, by place."""
    lost = []
    for place, token in enumerate(ids):
        scores = fields(torch.tensor([ids[:place]], dtype=torch.long).reshape(1, place), torch.zeros(1, ROWS))
        if not scores[0, token].isfinite():
            lost.append(place)
    return lost


def test_what_json_writes_by_itself_is_let_through(tokenizer: object) -> None:
    answer = {
        "scene": 'A room, "HARBOUR \\ 12".\nAt 3s – é 漢字 😀 𝄞.',
        "narrative_elements": 'He says:\t"No!"',
        "speech": "None.",
    }
    ids = tokenizer(json.dumps(answer, ensure_ascii=False))["input_ids"]
    assert follow(JsonFields(tokenizer, KEYS, 0, 200, END), [*ids, END]) == []
    escaped = tokenizer(json.dumps({**answer, "scene": "caf\u00e9 \u6f22"}))["input_ids"]
    assert follow(JsonFields(tokenizer, KEYS, 0, 200, END), [*escaped, END]) == []


def test_structure_is_written_whatever_is_wanted_and_then_only_the_end(tokenizer: object) -> None:
    fields = JsonFields(tokenizer, KEYS, 0, 100, [END, PAD])
    first = (
        fields(torch.zeros((1, 0), dtype=torch.long), torch.zeros(1, ROWS))[0].isfinite().nonzero().flatten().tolist()
    )
    assert [tokenizer.decode([token]) for token in first] == ['{"']
    whole = tokenizer(json.dumps(dict.fromkeys(KEYS, "It.")))["input_ids"]
    last = fields(torch.tensor([whole]), torch.zeros(1, ROWS))[0].isfinite().nonzero().flatten().tolist()
    assert last == [PAD, END]


def test_control_characters_quotes_and_special_tokens_stay_out_of_strings(tokenizer: object) -> None:
    fields = JsonFields(tokenizer, KEYS, 0, 100, END)
    ids = tokenizer('{"scene": "A room')["input_ids"]
    allowed = fields(torch.tensor([ids]), torch.zeros(1, ROWS))[0].isfinite()
    for piece in ("\n", "\t", '".\n', "<|im_start|>", "<|im_end|>", '":'):
        assert not allowed[tokenizer(piece)["input_ids"][0]], piece
    for piece in (" with", ".", "é", "\\n", '",', '.",', '"', "\\"):
        assert allowed[tokenizer(piece)["input_ids"][0]], piece
    assert not allowed[len(tokenizer) :].any()


def test_no_field_takes_more_than_half_of_what_is_left(tokenizer: object) -> None:
    limit, word = 58, tokenizer(" dog")["input_ids"][0]
    scores = torch.zeros(1, ROWS)
    scores[0, word] = 100.0
    GENERATOR.manual_seed(0)
    ids = written(tokenizer, JsonFields(tokenizer, KEYS, 0, limit, END), lambda ids: scores, limit, END)
    answer = json.loads(tokenizer.decode(ids))
    assert [value.count("dog") for value in answer.values()] == [20, 10, 10]
    assert len(ids) == limit


def test_a_field_is_empty_or_says_something(letters: object) -> None:
    GENERATOR.manual_seed(0)
    size = len(letters)
    scores = torch.zeros(1, size)
    scores[0, [letters.convert_tokens_to_ids(token) for token in ("Ġ", "ĠĠ", "\\n", '"', '",', "a")]] = 9.0
    for _ in range(20):
        fields = JsonFields(letters, KEYS, 0, 400, letters.eos_token_id)
        answer = json.loads(letters.decode(written(letters, fields, lambda ids: scores, 400, letters.eos_token_id)))
        assert all(value == "" or value.strip() for value in answer.values())


def test_it_goes_on_from_any_prefix(tokenizer: object) -> None:
    ids = tokenizer(json.dumps(dict.fromkeys(KEYS, "A dog \\ runs.")))["input_ids"]
    scores = torch.rand(1, ROWS)
    step = JsonFields(tokenizer, KEYS, 0, 80, END)
    for length in range(len(ids) + 1):
        some = torch.tensor([ids[:length]], dtype=torch.long).reshape(1, length)
        assert torch.equal(step(some, scores), JsonFields(tokenizer, KEYS, 0, 80, END)(some, scores))


def test_rows_that_something_else_ended_are_left_alone(tokenizer: object) -> None:
    ids = [*tokenizer('{"scene": "A room')["input_ids"], PAD, PAD]
    scores = JsonFields(tokenizer, KEYS, 0, 80, [END, PAD])(torch.tensor([ids]), torch.zeros(1, ROWS))
    assert scores.isfinite().nonzero()[:, 1].tolist() == [PAD, END]
    with pytest.raises(ValueError, match=r"has to come"):
        JsonFields(tokenizer, KEYS, 0, 80, END)(torch.tensor([tokenizer("Hello")["input_ids"]]), torch.zeros(1, ROWS))


def test_it_tells_the_field_and_what_closes_it(tokenizer: object) -> None:
    fields = JsonFields(tokenizer, KEYS, 0, 80, END)

    def at(text: str) -> tuple[str | None, str]:
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        fields(ids, torch.zeros(1, ROWS))
        return fields.field_of(0), tokenizer.decode(fields.close(0, ids))

    assert at('{"scene": "A", "narrative_elements": "It') == ("narrative_elements", '", "speech": "')
    assert at('{"scene') == (None, "")
    for inside in ("A \\", "A \\u00", "A \\u00e9 \\"):  # of an escape, where no string may end
        assert at('{"scene": "' + inside) == ("scene", "")
    assert at('{"scene": "A \\u00e9') == ("scene", '", "narrative_elements": "')


@pytest.mark.parametrize(
    "unit", [" \\u00e9t\\u00e9 is hot.", " ሰላም ነው።", " नमस्ते दुनिया।", " \N{PARTY POPPER}\N{FOX FACE}\N{FIRECRACKER}"]
)
def test_a_loop_of_escapes_or_of_letters_in_pieces_is_closed_where_it_is_whole(tokenizer: object, unit: str) -> None:
    loop, limit = tokenizer(unit)["input_ids"], 900

    def scores(ids: torch.Tensor) -> torch.Tensor:
        given = torch.zeros(1, ROWS)
        row, endless = ids[0].tolist(), loop * 60
        said = max(n for n in range(min(len(row), 200) + 1) if row[len(row) - n :] == endless[:n])
        given[0, endless[said]] = 50.0
        return given

    fields = JsonFields(tokenizer, KEYS, 0, limit, END)
    breaks = LoopBreak(tokenizer, 0, fields.close)

    class Both:
        def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            return fields(ids, breaks(ids, scores))

    GENERATOR.manual_seed(0)
    ids = written(tokenizer, Both(), scores, limit, END)
    answer = json.loads(tokenizer.decode(ids))
    assert list(answer) == KEYS and len(breaks.loops[0]) == 3
    said = json.loads(f'"{unit}"')
    for text in answer.values():
        assert (said * 100).startswith(text) and len(text) > 3 * len(said), text


def test_loops_and_times_too_far_are_kept_out_of_fields(tokenizer: object) -> None:
    """Who repeats one sentence for ever, with times that run away, is stopped field by field."""
    sentence = tokenizer(" At 40s, the man in red looks at the camera and smiles.")["input_ids"]
    limit = 1500

    def scores(ids: torch.Tensor) -> torch.Tensor:
        given = torch.zeros(1, ROWS)
        last = ids[0, -1].item() if ids.shape[1] else -1
        place = sentence.index(last) + 1 if last in sentence else 0
        given[0, sentence[place % len(sentence)]] = 50.0
        given[0, tokenizer.convert_tokens_to_ids(",")] = 25.0
        return given

    fields = JsonFields(tokenizer, KEYS, 0, limit, END)
    guard, breaks = AnchorGuard(tokenizer, [17.0], 0), LoopBreak(tokenizer, 0, fields.close)

    class All:
        def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            return fields(ids, breaks(ids, guard(ids, scores)))

    GENERATOR.manual_seed(0)
    ids = written(tokenizer, All(), scores, limit, END)
    answer = json.loads(tokenizer.decode(ids))
    assert list(answer) == KEYS
    assert len(ids) < 500
    assert len(breaks.loops[0]) == 3
    assert "40s" not in tokenizer.decode(ids)
