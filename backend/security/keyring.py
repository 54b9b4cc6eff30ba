"""Ed25519 keys (RFC 8037): read from PEM, named by their thumbprint, and the ring that signs and verifies.

A key's name, `kid`, is its RFC 7638 thumbprint: two replicas agree on it without being told, and no key can
be filed under another one's name.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

ALGORITHM: Final = "EdDSA"
_PUBLIC_PEM: Final = re.compile(r"-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----")


class KeyRing:
    """The key that signs and every public key that verifies, by `kid`; ValueError when one is malformed."""

    def __init__(self, signing_pem: str, verification_pems: Iterable[str]) -> None:
        self.signing: Final = read_signing_key(signing_pem)
        keys = [self.signing.public_key(), *map(read_public_key, verification_pems)]
        self.public: Final = {thumbprint(key): key for key in keys}
        self.kid: Final = next(iter(self.public))

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys as a JWK set (RFC 7517); the one that signs comes first."""
        return {"keys": [_jwk(kid, key) for kid, key in self.public.items()]}


def _jwk(kid: str, key: Ed25519PublicKey) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": _x(key), "kid": kid, "use": "sig", "alg": ALGORITHM}


def _x(key: Ed25519PublicKey) -> str:
    return _base64url(key.public_bytes_raw())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def thumbprint(key: Ed25519PublicKey) -> str:
    """RFC 7638 over the members that RFC 8037, appendix A.3, names, in their order, without white space."""
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{_x(key)}"}}'
    return _base64url(hashlib.sha256(members.encode()).digest())


def read_signing_key(pem: str) -> Ed25519PrivateKey:
    """The private key in a PKCS #8 PEM; ValueError, which quotes nothing of the key, for anything else."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("not the PEM of an unencrypted private key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 key")
    return key


def read_public_key(pem: str) -> Ed25519PublicKey:
    """The public key in a PEM; ValueError for anything else."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("not the PEM of a public key") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return key


def split_public_pems(text: str) -> tuple[str, ...]:
    """The PEMs that stand one after the other; ValueError if anything but Ed25519 public keys is there."""
    if "PRIVATE KEY" in text:
        raise ValueError("holds a private key; only public ones belong there")
    if _PUBLIC_PEM.sub("", text).strip(" \t\r\n,"):
        raise ValueError("not a row of public PEMs")
    pems = tuple(_PUBLIC_PEM.findall(text))
    for pem in pems:
        read_public_key(pem)
    return pems


def public_pem(key: Ed25519PublicKey) -> str:
    """What belongs into JWT_VERIFICATION_KEYS once the key no longer signs."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def new_signing_key() -> str:
    """A fresh Ed25519 key as PKCS #8 PEM."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
