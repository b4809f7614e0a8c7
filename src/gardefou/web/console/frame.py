"""What every page of the console stands in: session, CSRF, step-up, errors as sentences, headers."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from gardefou.domain.records import Staff
from gardefou.errors import (
    Denied,
    GardefouError,
    InvalidInput,
    StepUpRequired,
    TooManyTries,
    TooOften,
)
from gardefou.flow.app import App
from gardefou.flow.figures import Figures
from gardefou.flow.passkeys import signed_in_passkey
from gardefou.flow.stops import open_pauses
from gardefou.flow.tries import trying
from gardefou.people.actor import Actor
from gardefou.people.authenticate import (
    by_session,
    by_signin_key,
    by_staff,
    hash_secret,
    renew_session,
    sign_in_again,
    start_session,
    use_link,
)
from gardefou.people.passkeys import Purpose, Site, passkeys_of, site_of
from gardefou.people.preferences import Preferences, preferences_of
from gardefou.people.roles import Power
from gardefou.people.sessions import NOTED, browser_family, note_seen
from gardefou.settings import Settings
from gardefou.speech import Speech, language_of, speak, speech
from gardefou.speech import gettext as _
from gardefou.web.console.aside import aside, came_from, local, wants_page
from gardefou.web.console.between import (
    ask_again,
    ask_to_confirm,
    ask_to_sign,
    later_again,
    problem,
    status_of,
    turned_away,
)
from gardefou.web.console.browser import (
    LOOPBACK,
    address_of,
    browsers_zone,
    by_itself,
    check_origin,
    cookie_name,
    open_cookie,
)
from gardefou.web.console.forms import Form, read_form
from gardefou.web.console.reading import Names
from gardefou.web.console.streams import Live
from gardefou.web.console.templates import PAGE_HEADERS, templates
from gardefou.web.console.watched import watched
from gardefou.web.openid import OpenId
from gardefou.web.pace import Pace
from gardefou.web.problems import as_error, note_denied
from gardefou.web.problems import problem as plain_problem

#: Where a form goes that waits for a fresh sign-in at the identity provider instead.
ELSEWHERE = "/oidc/step-up"


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request to the console, and who makes it."""

    console: Console
    request: Request
    form: Form
    #: When it began: the page shows what was so at that moment or later.
    began: datetime
    who: Actor | None = None
    csrf: str = ""
    secret: str = ""
    #: The session's secret is a new one, which the browser is to have.
    renewed: bool = False
    preferences: Preferences = field(default_factory=Preferences)
    #: Platform and account that a form acts on, for the page that asks to confirm it.
    concerns: tuple[str, str] | None = None
    _names: list[Names] = field(default_factory=list[Names])

    @property
    def app(self) -> App:
        """The application node."""
        return self.console.app

    @property
    def actor(self) -> Actor:
        """Whoever is signed in.

        Raises:
            Denied: nobody is (`auth/signed_out`).
        """
        if self.who is None:
            raise Denied("auth/signed_out", "You are signed out; sign in again.")
        return self.who

    def has_anew(self, secret: str) -> None:
        """Go on with the new secret that the session was given (`renew_session`); the answer tells the browser."""
        self.secret, self.renewed = secret, True

    @property
    def staff(self) -> Staff:
        """The signed-in person's record."""
        staff = self.actor.staff
        assert staff is not None
        return staff

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self.app.now()

    @property
    def names(self) -> Names:
        """Pseudonyms of everyone, read once a visit."""
        if not self._names:
            with self.app.works.read() as connection:
                self._names.append(Names.read(connection))
        return self._names[0]

    def path(self, name: str) -> str:
        """Return a part of the address, as the route names it."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str:
        """Return a field of the query, or nothing."""
        return str(self.request.query_params.get(name, ""))

    @property
    def address(self) -> str:
        """Where the request comes from; for counting tries alone, and kept nowhere."""
        return self.request.client.host if self.request.client is not None else ""

    @property
    def site(self) -> Site | None:
        """For which site passkeys are made here; None where browsers make none."""
        return site_of(self.console.settings.public_url, f"{self.request.url.scheme}://{self.request.url.netloc}")

    @property
    def localhost(self) -> str:
        """This console as browsers make passkeys for, where it was opened by this machine's number; else nothing."""
        url = self.request.url
        if self.console.settings.public_url or url.hostname not in LOOPBACK - {"localhost"}:
            return ""
        return str(url.replace(hostname="localhost", path="/", query="", fragment=""))

    @property
    def signs(self) -> bool:
        """Whether the signed-in person has a passkey, and their browser can use it here."""
        if self.site is None:
            return False
        with self.app.works.read() as connection:
            return any(one.revoked_at is None for one in passkeys_of(connection, self.actor.id))

    def may(self, power: Power) -> bool:
        """Whether the signed-in person's roles allow it."""
        return self.who is not None and power in self.who.powers

    def page(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """Return a rendered page; one that says an error carries its stable code, for whoever looks into it."""
        page = self.console.render(self, template, status=status, context=context)
        error = context.get("error") or context.get("trouble")
        if isinstance(error, GardefouError):
            page.headers["Gardefou-Problem"] = error.code
        return page


Page = Callable[[Visit], Response]


def go(path: str, **query: str) -> Response:
    """Send the browser to another page of the console after a form was taken."""
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, status_code=303)


class Console:
    """The application node with its templates; makes routes out of pages."""

    def __init__(self, app: App, settings: Settings, live: Live, openid: OpenId, pace: Pace) -> None:
        self.app = app
        self.settings = settings
        self.live = live
        self.openid = openid
        self.pace = pace

    @cached_property
    def figures(self) -> Figures:
        """How the days went, counted; this node remembers what is over."""
        return Figures(self.app)

    def get(self, path: str, page: Page, *, anyone: bool = False) -> Route:
        """Return the route of a page that is read."""
        return Route(path, self._endpoint(self._paced(path, page), anyone=anyone), methods=["GET"])

    def post(self, path: str, page: Page, *, anyone: bool = False) -> Route:
        """Return the route of a form that is taken."""
        return Route(path, self._endpoint(self._paced(path, page), anyone=anyone), methods=["POST"])

    def _paced(self, path: str, page: Page) -> Page:
        def paced(visit: Visit) -> Response:
            if visit.who is not None:
                self.pace.page(path, visit.csrf)
            return page(visit)

        return paced

    def _endpoint(self, page: Page, *, anyone: bool) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            # Only reading the body waits here; everything that touches the store runs in a thread.
            form, trouble = Form(), None
            if request.method == "POST":
                try:
                    form = await read_form(request, self.settings.max_body)
                except InvalidInput as error:
                    trouble = error
            response = await run_in_threadpool(self._serve, request, form, page, trouble, anyone=anyone)
            for name, value in PAGE_HEADERS.items():
                response.headers[name] = value
            return response

        return endpoint

    def _serve(
        self, request: Request, form: Form, page: Page, trouble: InvalidInput | None, *, anyone: bool
    ) -> Response:
        visit = self._visit(request, form)
        try:
            response = self._answer(visit, page, trouble, anyone=anyone)
        except Exception as error:
            known = as_error(error)
            if known is None:
                raise
            note_denied(request, known)
            response = turned_away(visit, known, plain_problem(known))
        # Unless the page itself began another session, or ended this one.
        if visit.renewed and not any(
            cookie.startswith(f"{cookie_name(request)}=") for cookie in response.headers.getlist("set-cookie")
        ):
            open_cookie(response, request, visit.secret)
        return response

    def _answer(self, visit: Visit, page: Page, trouble: InvalidInput | None, *, anyone: bool) -> Response:
        request = visit.request
        try:
            self._enter(visit)
            if trouble is not None:
                raise trouble
            if request.method == "POST":
                check_origin(request, strict=visit.who is None)
                if visit.who is not None:
                    _check_csrf(visit)
                    self._step_up(visit)
            if visit.who is None and not anyone:
                return _to_sign_in(visit)
            return page(visit)
        except StepUpRequired as error:
            return ask_again(visit, error.message)
        except TooOften as error:
            # Costs far less than a page.
            line = later_again(PlainTextResponse(_(error.message), status_of(error)), error)
            return turned_away(visit, error, line)
        except GardefouError as error:
            if error.code == "auth/signed_out":
                return _to_sign_in(visit)
            if error.code == "auth/step_up_wrong":
                return ask_again(visit, error.message, wrong=True)
            if error.code == "approval/passkey" and visit.signs:
                return ask_to_sign(visit, error)
            if error.code in {"confirm/required", "confirm/mismatch"} and visit.concerns is not None:
                return ask_to_confirm(visit, error)
            return problem(visit, error)

    def _visit(self, request: Request, form: Form) -> Visit:
        speak(Speech(language_of(request.headers.get("accept-language", ""))))
        return Visit(console=self, request=request, form=form, began=self.app.now())

    def visitor(self, request: Request) -> Visit:
        """Return a visit that has found out who it is, for what is no page; in that person's language from here on.

        Raises:
            Denied: the person is off duty (`staff/left`, `staff/suspended`).
        """
        visit = self._visit(request, Form())
        self._enter(visit)
        return visit

    def _enter(self, visit: Visit) -> None:
        """Find out who it is, from the session's cookie; an ended session is nobody."""
        secret = visit.request.cookies.get(cookie_name(visit.request), "")
        if not secret:
            return
        with self.app.works.read() as connection:
            try:
                idle = timedelta(seconds=self.app.recent_config().rules.session_idle_seconds)
                visit.who, visit.csrf, seen = by_session(connection, secret, now=visit.began, idle=idle)
            except Denied as error:
                if error.code != "auth/signed_out":
                    raise
                return
            visit.preferences = preferences_of(connection, visit.actor.id)
        visit.secret = secret
        if visit.began - seen > NOTED and not by_itself(visit.request):
            with self.app.works.begin() as uow:
                note_seen(uow.connection, hash_secret(secret), uow.now)
        chosen = visit.preferences
        speak(Speech(chosen.language or speech().language, chosen.timezone or browsers_zone(visit.request)))

    def _step_up(self, visit: Visit) -> None:
        """Take the fresh strong sign-in that a form brings along, then let the form go on."""
        given = visit.form.one("step_up")
        if not given or visit.request.url.path == ELSEWHERE:
            return
        staff_id, session = visit.actor.id, hash_secret(visit.secret)
        try:
            with trying(self.app, what=session):
                self._signed_by(given, session, staff_id)
        except TooManyTries:
            raise
        except GardefouError as error:
            raise Denied("auth/step_up_wrong", error.message) from error
        with self.app.works.begin() as uow:
            sign_in_again(uow, staff_id)
            secret = renew_session(uow.connection, visit.secret)
        visit.has_anew(secret)
        with self.app.works.read() as connection:
            visit.who = by_staff(connection, staff_id, now=self.app.now(), via="console")

    def _signed_by(self, given: str, session: str, staff_id: str) -> None:
        """Raise unless this is a passkey's answer, a link or a sign-in key of this person."""
        if given.startswith("{"):
            _require_own(signed_in_passkey(self.app, given, Purpose.STEP_UP, whose=session), staff_id)
            return
        with self.app.works.begin() as uow:
            # Another person's link is not used up by it.
            if "/signin/" in given:
                _require_own(use_link(uow.connection, given.rsplit("/", 1)[-1], now=uow.now), staff_id)
            else:
                _require_own(by_signin_key(uow.connection, given, now=uow.now), staff_id)

    def render(self, visit: Visit, template: str, *, status: int, context: Mapping[str, Any]) -> Response:
        """Return a page with what all pages show: who is signed in, and what is stopped."""
        stops: list[Any] = []
        if visit.who is not None:
            with self.app.works.read() as connection:
                stops = open_pauses(connection)
        known = {
            "visit": visit,
            "me": visit.who.staff if visit.who is not None else None,
            "csrf": visit.csrf,
            "now": visit.now,
            "here": visit.request.url.path,
            "stops": stops,
            "who": visit.names.of,
            "Power": Power,
            "speech": speech(),
            "preferences": visit.preferences,
            "badges": {} if visit.who is None else self.live.texts_for(visit.staff),
            "watched": watched(visit.request.url.path),
            "openid": self.openid,
            "error": None,
        }
        text = templates().get_template(template).render({**known, **context})
        return HTMLResponse(text, status_code=status)


class Assets(StaticFiles):
    """The console's own style and scripts; nothing comes from any other host."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file, telling the browser to take it as what it is said to be."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
            await send(message)

        await super().__call__(scope, receive, marked)


def begin_session(visit: Visit, staff_id: str, response: Response) -> Response:
    """Sign a person in strongly in this browser, by a session of its own; the one it had before ends."""
    before = visit.request.cookies.get(cookie_name(visit.request), "")
    family = browser_family(visit.request.headers.get("user-agent", ""))
    with visit.app.works.begin() as uow:
        secret, _ = start_session(uow, staff_id, strong=True, browser=family, instead_of=before)
    return open_cookie(response, visit.request, secret)


def _to_sign_in(visit: Visit) -> Response:
    """Lead to the sign-in, and from there back; what somebody wrote is shown on the way, to be copied."""
    request = visit.request
    if request.method == "GET":
        return go("/signin", next=local(address_of(request)))
    back = came_from(request.headers, "")
    written = visit.form.written
    if not written or not wants_page(request.scope):
        return go("/signin", next=back)
    out = Denied("auth/signed_out", _("You are signed out; sign in again."))
    return aside(plain_problem(out), out, back="/", written=written, sign_in=f"/signin?{urlencode({'next': back})}")


def _require_own(found: str, staff_id: str) -> None:
    if found != staff_id:
        raise Denied("auth/step_up_wrong", "That belongs to another person; use your own.")


def _check_csrf(visit: Visit) -> None:
    if not hmac.compare_digest(visit.form.one("csrf").encode(), visit.csrf.encode()):
        raise Denied("auth/csrf", "This page is from another session; open it again and repeat. Nothing was done.")
