"""The function: an invoice is pushed to the accounting service, and not faster than the service allows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import inngest

from .accounting import accounting

client = inngest.Inngest(app_id="billing", is_production=False)

#: Three calls in any thirty seconds: one every ten, and none ahead of its time.
THREE_IN_THIRTY_SECONDS = inngest.Throttle(limit=1, period=timedelta(seconds=10), burst=0)
ONE_FOR_EACH_COMPANY = inngest.Concurrency(limit=1, key="event.data.company")
VOIDED = inngest.Cancel(event="invoice/voided", if_exp="async.data.number == event.data.number")


def push(throttle: inngest.Throttle) -> inngest.Function[Any]:
    """Make the function, with a throttle."""

    @client.create_function(
        fn_id="push-invoice",
        trigger=inngest.TriggerEvent(event="invoice/issued"),
        throttle=throttle,
        concurrency=[ONE_FOR_EACH_COMPANY],
        cancel=[VOIDED],
        timeouts=inngest.Timeouts(start=timedelta(hours=1)),
    )
    def push_invoice(ctx: inngest.ContextSync) -> str:
        invoice: Any = ctx.event.data
        return ctx.step.run("book", lambda: accounting.book(invoice["company"], invoice["number"]))

    return push_invoice


push_invoice = push(THREE_IN_THIRTY_SECONDS)
