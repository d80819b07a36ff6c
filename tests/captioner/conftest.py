"""The captioner of these tests."""

from captioner_fixtures import captioner, omni, one_thread, tokenizer, vocabulary, whole

__all__ = ["captioner", "omni", "one_thread", "tokenizer", "vocabulary", "whole"]
