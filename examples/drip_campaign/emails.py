"""What the campaign needs of a mail provider. This one keeps the mails instead of delivering them."""

from __future__ import annotations

from dataclasses import dataclass, field


class MailboxUnavailableError(Exception):
    """The provider cannot deliver now; a later attempt may work."""


@dataclass(frozen=True)
class Mail:
    """One mail: to whom, and which template."""

    to: str
    template: str


@dataclass
class Gateway:
    """The provider's client. `outbox` holds what was sent; `down` is how many more sends will fail."""

    outbox: list[Mail] = field(default_factory=list)
    down: int = 0

    def send(self, to: str, template: str) -> str:
        """Send a mail, and return the provider's id for it."""
        if self.down:
            self.down -= 1
            raise MailboxUnavailableError(f"cannot deliver {template!r} to {to}")
        self.outbox.append(Mail(to, template))
        return f"mail-{len(self.outbox)}"


gateway = Gateway()
