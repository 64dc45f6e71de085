"""`make audit` against a database on loopback: what is known is named, and what was not asked is said."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from tests import audit
from tests.test_install import locked


class Osv(BaseHTTPRequestHandler):
    """Answers as the database does, for one package it knows something of."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        known = {"lxml": {"vulns": [{"id": "MAL-1"}, {"id": "CVE-2"}]}}
        results = [known.get(each["package"]["name"], {}) for each in asked]
        body = json.dumps({"results": results}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


def test_the_audit_names_what_is_known_and_says_when_nobody_could_be_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = HTTPServer(("127.0.0.1", 0), Osv)
    monkeypatch.setenv("OSV_ADDRESS", f"http://127.0.0.1:{server.server_port}")
    with server:
        serving = Thread(target=server.handle_request)
        serving.start()
        assert audit.main() == 1
        serving.join()
    told = capsys.readouterr().out
    assert f"lxml {locked()['lxml'][0]}: CVE-2, MAL-1" in told
    assert "against 1." in told
    assert audit.main() == 0
    assert "NOT AUDITED" in capsys.readouterr().out
