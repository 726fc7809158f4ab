"""TLS of the simulator: certificates made for the occasion, one of which has expired."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

HANDSHAKE = 0x16  # the first byte of a TLS record that begins a handshake (RFC 8446, 5.1)
NO_HANDSHAKE = b"HTTP/1.1 400 Bad Request\r\n\r\n"
LIFE = timedelta(days=1)


class Certificates:
    """An authority of our own and what it has signed for loopback names.

    Keys stay in memory, but that of an authority that is `kept` in a file: who trusts it goes on
    doing so when another process has taken over.
    """

    def __init__(self, kept: Path | None = None) -> None:
        if kept is not None and self._read(kept):
            return
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pushadmin simulator")])
        own = x509.BasicConstraints(ca=True, path_length=0)
        builder = self._begin(self.name, self.key, datetime.now(UTC))
        self.root = builder.add_extension(own, critical=True).sign(self.key, hashes.SHA256())
        if kept is not None:
            self._write(kept)

    def _read(self, kept: Path) -> bool:
        if not kept.exists():
            return False
        pem = kept.read_bytes()
        key = load_pem_private_key(pem, password=None)
        self.root = x509.load_pem_x509_certificate(pem)
        self.name = self.root.subject
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 written below
        self.key = key
        return datetime.now(UTC) + timedelta(hours=1) < self.root.not_valid_after_utc

    def _write(self, kept: Path) -> None:
        kept.touch(mode=0o600)
        kept.write_bytes(self.authority.encode() + _write_key(self.key))

    @property
    def authority(self) -> str:
        """What a client has to trust, as PEM."""
        return self.root.public_bytes(Encoding.PEM).decode()

    @cached_property
    def good(self) -> ssl.SSLContext:
        return self._open(datetime.now(UTC))

    @cached_property
    def expired(self) -> ssl.SSLContext:
        return self._open(datetime.now(UTC) - 30 * LIFE)

    def open_for_gateways(self) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """The good and the expired one, for both versions of HTTP and for callers who show a
        certificate, which `sign_client` has made."""
        contexts = (self._open(datetime.now(UTC)), self._open(datetime.now(UTC) - 30 * LIFE))
        for context in contexts:
            context.set_alpn_protocols(["h2", "http/1.1"])
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(cadata=self.authority)
        return contexts

    def sign_client(self, name: str) -> tuple[bytes, bytes]:
        """A certificate for a caller of that name, and its key, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._begin(subject, key, datetime.now(UTC)).sign(self.key, hashes.SHA256())
        return certificate.public_bytes(Encoding.PEM), _write_key(key)

    def _open(self, now: datetime) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        names = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
        builder = self._begin(name, key, now)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        pem = certificate.public_bytes(Encoding.PEM) + _write_key(key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with TemporaryDirectory() as folder:  # the library reads files only
            path = Path(folder) / "certificate.pem"
            path.touch(mode=0o600)
            path.write_bytes(pem)
            context.load_cert_chain(path)
        return context

    def _begin(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
    ) -> x509.CertificateBuilder:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - LIFE)
            .not_valid_after(now + LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(authority, critical=False)
        )


def _write_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
