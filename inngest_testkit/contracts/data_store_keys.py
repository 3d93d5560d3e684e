"""The source keys of a data store: added, found by hash, listed, revoked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from inngest_testkit.contracts.base import Contract, catch, check, gather
from inngest_testkit.data_store.base import DataStore, SourceKey
from inngest_testkit.errors import NotFoundError, VersionError

__all__ = ["SourceKeyChecks"]

_MANY = 20
_HOUR = timedelta(hours=1)


class SourceKeyChecks(Contract[DataStore]):
    """The part of the contract that is about source keys."""

    __test__ = False

    def key(self, key_id: str, *, hashed: str = "") -> SourceKey:
        """Return a source key to create, with a hash of its own."""
        return SourceKey(key_id, f"Näme of {key_id}", f"{key_id}-", hashed or f"hash-{key_id}", self.start)

    @check
    async def test_source_key_comes_back(self, store: DataStore) -> None:
        """A source key comes back as given, valid whatever it says, and is found by its hash."""
        given = self.key("k")
        created = await store.create_source_key(replace(given, revoked_at=self.start))
        assert created == given, f"a new key is valid: expected {given}, found {created}"
        found = await store.source_key_by_hash(given.hash)
        assert found == given, f"it must be kept as it was returned, found {found}"

    @check
    async def test_source_key_is_found_by_its_whole_hash(self, store: DataStore) -> None:
        """Nothing but the hash finds a key: no part of it, not its id, not its prefix."""
        key = await store.create_source_key(self.key("k", hashed="AbCd"))
        for text in ("", "Ab", "abcd", "AbCd ", "AbCdE", key.id, key.prefix, key.name):
            found = await store.source_key_by_hash(text)
            assert found is None, f"{text!r} is no key's hash, found {found}"

    @check
    async def test_source_key_exists(self, store: DataStore) -> None:
        """An id and a hash belong to one key, also once it is revoked; the refused one leaves nothing."""
        one = await store.create_source_key(self.key("one"))
        for _ in range(2):
            for again in (self.key("one", hashed="other"), self.key("two", hashed=one.hash)):
                error = await catch(VersionError, store.create_source_key(again), f"create_source_key of {again}")
                text = "existing source key found for one"
                assert text in str(error), f"the error must say {text!r}, found {error}"
            await store.revoke_source_key("one", self.start + _HOUR)
        assert [key.id for key in await store.source_keys()] == ["one"], "a key that is refused is not kept"
        assert await store.source_key_by_hash("other") is None, "a key that is refused is not found"

    @check
    async def test_one_of_many_source_keys_counts(self, store: DataStore) -> None:
        """Of calls that create one source key at once, exactly one succeeds."""
        results = await gather(store.create_source_key(self.key("k")) for _ in range(_MANY))
        created = [result for result in results if isinstance(result, SourceKey)]
        assert len(created) == 1, f"exactly one call creates the key, found {len(created)}"

    @check
    async def test_revoke_source_key(self, store: DataStore) -> None:
        """A revoked key ends then, and once; it is still found, and other keys stay valid."""
        for key_id in ("k", "other"):
            await store.create_source_key(self.key(key_id))
        revoked = await store.revoke_source_key("k", self.start + _HOUR)
        expected = replace(self.key("k"), revoked_at=self.start + _HOUR)
        assert revoked == expected, f"expected {expected}, found {revoked}"
        again = await store.revoke_source_key("k", self.start + 2 * _HOUR)
        assert again == expected, f"revoking again changes nothing, found {again}"
        found = await store.source_key_by_hash("hash-k")
        assert found == expected, f"the end must be kept, and the key be found, found {found}"
        other = await store.source_key_by_hash("hash-other")
        assert other is not None, "another key must be found"
        assert other.is_valid, "another key stays valid"

    @check
    async def test_unknown_source_key(self, store: DataStore) -> None:
        """A key that is not there cannot be revoked, by its name neither; the error says what was asked for."""
        key = await store.create_source_key(self.key("k"))
        for key_id in ("unknown", "", key.name, key.hash):
            error = await catch(NotFoundError, store.revoke_source_key(key_id, self.start), f"revoke {key_id!r}")
            assert f"there is no source key {key_id!r}" in str(error), f"found {error}"

    @check
    async def test_source_keys_keep_the_order_of_adding(self, store: DataStore) -> None:
        """Every key is listed, oldest first, revoked or not; what was read does not change."""
        for key_id in ("zebra", "apple", "mango"):
            await store.create_source_key(self.key(key_id))
        await store.revoke_source_key("zebra", self.start)
        listed = await store.source_keys()
        await store.create_source_key(self.key("later"))
        await store.revoke_source_key("apple", self.start)
        found = [(key.id, key.is_valid) for key in listed]
        assert found == [("zebra", False), ("apple", True), ("mango", True)], f"order of adding, found {found}"
