"""TLS on the same port: certificates made for the occasion, one of which has expired."""

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
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HANDSHAKE = 0x16  # the first byte of a TLS record that begins a handshake (RFC 8446, 5.1)
NO_HANDSHAKE = b"HTTP/1.1 400 Bad Request\r\n\r\n"
LIFE = timedelta(days=1)


class Certificates:
    """An authority of our own and what it has signed for loopback names. Keys stay in memory."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pushadmin simulator")])
        own = x509.BasicConstraints(ca=True, path_length=0)
        builder = self._begin(self.name, self.key, datetime.now(UTC))
        self.root = builder.add_extension(own, critical=True).sign(self.key, hashes.SHA256())

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

    def _open(self, now: datetime) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        names = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
        builder = self._begin(name, key, now)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        pem = certificate.public_bytes(Encoding.PEM) + key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
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
