"""The way from an empty site to a first notification: send an event, save a cohort, subscribe a channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cohorts.models import Cohort
from ingest.models import ApiKey, Event, Scope
from notifications.models import Subscription

NO_KEY = "YOUR_KEY"
"""Stands in the snippets until there is a key to show."""


@dataclass(frozen=True)
class Steps:
    """Which of the steps are done."""

    event: bool
    cohort: bool
    subscription: bool

    @property
    def done(self) -> bool:
        return self.event and self.cohort and self.subscription


def steps() -> Steps:
    """How far this site is."""
    return Steps(Event.objects.exists(), Cohort.objects.exists(), Subscription.objects.exists())


def first_event() -> Event | None:
    """The event that came in first."""
    return Event.objects.select_related("user", "company").order_by("pk").first()


def sender_key() -> ApiKey | None:
    """The newest key with which events can be sent; its text is not known any more."""
    live = ApiKey.objects.filter(revoked_at=None).order_by("-created_at")[:100]
    return next((key for key in live if Scope.COLLECTOR in key.scopes), None)


@dataclass(frozen=True)
class Snippet:
    """How to send events with one client."""

    id: str
    label: str
    where: str
    code: str


def snippets(address: str, key: str, now: datetime) -> list[Snippet]:
    """For each client code that works as it stands, once it knows who calls."""
    values = {"address": address, "host": urlsplit(address).netloc, "key": key or NO_KEY}
    values["now"] = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [Snippet(id_, label, where, _filled(code, values)) for id_, label, where, code in _SNIPPETS]


def _filled(code: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        code = code.replace(f"<{name}>", value)
    return code.strip("\n")


_CURL = """
curl <address>/v1/events \\
  -H "X-Moesif-Application-Id: <key>" -H "Content-Type: application/json" \\
  -d '{
    "request": {"time": "<now>", "verb": "POST", "uri": "https://api.example.com/orders"},
    "response": {"time": "<now>", "status": 400},
    "user_id": "12345", "company_id": "67890"
  }'
"""
_PYTHON = """
# pip install moesifapi
from datetime import UTC, datetime

from moesifapi.configuration import Configuration
from moesifapi.models import EventModel, EventRequestModel, EventResponseModel, UserModel
from moesifapi.moesif_api_client import MoesifAPIClient

Configuration.BASE_URI = "<address>"
api = MoesifAPIClient("<key>").api

now = datetime.now(UTC).isoformat()
api.create_event(
    EventModel(
        request=EventRequestModel(time=now, uri="https://api.example.com/orders", verb="POST", headers={}),
        response=EventResponseModel(time=now, status=400, headers={}),
        user_id="12345",
        company_id="67890",
    )
)
api.update_user(UserModel(user_id="12345", company_id="67890", metadata={"email": "ada@example.com", "plan": "free"}))
"""
_DJANGO = """
# pip install moesifdjango
MIDDLEWARE = ["moesifdjango.middleware.moesif_middleware", *MIDDLEWARE]
MOESIF_MIDDLEWARE = {
    "APPLICATION_ID": "<key>",
    "BASE_URI": "<address>",
    "IDENTIFY_USER": lambda request, response: request.user.get_username() or None,
    "IDENTIFY_COMPANY": lambda request, response: getattr(request.user, "company_id", None),
}
"""
_NODE = """
// npm install moesif-nodejs
const moesif = require("moesif-nodejs");

app.use(moesif({
  applicationId: "<key>",
  baseUri: "<address>",
  identifyUser: (req, res) => req.user && req.user.id,
  identifyCompany: (req, res) => req.user && req.user.companyId,
}));
"""
_BROWSER = """
<script src="https://unpkg.com/moesif-browser-js@v1/moesif.min.js"></script>
<script>
  moesif.init({ applicationId: "<key>", host: "<host>" });
  moesif.identifyUser("12345", { email: "ada@example.com", plan: "free" });
  moesif.track("Signed Up", { from: "pricing" });
</script>
"""
_SNIPPETS = (
    ("curl", "curl", "In a terminal, to see it work at once", _CURL),
    ("python", "Python", "With moesifapi", _PYTHON),
    ("django", "Django", "In settings.py, with moesifdjango: every request becomes an event", _DJANGO),
    ("node", "Node.js", "With moesif-nodejs, in Express or what is like it: every request becomes an event", _NODE),
    (
        "browser",
        "Browser",
        "In the head of your pages, where everybody can read the key: it can only send",
        _BROWSER,
    ),
)
