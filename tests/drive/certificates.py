"""Keys that are made for one test session: TLS of the loopback Drive, and a service account's."""

import datetime
import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.x509.oid import NameOID

HOSTS = ["www.googleapis.com", "oauth2.googleapis.com"]


def write_keys(folder: Path) -> None:
    """Writes authority.pem, server.pem (certificate and key for HOSTS), service-account.json and its public.pem."""
    authority, server, account = (generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3))
    issuer = _certificate("loopback authority", authority, authority)
    leaf = _certificate(HOSTS[0], server, authority)
    (folder / "authority.pem").write_bytes(issuer.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + _private(server))
    (folder / "public.pem").write_bytes(
        account.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    (folder / "service-account.json").write_text(service_account(_private(account).decode()))


def service_account(private_key: str) -> str:
    """The JSON that Google gives out for a service account."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "loopback",
            "private_key_id": "1",
            "private_key": private_key,
            "client_email": "robot@loopback.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": "https://oauth2.googleapis.com/token",
        }
    )


def _private(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(name: str, key: RSAPrivateKey, authority: RSAPrivateKey) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback authority")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    if key is authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    else:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(authority, hashes.SHA256())
