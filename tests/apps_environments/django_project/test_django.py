"""Jobs of a Django project, in Django's own test cases."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, transaction
from django.test import Client, TestCase, TransactionTestCase, override_settings

from inngest_testkit import Engine, RunStatus

from . import shop
from .shop import FUNCTIONS, Order, client, create_tables

project = override_settings(ROOT_URLCONF=shop.urlpatterns, ALLOWED_HOSTS=["testserver"], MIDDLEWARE=[])


@pytest.fixture(scope="module", autouse=True)
def _tables():
    create_tables()
    yield
    connection.close()


class Cases:
    """The same through `serve` and through `mount`."""

    def served(self, engine):
        raise NotImplementedError

    def setUp(self):
        self.engine = Engine()
        self.addCleanup(self.engine.close)
        self.served(self.engine)

    def test_a_job_works_in_the_tests_transaction(self):
        """What the test has not committed is there, and what the job does is rolled back with it."""
        order = Order.objects.create(customer="ann")
        run = self.engine.send("order/placed", {"id": order.pk}).run
        order.refresh_from_db()
        assert order.status == "charged"
        self.engine.advance("3d")
        order.refresh_from_db()
        assert (run.status, run.output, order.status) == (RunStatus.COMPLETED, "ann", "shipped")
        assert Order.objects.count() == 1

    def test_every_test_starts_with_an_empty_table(self):
        assert Order.objects.count() == 0
        Order.objects.create(customer="left behind, were it not rolled back")

    def test_a_step_that_fails_has_rolled_its_own_block_back(self):
        run = self.engine.send("order/broken", {"id": 1}).run
        assert run.status == RunStatus.FAILED
        assert "no stock" in str(run.error)
        assert Order.objects.count() == 0

    def test_on_commit_of_a_view_sends_when_it_is_captured(self):
        """A `TestCase` never commits: Django's own tool runs the hooks."""
        with self.captureOnCommitCallbacks(execute=True):
            placed = Client().get("/place")
        (run,) = self.engine.runs(function="work")
        assert run.events[0].data["id"] == int(placed.content)

    def test_on_commit_of_a_step_sends_when_it_is_captured(self):
        order = Order.objects.create(customer="ann")
        self.engine.send("order/placed", {"id": order.pk})
        with self.captureOnCommitCallbacks(execute=True):
            self.engine.advance("3d")
        (told,) = self.engine.runs(function="tell")
        assert told.output == "shipped"

    def test_an_order_that_is_not_there_fails_the_run(self):
        self.engine.send("order/placed", {"id": 999})
        self.engine.advance("3d")
        (run,) = self.engine.runs(function="work")
        assert (run.status, run.error.name) == (RunStatus.FAILED, "DoesNotExist")


@project
class ServedTest(Cases, TestCase):
    def served(self, engine):
        engine.serve(client, FUNCTIONS)


@project
class MountedTest(Cases, TestCase):
    def served(self, engine):
        engine.mount(WSGIHandler(), client=client)


@project
class CommittedTest(TransactionTestCase):
    """Where transactions are real, hooks run by themselves."""

    available_apps: tuple[str, ...] = ()

    def _fixture_teardown(self):
        Order.objects.all().delete()

    def test_on_commit_of_a_step_sends_at_once(self):
        with Engine() as engine:
            engine.serve(client, FUNCTIONS)
            placed = Client().get("/place")
            engine.advance("3d")
            (told,) = engine.runs(function="tell")
            assert told.output == "shipped"
            assert Order.objects.get().pk == int(placed.content)

    def test_what_is_rolled_back_sends_nothing(self):
        with Engine() as engine:
            engine.serve(client, FUNCTIONS)
            with suppress(RuntimeError), transaction.atomic():
                Client().get("/place")
                raise RuntimeError("the request that placed it fails")
            assert (engine.events(), Order.objects.count()) == ([], 0)
