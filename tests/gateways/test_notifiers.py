"""Messages over real sockets: what arrives, what certainly did not, and what nobody can know."""

import json
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from aiosmtpd.smtp import SMTP
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from domain.errors import GatewayRefused, Misconfigured, OutcomeUnknown, Unavailable
from domain.periods import IST
from gateways.notification_webhook import WebhookNotifier
from gateways.notifications import LogNotifier, Message
from gateways.smtp import SmtpNotifier, SmtpSettings
from local.ports import any_free_port
from tests.gateways.servers import SECRET, endpoint, hang_up, mail_server, transport_of

MESSAGE = Message(
    id="ntf_1",
    kind="receipt",
    to_email="meera@kaveri.example",
    to_name="Meera क्षितिज",
    subject="Receipt for ₹1,178.82",
    text="Thank you.\n.\nA line that is a dot, and ₹.\n",
    html="<p>Thank you: ₹1,178.82</p>",
    data={"amount_paise": 117882},
)


def now() -> datetime:
    """In India: a signer that forgets the zone would be hours off."""
    return datetime.now(IST)


def by_mail(port: int, seconds: float = 5.0) -> SmtpNotifier:
    settings = SmtpSettings("127.0.0.1", port, "Kaveri Billing <billing@kaveri.example>", starttls=False)
    return SmtpNotifier(settings, now, seconds=seconds)


def parsed(mail: bytes) -> EmailMessage:
    message = message_from_bytes(mail, policy=default)
    assert isinstance(message, EmailMessage)
    return message


async def test_a_mail_arrives_as_it_was_meant() -> None:
    async with mail_server() as box:
        await by_mail(box.port).send(MESSAGE)
    [mail] = [parsed(raw) for raw in box.mails]
    assert box.recipients == ["meera@kaveri.example"]
    assert mail["Subject"] == MESSAGE.subject
    assert mail["To"].addresses[0].display_name == MESSAGE.to_name
    assert mail["From"].addresses[0].addr_spec == "billing@kaveri.example"
    assert mail["Message-ID"] == "<ntf_1@kaveri.example>"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None and html is not None
    assert text.get_content().replace("\r\n", "\n") == MESSAGE.text
    assert "₹1,178.82" in html.get_content()
    assert max(box.mails[0]) < 128


@pytest.mark.parametrize(
    "hostile",
    [
        "Meera\r\nBcc: thief@example.com",
        "Meera\nSubject: other",
        "x\r\n\r\nbody",
        'M" <thief@example.com>',
        "a\u2028b\x00c",
    ],
)
async def test_no_name_and_no_subject_can_add_a_header(hostile: str) -> None:
    async with mail_server() as box:
        await by_mail(box.port).send(replace(MESSAGE, to_name=hostile, subject=hostile))
    [mail] = [parsed(raw) for raw in box.mails]
    assert mail["Bcc"] is None and len(mail.get_all("Subject") or []) == 1
    assert [address.addr_spec for address in mail["To"].addresses] == ["meera@kaveri.example"]
    assert box.recipients == ["meera@kaveri.example"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b",
        "a@b.example, c@d.example",
        "a@b.example\r\nBcc: c@d.example",
        "A <a@b.example>",
        "a@b.example\x00",
        "é@b.example",
        "a..b@c.example",
        f"{'a' * 250}@b.example",
    ],
)
async def test_an_address_that_is_not_exactly_one_is_refused_before_anything_is_sent(address: str) -> None:
    async with mail_server() as box:
        with pytest.raises(GatewayRefused):
            await by_mail(box.port).send(replace(MESSAGE, to_email=address))
        assert box.recipients == []


async def test_a_server_that_is_away_took_nothing() -> None:
    with pytest.raises(Unavailable):
        await by_mail(any_free_port()).send(MESSAGE)


async def test_a_recipient_refused_for_now_is_tried_again_and_one_refused_for_good_is_not() -> None:
    async with mail_server() as box:
        box.at_recipient = "450 greylisted, meera@kaveri.example"
        with pytest.raises(Unavailable) as later:
            await by_mail(box.port).send(MESSAGE)
        box.at_recipient = "550 no such mailbox meera@kaveri.example"
        with pytest.raises(GatewayRefused) as never:
            await by_mail(box.port).send(MESSAGE)
    assert never.value.status == 550
    assert "meera" not in f"{later.value}{never.value}"


async def test_a_message_the_server_refused_was_not_sent() -> None:
    async with mail_server() as box:
        box.at_data = lambda _: "451 try later"
        with pytest.raises(Unavailable):
            await by_mail(box.port).send(MESSAGE)
        box.at_data = lambda _: "554 looks like spam"
        with pytest.raises(GatewayRefused):
            await by_mail(box.port).send(MESSAGE)


async def test_a_connection_lost_after_the_content_leaves_it_unknown() -> None:
    async with mail_server() as box:
        box.at_data = hang_up
        with pytest.raises(OutcomeUnknown):
            await by_mail(box.port).send(MESSAGE)
        assert len(box.mails) == 1


async def test_a_connection_lost_after_the_answer_changes_nothing() -> None:
    async with mail_server() as box:
        box.at_data = _answer_and_hang_up
        await by_mail(box.port).send(MESSAGE)
        assert len(box.mails) == 1


def _answer_and_hang_up(server: SMTP) -> str:
    transport_of(server).write(b"250 taken\r\n")
    transport_of(server).close()
    return "250 taken"


async def test_a_server_that_does_not_offer_encryption_gets_nothing_where_it_is_asked_for() -> None:
    async with mail_server() as box:
        settings = SmtpSettings("127.0.0.1", box.port, "billing@kaveri.example", starttls=True)
        with pytest.raises(Unavailable):
            await SmtpNotifier(settings, now).send(MESSAGE)
        assert box.mails == []


def test_a_password_never_travels_in_the_clear() -> None:
    settings = SmtpSettings("mail.example", 25, "b@shop.example", "user", "secret", starttls=False)
    with pytest.raises(Misconfigured, match="BAHI_SMTP_STARTTLS"):
        SmtpNotifier(settings, now)
    assert "secret" not in repr(settings)
    with pytest.raises(Misconfigured, match="BAHI_SMTP_SENDER"):
        SmtpNotifier(replace(settings, sender="not an address"), now)


# to a notification service


async def test_a_notification_service_gets_a_signed_message_with_everything_in_it() -> None:
    async with endpoint() as service:
        notifier = WebhookNotifier(service.url, SECRET, now)
        await notifier.send(MESSAGE)
        await notifier.close()
    [request] = service.requests
    assert (request.method, request.path) == ("POST", "/hooks?tenant=1")
    body = Webhook(SECRET).verify(request.body, request.headers)
    assert body["type"] == "notification.receipt"
    assert body["data"]["to"] == {"email": MESSAGE.to_email, "name": MESSAGE.to_name}
    assert body["data"]["facts"] == {"amount_paise": 117882}
    assert request.headers["webhook-id"] == "ntf_1"
    assert json.loads(request.body) == body


@pytest.mark.parametrize(
    ("status", "expected"),
    [(500, Unavailable), (404, Unavailable), (429, Unavailable), (410, GatewayRefused), (0, OutcomeUnknown)],
)
async def test_what_a_service_answers_decides_whether_to_go_on(
    status: int, expected: type[Exception]
) -> None:
    async with endpoint(status) as service:
        notifier = WebhookNotifier(service.url, SECRET, now)
        with pytest.raises(expected):
            await notifier.send(MESSAGE)
        await notifier.close()


async def test_a_redirect_is_not_followed() -> None:
    async with endpoint() as elsewhere, endpoint(307, headers=f"location: {elsewhere.url}\r\n") as service:
        notifier = WebhookNotifier(service.url, SECRET, now)
        with pytest.raises(Unavailable):
            await notifier.send(MESSAGE)
        await notifier.close()
        assert elsewhere.requests == []


async def test_a_service_that_says_nothing_may_have_the_message() -> None:
    async with endpoint(-1) as service:
        notifier = WebhookNotifier(service.url, SECRET, now, answer_seconds=0.2)
        with pytest.raises(OutcomeUnknown):
            await notifier.send(MESSAGE)
        await notifier.close()


async def test_a_service_that_is_away_has_nothing() -> None:
    notifier = WebhookNotifier(f"http://127.0.0.1:{any_free_port()}/", SECRET, now)
    with pytest.raises(Unavailable):
        await notifier.send(MESSAGE)
    await notifier.close()


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "local only secret!", "whsec_c2hvcnQ=", "plain-text-secret-of-some-length"]
)
def test_a_secret_that_would_sign_with_less_than_it_seems_is_refused(secret: str) -> None:
    with pytest.raises(Misconfigured, match="BAHI_NOTIFICATION_WEBHOOK_SECRET"):
        WebhookNotifier("https://notify.example/", secret, now)


@pytest.mark.parametrize("url", ["", "ftp://x.example/", "notify.example", "https://", "http://\x00"])
def test_an_address_that_cannot_be_posted_to_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured, match="BAHI_NOTIFICATION_WEBHOOK_URL"):
        WebhookNotifier(url, SECRET, now)


async def test_the_log_names_the_message_and_nobody() -> None:
    with capture_logs() as logs:
        await LogNotifier().send(MESSAGE)
    assert [(line["notification"], line["kind"]) for line in logs] == [("ntf_1", "receipt")]
    assert "meera" not in f"{logs}{MESSAGE!r}".lower() and "1,178" not in f"{logs}{MESSAGE!r}"
