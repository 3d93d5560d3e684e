"""The source registry: keys are made, listed and revoked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from inngest_testkit.api.keys import create_key, hash_of, is_one_of, list_keys, revoke_key
from inngest_testkit.clock import DEFAULT_START
from inngest_testkit.data_store.memory import MemoryDataStore
from inngest_testkit.errors import NotFoundError, SetupError


@pytest.fixture
def data():
    return MemoryDataStore()


async def test_a_key_is_shown_once_and_nothing_keeps_it(data):
    made = await create_key(data, " shop ", DEFAULT_START)
    assert (made.key.name, made.key.created_at, made.key.is_valid) == ("shop", DEFAULT_START, True)
    assert made.text.startswith(made.key.prefix)
    assert made.text not in repr(made)
    assert made.text not in repr(vars(data))
    assert await data.source_key_by_hash(hash_of(made.text)) == made.key


async def test_keys_differ_and_are_long_enough_to_leave_nothing_to_guess(data):
    made = [await create_key(data, "shop", DEFAULT_START) for _ in range(20)]
    assert len({each.text for each in made}) == len({each.key.id for each in made}) == 20
    assert {len(each.text) - len(each.key.prefix) for each in made} == {37}  # of 6 bits each


async def test_keys_are_listed_with_the_revoked_ones(data):
    ids = [(await create_key(data, name, DEFAULT_START)).key.id for name in ("one", "two")]
    revoked = await revoke_key(data, ids[0], DEFAULT_START + timedelta(hours=1))
    assert [(key.id, key.name, key.is_valid) for key in await list_keys(data)] == [
        (ids[0], "one", False),
        (ids[1], "two", True),
    ]
    assert await revoke_key(data, ids[0], DEFAULT_START + timedelta(hours=2)) == revoked


async def test_an_unknown_key_cannot_be_revoked(data):
    with pytest.raises(NotFoundError, match="there is no source key 'key_0'"):
        await revoke_key(data, "key_0", DEFAULT_START)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "line\nbreak", "\x1b[31m", None, 5])
async def test_a_name_is_a_readable_text(data, name):
    with pytest.raises(SetupError, match="a source key's name is a text of 1 to 100 printable characters"):
        await create_key(data, name, DEFAULT_START)


def test_a_hash_is_compared_as_a_whole():
    hashes = [hash_of("a"), hash_of("b")]
    assert is_one_of(hash_of("b"), hashes)
    assert not is_one_of(hash_of("B"), hashes)
    assert not is_one_of(hash_of("b"), [])
