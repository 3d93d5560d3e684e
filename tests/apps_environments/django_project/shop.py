"""A small Django project: orders, kept in SQLite in memory, and the jobs that work them."""

from __future__ import annotations

from datetime import timedelta

import django
import inngest
import inngest.django
from django.conf import settings
from django.db import connection, models, transaction
from django.http import HttpResponse
from django.urls import path

if not settings.configured:
    # As in tests/sdk/served.py: whichever is imported first configures the process.
    settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
    django.setup()

client = inngest.Inngest(app_id="orders", is_production=False)


class Order(models.Model):
    customer = models.CharField(max_length=100)
    status = models.CharField(max_length=20, default="new")

    class Meta:
        app_label = "shop"


@client.create_function(fn_id="work", trigger=inngest.TriggerEvent(event="order/placed"), retries=0)
def work(ctx: inngest.ContextSync) -> str:
    number = ctx.event.data["id"]
    ctx.step.run("charge", lambda: Order.objects.filter(pk=number).update(status="charged"))
    ctx.step.sleep("cool-off", timedelta(days=3))

    def ship() -> str:
        order = Order.objects.get(pk=number)
        with transaction.atomic():
            order.status = "shipped"
            order.save()
            transaction.on_commit(lambda: client.send_sync(inngest.Event(name="order/shipped", data={"id": number})))
        return order.customer

    return ctx.step.run("ship", ship)


@client.create_function(fn_id="half", trigger=inngest.TriggerEvent(event="order/broken"), retries=0)
def half(ctx: inngest.ContextSync) -> None:
    def save_and_fail() -> None:
        with transaction.atomic():
            Order.objects.create(customer="nobody")
            raise inngest.NonRetriableError("no stock")

    ctx.step.run("save", save_and_fail)


@client.create_function(fn_id="tell", trigger=inngest.TriggerEvent(event="order/shipped"))
def tell(ctx: inngest.ContextSync) -> str:
    return Order.objects.get(pk=ctx.event.data["id"]).status


FUNCTIONS = [work, half, tell]


def place(request: object) -> HttpResponse:
    """A view that keeps an order and sends its event once that is committed."""
    with transaction.atomic():
        order = Order.objects.create(customer="ann")
        transaction.on_commit(lambda: client.send_sync(inngest.Event(name="order/placed", data={"id": order.pk})))
    return HttpResponse(str(order.pk))


urlpatterns = (inngest.django.serve(client, FUNCTIONS), path("place", place))


def create_tables() -> None:
    if Order._meta.db_table not in connection.introspection.table_names():
        with connection.schema_editor() as editor:
            editor.create_model(Order)
