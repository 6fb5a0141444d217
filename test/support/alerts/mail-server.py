"""A real mail server (aiosmtpd) with STARTTLS and AUTH: prints its port, then one JSON object for each mail and login."""

import json
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

certificate, key, user, password, port = sys.argv[1:6]
tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(certificate, key)


def say(what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        say({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "text": envelope.content.decode("utf-8", "replace"),
            "tls": session.ssl is not None,
            "authenticated": bool(session.authenticated),
        })
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login.decode() == user and data.password.decode() == password
    say({"login": mechanism, "good": good, "tls": session.ssl is not None})
    return AuthResult(success=good, handled=False)


controller = Controller(
    Handler(),
    hostname="127.0.0.1",
    port=int(port),
    tls_context=tls,
    require_starttls=True,
    authenticator=authenticate,
    auth_required=True,
)
controller.start()
say({"ready": True})
sys.stdin.read()  # until the test closes it
controller.stop()
