"""Judging tokens: proto/WIRE.md, "Verifying". By python3-cryptography, and nothing of jwkd."""
import base64
import fractions
import hashlib
import json
import math
import re

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils

import edwards

LIMIT_TOKEN, LIMIT_JWKS, LIMIT_KEYS, LIMIT_LEVELS = 24 * 1024, 4 * 1024 * 1024, 4096, 16
LIMIT_LEEWAY = 600
LARGEST_NUMBER = 2 ** 53

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {"P-256": (ec.SECP256R1, 32, "ES256"), "P-384": (ec.SECP384R1, 48, "ES384"),
          "P-521": (ec.SECP521R1, 66, "ES512"), "secp256k1": (ec.SECP256K1, 32, "ES256K")}
EDWARDS = {"Ed25519": (ed25519.Ed25519PublicKey, 32), "Ed448": (ed448.Ed448PublicKey, 57)}
ML_DSA = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")  # not offered by python3-cryptography
RSA_ALGS = tuple(kind + size for kind in ("RS", "PS") for size in HASHES)
ALGS = {*RSA_ALGS, "ES256", "ES384", "ES512", "ES256K", "EdDSA", *EDWARDS, *ML_DSA}
LIMIT_ALIKE = 8
KTYS = ("RSA", "EC", "OKP", "AKP")
PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "priv")
KID = re.compile(r'[!#-\[\]-~]{1,128}')
ROCA_PRIMES = [p for p in range(3, 168) if all(p % q for q in range(2, p))]


class Malformed(Exception):
    """What is not JSON or base64url as it has to be, or a key set that is none."""


class Unusable(Exception):
    """A key that is skipped, and why."""


class NotKnownHere(Unusable):
    """One of a kind that this verifier does not know."""


# ---- JSON and base64url

class Number(str):
    """A number as it is written."""


def parse_json(data, marking=False):
    """`marking`: an object that has a member name twice is a Doubled instead of being refused."""
    def members(pairs):
        names = [name for name, _ in pairs]
        if any("\0" in name for name in names):
            raise Malformed("NUL in a member name")
        if len(set(names)) == len(names):
            return dict(pairs)
        if not marking:
            raise Malformed("a member name twice")
        return Doubled(pairs)

    def constant(name):
        raise Malformed(name)

    try:
        value = json.loads(bytes(data).decode("utf-8"), object_pairs_hook=members, parse_constant=constant,
                           parse_int=Number, parse_float=Number)
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error)) from error
    check_value(value, 1)
    return value


class Doubled(dict):
    pass


def check_value(value, level):
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise Malformed("a lone surrogate")
    elif isinstance(value, (dict, list)):
        if level > LIMIT_LEVELS:
            raise Malformed("nested too deeply")
        for item in children(value):
            check_value(item, level + 1)


def children(value):
    return [*value, *value.values()] if isinstance(value, dict) else value


def is_doubled(value):
    return isinstance(value, Doubled) or (isinstance(value, (dict, list)) and any(map(is_doubled, children(value))))


def decode(text):
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        raise Malformed("not base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(data) != text:
        raise Malformed("not base64url: unused bits")
    return data


def is_string(value):
    return isinstance(value, str) and not isinstance(value, Number)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# ---- keys

class Key:
    """A usable key of a set. Unusable. `foreign`: not of a service's own document."""

    def __init__(self, jwk, rsa_alg="RS256", foreign=True):
        if not isinstance(jwk, dict):
            raise Unusable("not an object")
        if is_doubled(jwk):
            raise Unusable("a member name twice")
        self.kty, self.crv, self.foreign = jwk.get("kty"), jwk.get("crv"), foreign
        if not is_string(self.kty) or not is_string(jwk.get("crv", "")):
            raise Unusable("kty or crv")
        self._check_purpose(jwk)
        self.public, self.members = self._read(jwk)
        self.alg = self._read_alg(jwk, rsa_alg)
        text = json.dumps({name: jwk[name] for name in self.members}, separators=(",", ":"), sort_keys=True)
        self.thumbprint = encode(hashlib.sha256(text.encode()).digest())
        self.kid = jwk.get("kid", self.thumbprint)
        if not is_string(self.kid) or not KID.fullmatch(self.kid):
            raise Unusable("kid")

    @staticmethod
    def _check_purpose(jwk):
        if "use" in jwk and jwk["use"] != "sig":
            raise NotKnownHere("use")
        if "key_ops" in jwk:
            operations = jwk["key_ops"]
            if not isinstance(operations, list) or not all(map(is_string, operations)):
                raise Unusable("key_ops")
            if "verify" not in operations:
                raise NotKnownHere("key_ops")

    def _read_alg(self, jwk, rsa_alg):
        if self.kty == "RSA":
            fitting, implied = RSA_ALGS, rsa_alg
        elif self.kty == "EC":
            fitting, implied = (CURVES[self.crv][2],), CURVES[self.crv][2]
        else:
            fitting, implied = ("EdDSA", self.crv), "EdDSA"
        alg = jwk.get("alg", implied)
        if alg not in fitting:
            raise (Unusable if not is_string(alg) or alg in ALGS else NotKnownHere)("alg")
        return alg

    def _read(self, jwk):
        if self.kty == "RSA":
            n, e = member(jwk, "n"), member(jwk, "e")
            check_rsa(n, e)
            if self.foreign and has_roca(int.from_bytes(n, "big")):
                raise Unusable("ROCA")
            public = rsa.RSAPublicNumbers(int.from_bytes(e, "big"), int.from_bytes(n, "big")).public_key()
            return public, ("e", "kty", "n")
        if self.kty == "EC" and self.crv in CURVES:
            curve, size, _ = CURVES[self.crv]
            x, y = member(jwk, "x", size), member(jwk, "y", size)
            try:
                public = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"),
                                                       curve()).public_key()
            except ValueError as error:
                raise Unusable("not a point") from error
            return public, ("crv", "kty", "x", "y")
        if self.kty == "OKP" and self.crv in EDWARDS:
            kind, size = EDWARDS[self.crv]
            x = member(jwk, "x", size)
            if not edwards.is_sound(self.crv, x):
                raise Unusable("not a point, or of low order")
            return kind.from_public_bytes(x), ("crv", "kty", "x")
        raise NotKnownHere("kty or crv")

    def accepts(self, alg):
        return alg == self.alg or (self.kty == "OKP" and {alg, self.alg} == {"EdDSA", self.crv})

    def verifies(self, data, signature):
        try:
            if self.kty == "OKP":
                self.public.verify(signature, data)
            elif self.kty == "EC":
                self._verify_ecdsa(data, signature)
            else:
                self._verify_rsa(data, signature)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _verify_ecdsa(self, data, signature):
        size = CURVES[self.crv][1]
        if len(signature) != 2 * size:
            raise InvalidSignature()
        r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        self.public.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(HASHES[self.alg[2:5]]()))

    def _verify_rsa(self, data, signature):
        digest = HASHES[self.alg[2:5]]()
        if len(signature) != (self.public.key_size + 7) // 8:
            raise InvalidSignature()
        how = padding.PKCS1v15() if self.alg.startswith("RS") else \
            padding.PSS(padding.MGF1(digest), digest.digest_size)
        self.public.verify(signature, data, how, digest)


def member(jwk, name, size=None):
    if not is_string(jwk.get(name)):
        raise Unusable(f"{name} is missing, or no string")
    try:
        data = decode(jwk[name])
    except Malformed as error:
        raise Unusable(f"{name}: {error}") from error
    if size is not None and len(data) != size:
        raise Unusable(f"{name} has {len(data)} bytes")
    return data


def check_rsa(n, e):
    if n[:1] in (b"", b"\0") or e[:1] in (b"", b"\0"):
        raise Unusable("leading zeros")
    modulus, exponent = int.from_bytes(n, "big"), int.from_bytes(e, "big")
    if not 2048 <= modulus.bit_length() <= 16384 or modulus % 2 == 0:
        raise Unusable("n")
    if exponent < 65537 or exponent % 2 == 0 or exponent.bit_length() > 64:
        raise Unusable("e")


def has_roca(modulus):
    """Whether one number a is such that the modulus is 65537^a modulo each of the primes."""
    value, order = 0, 1  # a is `value` modulo `order`
    for p in ROCA_PRIMES:
        powers = [1]
        while (power := powers[-1] * 65537 % p) != 1:
            powers.append(power)
        if modulus % p not in powers:
            return False
        wanted, cycle = powers.index(modulus % p), len(powers)
        common = math.gcd(order, cycle)
        if (wanted - value) % common:
            return False
        value += order * ((wanted - value) // common * pow(order // common, -1, cycle // common) % (cycle // common))
        order = order * cycle // common
    return True


class KeySet:
    """A JWK set, and the kids that are deactivated. `skipped` has the reasons: (index, kid or None, reason)."""

    def __init__(self, document, deactivated=(), rsa_alg="RS256"):
        if len(document) > LIMIT_JWKS:
            raise Malformed("too long")
        parsed = parse_json(document, marking=True)
        if not isinstance(parsed, dict) or isinstance(parsed, Doubled):
            raise Malformed("no object")
        entries = parsed.get("keys")
        if not isinstance(entries, list) or len(entries) > LIMIT_KEYS:
            raise Malformed("no keys, or too many")
        self.keys, self.skipped, self.deactivated = [], [], set(deactivated)
        for index, entry in enumerate(entries):
            if is_private(entry):
                raise Malformed("a private key")
            try:
                self._add(Key(entry, rsa_alg))
            except (Unusable, UnsupportedAlgorithm, ValueError) as error:
                self.skipped.append((index, entry.get("kid") if isinstance(entry, dict) else None, str(error)))

    def _add(self, key):
        others = [other for other in self.keys if other.kid == key.kid]
        if (key.alg, key.thumbprint) in [(other.alg, other.thumbprint) for other in others]:
            return
        if sum(other.accepts(key.alg) for other in others) >= LIMIT_ALIKE:
            raise Unusable("too many of its kid and alg")
        self.keys.append(key)

    def is_live(self, kid):
        return kid not in self.deactivated and any(key.kid == kid for key in self.keys)


def snapshot_keys(document, deactivated):
    """Of a service's snapshot, which is not to be judged by in part. Malformed."""
    parsed = parse_json(document)
    if not isinstance(parsed, dict) or not isinstance(parsed.get("keys"), list):
        raise Malformed("no key set")
    made = KeySet(b'{"keys":[]}', deactivated)
    for entry in parsed["keys"]:
        try:
            key = Key(entry, foreign=False)
        except NotKnownHere:
            continue
        except Unusable as error:
            raise Malformed(str(error)) from error
        if key.kid in made.deactivated or any(key.kid == other.kid for other in made.keys):
            raise Malformed("a kid twice")
        made.keys.append(key)
    return made


def is_private(entry):
    if not isinstance(entry, dict) or not any(name in entry for name in PRIVATE):
        return False
    kty = entry.get("kty")
    return not is_string(kty) or kty in KTYS


# ---- tokens

class Expectation:
    """What a caller expects: empty means not judged."""

    def __init__(self, issuer="", audiences=(), typ="", leeway=0):
        self.issuer, self.audiences, self.typ = issuer, list(audiences), typ
        self.leeway = min(leeway, LIMIT_LEEWAY)


def short_type(typ):
    lower = typ.lower()
    return lower[len("application/"):] if lower.startswith("application/") else lower


class Refused(Exception):
    """The verdict, and why."""

    def __init__(self, verdict, why=""):
        super().__init__(f"{verdict} {why}")
        self.verdict = verdict


def split(token):
    if len(token) > LIMIT_TOKEN:
        raise Malformed("too long")
    parts = token.split(".")
    if len(parts) != 3 or not parts[0]:
        raise Malformed("not three parts")
    return [decode(part) for part in parts]


def read_header(data):
    header = parse_json(data)
    if not isinstance(header, dict):
        raise Malformed("the header is no object")
    if "crit" in header or header.get("b64", True) is not True:
        raise Malformed("an extension")
    for name in ("alg", "typ"):
        if name in header and (not is_string(header[name]) or not header[name]):
            raise Malformed(name)
    if "alg" not in header or not is_string(header.get("kid", "")):
        raise Malformed("alg or kid")
    return header


def fitting_keys(keys, header):
    if header["alg"] not in ALGS:
        raise Refused("ALGORITHM_NOT_ALLOWED")
    kid = header.get("kid")
    if kid in keys.deactivated:
        raise Refused("KEY_DEACTIVATED")
    if not kid:
        found = keys.keys if len({key.kid for key in keys.keys}) == 1 else []
    else:
        found = [key for key in keys.keys if key.kid == kid]
    if not found:
        raise Refused("UNKNOWN_KEY")
    found = [key for key in found if key.accepts(header["alg"])]
    if not found:
        raise Refused("ALGORITHM_NOT_ALLOWED")
    return found


def read_claims(data):
    claims = parse_json(data)
    if not isinstance(claims, dict):
        raise Malformed("the claims are no object")
    if not is_string(claims.get("iss", "")):
        raise Malformed("iss")
    audience = claims.get("aud", [])
    if not is_string(audience) and not (isinstance(audience, list) and all(map(is_string, audience))):
        raise Malformed("aud")
    for name in ("exp", "nbf", "iat"):
        if name in claims:
            seconds(claims[name])
    return claims


def seconds(value):
    """A number's value, exactly."""
    if not isinstance(value, Number):
        raise Malformed("a time that is no number")
    digits, _, exponent = value.lower().partition("e")
    if not digits.strip("-0."):
        return fractions.Fraction(0)
    exponent = int(exponent[:8] or 0)  # of a token's length, more makes no difference
    if exponent > LIMIT_TOKEN:
        raise Malformed("a number out of range")
    number = fractions.Fraction(digits) * fractions.Fraction(10) ** max(exponent, -2 * LIMIT_TOKEN)
    if int(abs(number)) > LARGEST_NUMBER:
        raise Malformed("a number out of range")
    return number


def judge_claims(claims, expected, now):
    if expected.issuer:
        if "iss" not in claims:
            raise Refused("MISSING_CLAIM", "iss")
        if claims["iss"] != expected.issuer:
            raise Refused("WRONG_ISSUER")
    if expected.audiences:
        if "aud" not in claims:
            raise Refused("MISSING_CLAIM", "aud")
        audiences = [claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]
        if not set(audiences) & set(expected.audiences):
            raise Refused("WRONG_AUDIENCE")
    if "exp" not in claims:
        raise Refused("MISSING_CLAIM", "exp")
    if now >= seconds(claims["exp"]) + expected.leeway:
        raise Refused("EXPIRED")
    for name in ("nbf", "iat"):
        if name in claims and seconds(claims[name]) > now + expected.leeway:
            raise Refused("NOT_YET_VALID", name)


def judge_type(header, expected):
    typ = header.get("typ")
    if expected.typ:
        good = typ is not None and short_type(typ) == short_type(expected.typ)
    else:
        good = typ is None or short_type(typ) in ("at+jwt", "jwt")
    if not good:
        raise Refused("WRONG_TYPE")


def judge(keys, token, expected, now):
    """(verdict, the kid of the key that verified it or None, the claims of a valid token or None)"""
    try:
        header_bytes, payload, signature = split(token)
        header = read_header(header_bytes)
        fitting = fitting_keys(keys, header)
        data = token.rpartition(".")[0].encode()
        key = next((key for key in fitting if key.verifies(data, signature)), None)
        if key is None:
            raise Refused("BAD_SIGNATURE")
        judge_type(header, expected)
        claims = read_claims(payload)
        judge_claims(claims, expected, now)
    except Malformed:
        return "TOKEN_MALFORMED", None, None
    except Refused as refused:
        return refused.verdict, None, None
    return "VALID", key.kid, claims
