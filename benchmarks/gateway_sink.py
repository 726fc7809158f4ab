"""What gateways are measured against: one nginx worker that takes everything, over TLS and HTTP/2.

Answers as per-device gateways do, at once; `gateways.relaying` puts a way that takes its time
in between.
Debian's packages nginx-light and nghttp2-client bring what is needed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BODY = '{"name": "projects/bench/messages/0:1700000000000000"}'
TOKEN = '{"access_token": "bench", "expires_in": 3600, "token_type": "Bearer"}'
STREAMS = 1000  # on one connection
LOG_SECONDS = 1  # until a line of the log is in its file
SITE = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  log_format moments '$msec';
  access_log {log};
  keepalive_requests 1000000000;
  http2_max_concurrent_streams {streams};
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {folder}/certificate.pem;
    ssl_certificate_key {folder}/key.pem;
    location / {{ default_type application/json; return 200 '{body}'; }}
    location = /token {{ default_type application/json; return 200 '{token}'; }}
    location /3/ {{ add_header apns-id $http_apns_id always; return 200; }}
    location /push/ {{ return 201; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Sink:
    """Where it is, the file of the certificate that it shows, and the log where one is kept."""

    url: str
    authority: Path
    log: Path | None = None

    @property
    def trust(self) -> dict[str, str]:
        """Environment by which clients of any make take the certificate."""
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        return dict.fromkeys((*names, "PUSHADMIN_OUTBOUND_CA"), str(self.authority))


def read_moments(log: Path) -> list[float]:
    """When each call was answered, in seconds, oldest first."""
    time.sleep(LOG_SECONDS + 1)
    return sorted(map(float, log.read_text().split()))


def find_missing() -> list[str]:
    """Programs that are needed and not here."""
    return [name for name in ("nginx", "h2load", "openssl", "npm", "node") if not find(name)]


def find(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def noting(folder: Path) -> Iterator[Sink]:
    """The same, that writes down when each call came."""
    with serving(folder, folder / "moments.log") as sink:
        yield sink


@contextmanager
def serving(folder: Path, log: Path | None = None) -> Iterator[Sink]:
    """A sink on a free port of loopback for as long as the block runs."""
    port = find_port()
    make_certificate(folder)
    site = folder / "nginx.conf"
    kept = f"{log} moments buffer=64k flush={LOG_SECONDS}s" if log else "off"
    values = {"body": BODY, "token": TOKEN, "streams": STREAMS, "log": kept}
    site.write_text(SITE.format(folder=folder, port=port, **values))
    with subprocess.Popen([str(find("nginx")), "-e", "stderr", "-c", str(site)]) as process:
        try:
            wait_for(port)
            yield Sink(f"https://localhost:{port}", folder / "certificate.pem", log)
        finally:
            process.terminate()


def find_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def make_certificate(folder: Path) -> None:
    """One that has signed itself: who is given it trusts it, whatever library reads it."""
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        *("-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")),
    ]
    subprocess.run(command, check=True, capture_output=True)


def wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("nginx did not start.")
