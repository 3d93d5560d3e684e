"""What the function needs of an accounting service. This one keeps the invoices instead of booking them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Accounting:
    """The service's client. `booked` holds the numbers of the invoices, in the order of the calls."""

    booked: list[int] = field(default_factory=list)

    def book(self, company: str, number: int) -> str:
        """Book an invoice, and return the service's reference for it."""
        self.booked.append(number)
        return f"{company}-{number}"


accounting = Accounting()
