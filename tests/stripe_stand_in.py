"""Stripe, as far as this shop uses it, on a real socket: stateful, strict, and wrong on demand.

It keeps what the shop relies on: an ``Idempotency-Key`` gets its first answer again for the same
parameters and is refused with others; an intent is charged once; refunds never exceed the charge;
a cancelled intent takes no money. Cards are told by their payment method: see ``CARDS``.
"""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr
from stripe import WebhookSignature

from app.core.config import Settings

SECRET_KEY = "sk_test_stand_in"
WEBHOOK_SECRET = "whsec_stand_in"
CARDS = {
    "pm_card_visa": "succeeds",
    "pm_card_visa_chargeDeclined": "card_declined",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_threeDSecure2Required": "asks",
}
SENTENCES = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "authentication_failed": "We are unable to authenticate your payment method.",
}
OPEN = {"requires_payment_method", "requires_confirmation", "requires_action"}

SMALLEST = 50
"""Of dollars' cents: less is not worth Stripe's while."""

Answer = tuple[int, dict[str, Any]]


@dataclass
class StandIn:
    """An account at Stripe, and what goes wrong on the way to it.

    ``delay`` are the seconds before each answer, or before those of paths that end with
    ``delayed``. ``lose`` are the answers to be lost yet: what was asked is done, and the connection
    breaks. New refunds are what ``refunds_are`` says. ``asked`` are the requests, in order.
    """

    url: str = ""
    delay: float = 0
    delayed: str = ""
    lose: int = 0
    refunds_are: str = "succeeded"
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    answered: dict[str, tuple[str, dict[str, str], Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def settings(self, **changes: Any) -> Settings:
        """Return the settings of a shop that has its account here."""
        values: dict[str, Any] = {
            "payment_gateway": "stripe",
            "stripe_secret_key": SecretStr(SECRET_KEY),
            "stripe_webhook_secret": SecretStr(WEBHOOK_SECRET),
            "stripe_url": self.url,
        }
        return Settings(**{**values, **changes})

    def environment(self) -> dict[str, str]:
        """Return the same as a process's environment has it."""
        return {
            "PAYMENT_GATEWAY": "stripe",
            "STRIPE_SECRET_KEY": SECRET_KEY,
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "STRIPE_URL": self.url,
        }

    def intent_of(self, reference: str) -> dict[str, Any]:
        """Return the one intent that the shop calls so."""
        (intent,) = [
            intent
            for intent in self.intents.values()
            if intent["metadata"].get("reference") == reference
        ]
        return intent

    def taken(self) -> int:
        """Return how much money it has, in cents: what was charged less what went back."""
        charged = sum(int(intent["amount_received"]) for intent in self.intents.values())
        return charged - sum(int(refund["amount"]) for refund in self.refunds.values())

    def authenticate(self, intent_id: str, *, succeed: bool = True) -> None:
        """Let the buyer prove to their bank who they are, or fail to."""
        with self.lock:
            intent = self.intents[intent_id]
            assert intent["status"] == "requires_action", intent["status"]
            intent["next_action"] = None
            if succeed:
                _capture(intent)
            else:
                _fail(intent, "authentication_failed")

    def pay(self, intent_id: str, method: str = "pm_card_visa") -> None:
        """Let the buyer's browser confirm with its client secret, past the shop."""
        with self.lock:
            intent = self.intents[intent_id]
            assert intent["status"] in OPEN, intent["status"]
            self._confirm(intent, {"payment_method": method})

    def capture_late(self, intent_id: str) -> None:
        """Take the money after all, as no true Stripe should: the shop must cope."""
        with self.lock:
            _capture(self.intents[intent_id])

    def event(self, intent_id: str, kind: str, *, event_id: str | None = None) -> bytes:
        """Return a webhook's body about an intent."""
        event = {
            "id": event_id or f"evt_{secrets.token_hex(8)}",
            "object": "event",
            "api_version": "2026-10-28.endive",
            "type": f"payment_intent.{kind}",
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": self.intents[intent_id]},
        }
        return json.dumps(event).encode()

    def decide_refund(self, reference: str, status: str) -> bytes:
        """Let a refund become something else, and return the body of the webhook that says so."""
        with self.lock:
            (refund,) = [
                refund
                for refund in self.refunds.values()
                if refund["metadata"]["reference"] == reference
            ]
            refund["status"] = status
            if status == "failed":
                refund["failure_reason"] = "lost_or_stolen_card"
            return self.refund_event(refund)

    def refund_event(self, refund: dict[str, Any], kind: str = "refund.updated") -> bytes:
        """Return a webhook's body about a refund, as it is now."""
        event = {
            "id": f"evt_{secrets.token_hex(8)}",
            "object": "event",
            "api_version": "2026-10-28.endive",
            "type": kind,
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": refund},
        }
        return json.dumps(event).encode()

    def answer(self, method: str, path: str, form: dict[str, str], key: str | None) -> Answer:
        """Do what is asked, once for each idempotency key."""
        with self.lock:
            if method != "POST" or key is None:
                return self._act(method, path, form)
            if key in self.answered:
                known_path, known_form, answer = self.answered[key]
                if (known_path, known_form) != (path, form):
                    return _error(400, "idempotency_error", "Keys are for the same parameters.")
                return answer
            answer = deepcopy(self._act(method, path, form))
            self.answered[key] = (path, form, answer)
            return answer

    def _act(self, method: str, path: str, form: dict[str, str]) -> Answer:
        kind, _, rest = path.removeprefix("/v1/").partition("/")
        intent_id, _, action = rest.partition("/")
        intent = self.intents.get(intent_id or form.get("payment_intent", ""))
        match method, kind, action:
            case "POST", "payment_intents", "" if not intent_id:
                answer = self._make(form)
            case "GET", "payment_intents", "" if intent:
                answer = 200, intent
            case "POST", "payment_intents", "confirm" if intent:
                answer = self._confirm(intent, form)
            case "POST", "payment_intents", "cancel" if intent:
                answer = self._cancel(intent)
            case "POST", "refunds", "" if intent:
                answer = self._refund(intent, form)
            case "GET", "refunds", "" if intent:
                answer = 200, {"object": "list", "has_more": False, "data": self._refunds(intent)}
            case _:
                answer = _error(404, "invalid_request_error", "No such thing.")
        return answer

    def _refunds(self, intent: dict[str, Any]) -> list[dict[str, Any]]:
        refunds = self.refunds.values()
        return [refund for refund in refunds if refund["payment_intent"] == intent["id"]]

    def _make(self, form: dict[str, str]) -> Answer:
        assert form["allowed_payment_method_types[0]"] == "card"
        if int(form["amount"]) < SMALLEST:
            code = "amount_too_small"
            return _error(400, "invalid_request_error", "Amount must be more.", code=code)
        intent_id = f"pi_{secrets.token_hex(12)}"
        intent = {
            "id": intent_id,
            "object": "payment_intent",
            "amount": int(form["amount"]),
            "amount_received": 0,
            "currency": form["currency"],
            "client_secret": f"{intent_id}_secret_{secrets.token_hex(12)}",
            "description": form["description"],
            "last_payment_error": None,
            "metadata": {"reference": form["metadata[reference]"]},
            "next_action": None,
            "status": "requires_payment_method",
        }
        self.intents[intent_id] = intent
        return 200, intent

    def _confirm(self, intent: dict[str, Any], form: dict[str, str]) -> Answer:
        method = form.get("payment_method") or form["confirmation_token"].replace("ctoken", "pm")
        if method not in CARDS:
            return _error(
                400,
                "invalid_request_error",
                f"No such PaymentMethod: '{method}'",
                code="resource_missing",
                param="payment_method",
            )
        if intent["status"] not in OPEN:
            return _unexpected(intent)
        outcome = CARDS[method]
        if outcome == "asks":
            intent["status"] = "requires_action"
            intent["next_action"] = {
                "type": "redirect_to_url",
                "redirect_to_url": {
                    "url": f"{self.url}/3ds/{intent['id']}",
                    "return_url": form.get("return_url"),
                },
            }
        elif outcome == "succeeds":
            _capture(intent)
        else:
            _fail(intent, outcome)
            return _error(402, "card_error", SENTENCES[outcome], code="card_declined")
        return 200, intent

    def _cancel(self, intent: dict[str, Any]) -> Answer:
        if intent["status"] not in OPEN:
            return _unexpected(intent)
        intent["status"] = "canceled"
        intent["next_action"] = None
        return 200, intent

    def _refund(self, intent: dict[str, Any], form: dict[str, str]) -> Answer:
        amount = int(form["amount"])
        gone = sum(refund["amount"] for refund in self._refunds(intent))
        if gone + amount > intent["amount_received"]:
            return _error(
                400, "invalid_request_error", "Refund amount is greater than unrefunded amount."
            )
        refund = {
            "id": f"re_{secrets.token_hex(12)}",
            "object": "refund",
            "amount": amount,
            "currency": intent["currency"],
            "metadata": {"reference": form["metadata[reference]"]},
            "payment_intent": intent["id"],
            "status": self.refunds_are,
        }
        self.refunds[refund["id"]] = refund
        return 200, refund


def signed(body: bytes, *, age: float = 0, secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    """Return the headers of a webhook, as old as is said."""
    header = WebhookSignature.generate_signature_header(
        body.decode(), secret, timestamp=int(time.time() - age)
    )
    return {"Stripe-Signature": header, "Content-Type": "application/json"}


def _capture(intent: dict[str, Any]) -> None:
    intent["status"] = "succeeded"
    intent["amount_received"] = intent["amount"]


def _fail(intent: dict[str, Any], code: str) -> None:
    intent["status"] = "requires_payment_method"
    intent["last_payment_error"] = {"type": "card_error", "message": SENTENCES[code]}


def _unexpected(intent: dict[str, Any]) -> Answer:
    sentence = f"This PaymentIntent has a status of {intent['status']}."
    code = "payment_intent_unexpected_state"
    return _error(400, "invalid_request_error", sentence, code=code)


def _error(status: int, kind: str, message: str, **more: str) -> Answer:
    return status, {"error": {"type": kind, "message": message, **more}}


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for the stand-in."""

    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._answer(parts.path, dict(parse_qsl(parts.query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self._answer(self.path, dict(parse_qsl(body)))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""

    def _answer(self, path: str, form: dict[str, str]) -> None:
        self.stand_in.asked.append(f"{self.command} {path}")
        if self.headers["Authorization"] != f"Bearer {SECRET_KEY}":
            status, answer = _error(401, "invalid_request_error", "Invalid API Key provided.")
        else:
            key = self.headers["Idempotency-Key"]
            status, answer = self.stand_in.answer(self.command, path, form, key)
        body = json.dumps(answer).encode()
        if self.stand_in.lose:
            self.stand_in.lose -= 1
            self.close_connection = True
            return
        if path.endswith(self.stand_in.delayed):
            time.sleep(self.stand_in.delay)
        with suppress(ConnectionError):  # a shop that does not wait any longer
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Does not wait for connections that the shop keeps open."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256


@contextmanager
def serving(stand_in: StandIn | None = None) -> Iterator[StandIn]:
    """Let a stand-in be reached for the time of the block."""
    stand_in = stand_in or StandIn()
    handler = type("Bound", (Handler,), {"stand_in": stand_in})
    with Server(("127.0.0.1", 0), handler) as server:
        stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join()
