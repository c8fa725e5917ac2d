"""Notifications by e-mail. A message is never sent twice: SMTP cannot take one back or recognise it."""

import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr

import aiosmtplib

from domain.errors import GatewayRefused, Misconfigured, OutcomeUnknown, Unavailable
from gateways.loopback import is_loopback
from gateways.notifications import Message

_SECONDS = 15.0
_IMPLICIT_TLS_PORT = 465
_LONGEST_SUBJECT = 200
_PERMANENT = 500
_LONGEST_ADDRESS = 254
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"{_ATOM}(\.{_ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
# 7bit bodies pass every server; lines end as the protocol wants them.
_POLICY = SMTP_POLICY.clone(cte_type="7bit")


@dataclass(frozen=True)
class SmtpSettings:
    """How to reach the mail server. `sender` is a mailbox: `Billing <billing@shop.example>`."""

    host: str
    port: int
    sender: str
    username: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = True


class SmtpNotifier:
    """One connection per message; there are few."""

    channel = "smtp"
    repeatable = False
    carries_files = True

    def __init__(
        self,
        settings: SmtpSettings,
        clock: Callable[[], datetime],
        *,
        seconds: float = _SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`seconds` is the deadline of each step of the conversation. Raises Misconfigured."""
        self._settings = settings
        self._clock = clock
        self._seconds = seconds
        self._tls = tls
        sender = _mailbox(*parseaddr(settings.sender))
        if sender is None or not settings.host:
            raise Misconfigured("BAHI_SMTP_HOST and BAHI_SMTP_SENDER (Name <address>) must be set")
        self._sender = sender
        encrypted = settings.starttls or settings.port == _IMPLICIT_TLS_PORT
        if settings.username and not encrypted and not is_loopback(f"//{settings.host}"):
            raise Misconfigured("BAHI_SMTP_STARTTLS must be on: the password would travel in the clear")

    async def send(self, message: Message) -> None:
        """Hands the message to the server; definite once the server has taken or refused it."""
        recipient = _mailbox(message.to_name, message.to_email)
        if recipient is None:
            raise GatewayRefused("the customer's e-mail address is not one that mail can be sent to")
        content = self._compose(message, recipient).as_bytes()
        async with self._conversation() as server:
            with _before_the_content():
                await server.mail(self._sender.addr_spec)
                await server.rcpt(recipient.addr_spec)
            try:
                await server.data(content)
            except aiosmtplib.SMTPResponseException as error:
                raise _refusal("the message", error, final=error.code >= _PERMANENT) from error
            except (aiosmtplib.SMTPException, OSError) as error:
                raise OutcomeUnknown(
                    f"the mail server went away while taking a message ({type(error).__name__})"
                ) from error

    def _compose(self, message: Message, recipient: Address) -> EmailMessage:
        mail = EmailMessage(policy=_POLICY)
        mail["From"] = self._sender
        mail["To"] = recipient
        mail["Subject"] = _one_line(message.subject)[:_LONGEST_SUBJECT]
        mail["Date"] = format_datetime(self._clock())
        mail["Message-ID"] = f"<{_one_line(message.id)}@{self._sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        if message.html is not None:
            mail.add_alternative(message.html, subtype="html")
        if message.attachment is not None:
            maintype, _, subtype = message.attachment.content_type.partition("/")
            mail.add_attachment(
                message.attachment.content,
                maintype=maintype,
                subtype=subtype,
                filename=message.attachment.filename,
            )
        return mail

    @asynccontextmanager
    async def _conversation(self) -> AsyncIterator[aiosmtplib.SMTP]:
        settings = self._settings
        server = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username or None,
            password=settings.password or None,
            use_tls=settings.port == _IMPLICIT_TLS_PORT,
            start_tls=settings.starttls and settings.port != _IMPLICIT_TLS_PORT,
            tls_context=self._tls,
            timeout=self._seconds,
        )
        with _before_the_content():
            await server.connect()
        try:
            yield server
        finally:
            # By now the message is taken or not; how we part changes nothing.
            with suppress(aiosmtplib.SMTPException, OSError):
                await server.quit()
            server.close()


@contextmanager
def _before_the_content() -> Iterator[None]:
    """Nothing has been sent yet, whatever goes wrong. Servers' texts, which repeat addresses, are dropped."""
    try:
        yield
    except aiosmtplib.SMTPRecipientRefused as error:
        raise _refusal("the customer's address", error, final=error.code >= _PERMANENT) from error
    except aiosmtplib.SMTPResponseException as error:
        raise _refusal("the conversation", error, final=False) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Unavailable(
            f"no talking to the mail server ({type(error).__name__}); check BAHI_SMTP_HOST, trying again"
        ) from error


def _refusal(
    what: str, error: aiosmtplib.SMTPResponseException, *, final: bool
) -> GatewayRefused | Unavailable:
    message = f"the mail server refused {what} with {error.code}"
    return (
        GatewayRefused(message, status=error.code) if final else Unavailable(f"{message}; trying again later")
    )


def _mailbox(name: str, address: str) -> Address | None:
    """None unless `address` is one plain ASCII address; nothing in either can begin a header of its own."""
    if len(address) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        return None
    return Address(_one_line(name), addr_spec=address)


def _one_line(text: str) -> str:
    """Without line ends and other characters that do not print."""
    return "".join(character if character.isprintable() else " " for character in text).strip()
