"""The door for people: a form that takes the report token once and leaves a cookie in its place."""

from __future__ import annotations

from ._forms import Forms, own_target
from ._hosts import Hosts
from ._pages import Pages
from ._report_access import ReportAccess
from ._requests import IncomingRequest, Response

__all__ = ["SIGN_IN_PATH", "SIGN_OUT_PATH", "SignIn"]

SIGN_IN_PATH = "/sign-in"
SIGN_OUT_PATH = "/sign-out"


class SignIn:
    """The routes of the form; safe between threads."""

    def __init__(self, access: ReportAccess, hosts: Hosts, forms: Forms, pages: Pages) -> None:
        self._access = access
        self._hosts = hosts
        self._forms = forms
        self._pages = pages

    def show(self, request: IncomingRequest) -> Response:
        """Show the form."""
        self._access.check_open(request)
        target = own_target(request.query("target") or "/")
        return self._pages.sign_in(target)

    def sign_in(self, request: IncomingRequest) -> Response:
        """Swap the token that was typed for the cookie, and go to the page that was asked for."""
        self._access.check_open(request)
        self._hosts.check_origin(request)
        fields = dict(self._forms.read(request))
        request.target = own_target(fields.get("target", "/"))
        return self._access.sign_in(request, fields.get("token", "").strip(), request.target)

    def sign_out(self, request: IncomingRequest) -> Response:
        """Take the cookie away, and show the form."""
        self._hosts.check_origin(request)
        return self._access.sign_out(request, SIGN_IN_PATH)
