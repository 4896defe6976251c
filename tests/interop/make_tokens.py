"""Makes proto/vectors/tokens.json and proto/vectors/token-keys.json: python3 make_tokens.py REPOSITORY

The verdicts stand here, written by hand from "Verifying" of proto/WIRE.md; nothing is asked. Keys that are there
already, and tokens whose signed part is, are kept as they are: what comes out changes only where a vector does.
"""
import base64
import hashlib
import hmac
import json
import pathlib
import secrets
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils

VECTORS = pathlib.Path(sys.argv[1]) / "proto" / "vectors"
NOW = 1700000000
ISSUER, AUDIENCE = "https://issuer.example", "api"
CURVES = {"P-256": (ec.SECP256R1, 32), "P-384": (ec.SECP384R1, 48), "P-521": (ec.SECP521R1, 66),
          "secp256k1": (ec.SECP256K1, 32)}
HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141
NINE = ("rs256", "rs384", "rs512", "ps256", "ps384", "ps512", "rsa-3072", "rsa-8th", "rsa-9th")
P448 = 2 ** 448 - 2 ** 224 - 1

AT_IMPORT = "a service refuses such keys when they are imported"
DOCUMENT = "a service makes its own documents"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


# ---- keys: private JWKs, made once

def rsa_jwk(private):
    numbers = private.private_numbers()
    return {"kty": "RSA", "n": number(numbers.public_numbers.n), "e": number(numbers.public_numbers.e),
            "d": number(numbers.d), "p": number(numbers.p), "q": number(numbers.q), "dp": number(numbers.dmp1),
            "dq": number(numbers.dmq1), "qi": number(numbers.iqmp)}


def new_rsa(bits=2048, e=65537):
    return rsa_jwk(rsa.generate_private_key(e, bits))


def new_ec(crv):
    numbers = ec.generate_private_key(CURVES[crv][0]()).private_numbers()
    size = CURVES[crv][1]
    return {"kty": "EC", "crv": crv, "x": number(numbers.public_numbers.x, size),
            "y": number(numbers.public_numbers.y, size), "d": number(numbers.private_value, size)}


def new_okp(crv):
    kind = {"Ed25519": ed25519.Ed25519PrivateKey, "Ed448": ed448.Ed448PrivateKey}[crv]
    private = kind.generate()
    raw, raw_public = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return {"kty": "OKP", "crv": crv, "x": b64(private.public_key().public_bytes(raw, raw_public)),
            "d": b64(private.private_bytes(raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()))}


def is_prime(n):
    if any(n % p == 0 for p in range(2, 1000) if n != p):
        return False
    d, twos = n - 1, 0
    while d % 2 == 0:
        d, twos = d // 2, twos + 1
    for _ in range(20):
        x = pow(secrets.randbelow(n - 3) + 2, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def new_roca():
    """As CVE-2017-15361 made them: p = k M + (65537^a mod M)."""
    m = 1
    for p in range(2, 168):
        if all(p % q for q in range(2, p)):
            m *= p
    primes = []
    while len(primes) < 2:
        low = 3 << 1022
        k = low // m + secrets.randbelow((1 << 1022) // m)
        candidate = k * m + pow(65537, secrets.randbelow(m), m)
        if is_prime(candidate):
            primes.append(candidate)
    p, q = primes
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    return rsa_jwk(rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key())


MAKERS = {
    "p256": lambda: new_ec("P-256"), "p256-b": lambda: new_ec("P-256"), "p256-old": lambda: new_ec("P-256"),
    "p256-alone": lambda: new_ec("P-256"), "p384": lambda: new_ec("P-384"), "p521": lambda: new_ec("P-521"),
    "secp256k1": lambda: new_ec("secp256k1"), "secp256k1-b": lambda: new_ec("secp256k1"),
    "rs256": new_rsa, "rs384": new_rsa, "rs512": new_rsa, "ps256": new_rsa, "ps384": new_rsa, "ps512": new_rsa,
    "rsa-8th": new_rsa, "rsa-9th": new_rsa,
    "rsa-3072": lambda: new_rsa(3072), "rsa-1024": lambda: new_rsa(1024), "rsa-2047": lambda: new_rsa(2047),
    "rsa-e3": lambda: new_rsa(e=3), "rsa-roca": new_roca,
    "ed25519": lambda: new_okp("Ed25519"), "ed25519-b": lambda: new_okp("Ed25519"), "ed448": lambda: new_okp("Ed448"),
    "ed448-b": lambda: new_okp("Ed448"),
}


def load(name):
    path = VECTORS / name
    return json.loads(path.read_text()) if path.exists() else {}


KEYS = load("token-keys.json").get("keys", {})
for each, maker in MAKERS.items():
    if each not in KEYS:
        KEYS[each] = maker()
PUBLIC = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}


def thumbprint(name):
    key = KEYS[name]
    text = json.dumps({member: key[member] for member in PUBLIC[key["kty"]]}, separators=(",", ":"), sort_keys=True)
    return b64(hashlib.sha256(text.encode()).digest())


def public(name, **more):
    """The public JWK; members that are None are left out."""
    key = KEYS[name]
    jwk = {**{member: key[member] for member in PUBLIC[key["kty"]]}, **more}
    return {member: value for member, value in jwk.items() if value is not None}


def named(name, alg=None, **more):
    return public(name, kid=thumbprint(name), alg=alg, **more)


def private(name):
    key = KEYS[name]
    get = {member: int.from_bytes(unb64(value), "big") for member, value in key.items() if member not in ("kty", "crv")}
    if key["kty"] == "RSA":
        numbers = rsa.RSAPublicNumbers(get["e"], get["n"])
        return rsa.RSAPrivateNumbers(get["p"], get["q"], get["d"], get["dp"], get["dq"], get["qi"],
                                     numbers).private_key()
    if key["kty"] == "EC":
        return ec.derive_private_key(get["d"], CURVES[key["crv"]][0]())
    kind = {"Ed25519": ed25519.Ed25519PrivateKey, "Ed448": ed448.Ed448PrivateKey}[key["crv"]]
    return kind.from_private_bytes(unb64(key["d"]))


def signature(name, alg, data, salt=None, der=False):
    """By the key, as the algorithm has it; its hash is that of the algorithm."""
    key = private(name)
    if KEYS[name]["kty"] == "OKP":
        return key.sign(data)
    digest = HASHES[alg[2:5]]()
    if KEYS[name]["kty"] == "RSA":
        how = padding.PKCS1v15() if alg.startswith("RS") else \
            padding.PSS(padding.MGF1(digest), digest.digest_size if salt is None else salt)
        return key.sign(data, how, digest)
    made = key.sign(data, ec.ECDSA(digest))
    if der:
        return made
    r, s = utils.decode_dss_signature(made)
    size = CURVES[KEYS[name]["crv"]][1]
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


# ---- key sets

def keyset(*keys, deactivated=(), held=None, **more):
    """`held`: the names of the keys, with their algorithms, by which a service holds just this set."""
    made = {"jwks": json.dumps({"keys": list(keys)}, separators=(",", ":"))}
    if deactivated:
        made["deactivated"] = [thumbprint(name) for name in deactivated]
    if held is not None:
        made["service"] = [{"key": name, "alg": alg} for name, alg in held]
    return {**made, **more}


MAIN = [("p256", "ES256"), ("p384", "ES384"), ("p521", "ES512"), ("rs256", "RS256"), ("ps256", "PS256"),
        ("ed25519", "EdDSA"), ("ed448", "EdDSA")]
MORE = [("rs384", "RS384"), ("rs512", "RS512"), ("ps384", "PS384"), ("ps512", "PS512"), ("ed25519-b", "Ed25519"),
        ("ed448-b", "Ed448"), ("rsa-3072", "RS256"), ("secp256k1", "ES256K")]
SETS = {
    "main": keyset(*[named(name, alg) for name, alg in MAIN], deactivated=["p256-old"],
                   held=MAIN + [("p256-old", "ES256")]),
    "more": keyset(*[named(name, alg) for name, alg in MORE], held=MORE),
    "one": keyset(named("p256-alone", "ES256"), held=[("p256-alone", "ES256")]),
    "none": keyset(held=[]),
    "none left": keyset(deactivated=["p256-old"], held=[("p256-old", "ES256")]),
}
GOOD = {**public("p256"), "kid": "good", "alg": "ES256", "use": "sig"}


def odd(name, *entries):
    """A set in which a good key stands between odd ones."""
    SETS[name] = keyset(*entries[:1], GOOD, *entries[1:])
    return name


# ---- vectors

OLD = {vector["name"]: vector["token"] for vector in load("tokens.json").get("tokens", [])}
made_vectors = []


def text_of(value):
    return value if isinstance(value, bytes) else (value if isinstance(value, str) else
                                                   json.dumps(value, separators=(",", ":"))).encode()


def claims_of(**more):
    claims = {"iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "iat": NOW - 60, "exp": NOW + 300, **more}
    return {name: value for name, value in claims.items() if value is not None}


def header_of(key, alg, kid, **more):
    header = {"alg": alg, "kid": kid, "typ": "at+jwt", **more}
    return {name: value for name, value in header.items() if value is not None}


def add(name, verdict, token, keys="main", why=None, expect=None, source=None):
    expected = {"issuer": ISSUER, "audiences": [AUDIENCE], **(expect or {})}
    vector = {"name": name, "verdict": verdict, "keys": keys, "expected": expected, "token": token}
    if source:
        vector["source"] = source
    if why:
        vector["not_by_service"] = why
    elif "service" not in SETS[keys]:
        raise ValueError(f"{name}: why not by a service?")
    if name in {other["name"] for other in made_vectors}:
        raise ValueError(f"{name}: twice")
    made_vectors.append(vector)


def vector(name, verdict, key="p256", alg="ES256", kid="", header=None, claims=None, sign=None, spoil=None, raw=None,
           keys="main", why=None, expect=None, source=None, **more):
    """A signed token. `kid` "" is the key's thumbprint, None leaves it out; more goes into the header. `sign`: what
    makes the signature; `spoil`: what is done to the whole token in the end."""
    head = header if header is not None else header_of(key, alg, thumbprint(key) if kid == "" else kid, **more)
    body = claims if claims is not None else claims_of()
    data = f"{b64(text_of(head))}.{b64(text_of(body))}"
    if raw:
        data = raw(data)
    old = OLD.get(name, "")
    if not spoil and old.startswith(data + "."):
        token = old
    else:
        made = sign(data.encode()) if sign else signature(key, alg, data.encode())
        token = f"{data}.{b64(made)}"
    add(name, verdict, spoil(token) if spoil else token, keys, why, expect, source)


def claim(name, verdict, source=None, expect=None, keys="main", why=None, **more):
    vector(name, verdict, claims=claims_of(**more), source=source, expect=expect, keys=keys, why=why)


def altered(part, at=5):
    """Another character in the middle of a part."""
    def spoil(token):
        parts = token.split(".")
        old = parts[part][at]
        parts[part] = parts[part][:at] + ("B" if old == "A" else "A") + parts[part][at + 1:]
        return ".".join(parts)
    return spoil


def good_algorithms():
    for key, alg in MAIN:
        vector(f"alg/{alg} by {key}", "VALID", key, alg)
        vector(f"alg/{alg} by {key}, signature altered", "BAD_SIGNATURE", key, alg, spoil=altered(2, 20))
    for key, alg in MORE:
        vector(f"alg/{alg} by {key}", "VALID", key, alg, keys="more")
    for name, key, own in (("Ed25519", "ed25519", "EdDSA"), ("Ed448", "ed448", "EdDSA")):
        vector(f"alg/{name} for a key of {own}", "VALID", key, name, source="RFC 9864 section 2.2")
    for name, key in (("Ed25519", "ed25519-b"), ("Ed448", "ed448-b")):
        vector(f"alg/EdDSA for a key of {name}", "VALID", key, "EdDSA", keys="more")
    vector("alg/Ed448 for a key of Ed25519", "ALGORITHM_NOT_ALLOWED", "ed25519", "Ed448")
    vector("alg/Ed25519 for a key of Ed448", "ALGORITHM_NOT_ALLOWED", "ed448", "Ed25519")
    vector("alg/ED25519 is no name", "ALGORITHM_NOT_ALLOWED", "ed25519", "ED25519")


def algorithm_confusion():
    pem = private("rs256").public_key().public_bytes(serialization.Encoding.PEM,
                                                     serialization.PublicFormat.SubjectPublicKeyInfo)
    for size, digest in (("256", "sha256"), ("384", "sha384"), ("512", "sha512")):
        vector(f"alg/HS{size} with the public key for a secret", "ALGORITHM_NOT_ALLOWED", "rs256", f"HS{size}",
               sign=lambda data, digest=digest: hmac.digest(pem, data, digest), source="RFC 8725 section 2.1")
    vector("alg/HS256 with n for a secret", "ALGORITHM_NOT_ALLOWED", "rs256", "HS256",
           sign=lambda data: hmac.digest(unb64(KEYS["rs256"]["n"]), data, "sha256"))
    for none in ("none", "None", "NONE", "nOnE"):
        vector(f"alg/{none}, no signature", "ALGORITHM_NOT_ALLOWED", alg=none, sign=lambda data: b"",
               source="RFC 8725 section 2.1")
    vector("alg/none, with a signature", "ALGORITHM_NOT_ALLOWED", header=header_of("p256", "none", thumbprint("p256")))
    vector("alg/none, kid unknown", "ALGORITHM_NOT_ALLOWED", alg="none", kid="unknown", sign=lambda data: b"")
    vector("alg/none, kid deactivated", "ALGORITHM_NOT_ALLOWED", alg="none", kid=thumbprint("p256-old"),
           sign=lambda data: b"")
    vector("alg/ES256K named for a P-256 key", "ALGORITHM_NOT_ALLOWED", header=header_of("p256", "ES256K", thumbprint("p256")))
    vector("alg/es256 in small letters", "ALGORITHM_NOT_ALLOWED",
           header=header_of("p256", "es256", thumbprint("p256")))
    vector("alg/ES256 with a blank", "ALGORITHM_NOT_ALLOWED", header=header_of("p256", "ES256 ", thumbprint("p256")))
    vector("alg/an encryption's", "ALGORITHM_NOT_ALLOWED", header=header_of("p256", "RSA-OAEP", thumbprint("p256")))
    vector("alg/ML-DSA-44 named for an EC key", "ALGORITHM_NOT_ALLOWED",
           header=header_of("p256", "ML-DSA-44", thumbprint("p256")))
    vector("alg/PS256 by a key of RS256", "ALGORITHM_NOT_ALLOWED", "rs256", "PS256")
    vector("alg/RS256 by a key of PS256", "ALGORITHM_NOT_ALLOWED", "ps256", "RS256")
    vector("alg/RS384 by a key of RS256", "ALGORITHM_NOT_ALLOWED", "rs256", "RS384")
    vector("alg/ES384 named for a P-256 key", "ALGORITHM_NOT_ALLOWED", "p256", "ES384")
    vector("alg/ES256 named for a secp256k1 key", "ALGORITHM_NOT_ALLOWED",
           header=header_of("secp256k1", "ES256", thumbprint("secp256k1")),
           sign=lambda data: signature("secp256k1", "ES256K", data), keys="more", source="RFC 8812 section 5")
    vector("alg/ES256K in small letters", "ALGORITHM_NOT_ALLOWED",
           header=header_of("secp256k1", "es256k", thumbprint("secp256k1")), keys="more")
    vector("alg/ES256 named for an RSA key", "ALGORITHM_NOT_ALLOWED",
           header=header_of("rs256", "ES256", thumbprint("rs256")))
    vector("alg/RS256 named for an EC key", "ALGORITHM_NOT_ALLOWED",
           header=header_of("p256", "RS256", thumbprint("p256")))


def structure():
    vector("structure/empty", "TOKEN_MALFORMED", spoil=lambda token: "")
    vector("structure/one part", "TOKEN_MALFORMED", spoil=lambda token: token.split(".")[0])
    vector("structure/two parts", "TOKEN_MALFORMED", spoil=lambda token: token.rpartition(".")[0])
    vector("structure/four parts", "TOKEN_MALFORMED", spoil=lambda token: token + ".AAAA")
    vector("structure/a dot behind", "TOKEN_MALFORMED", spoil=lambda token: token + ".")
    vector("structure/two dots", "TOKEN_MALFORMED", spoil=lambda token: "..")
    vector("structure/five parts, as JWE has", "TOKEN_MALFORMED", spoil=lambda token: token + ".AAAA.AAAA")
    vector("structure/no header", "TOKEN_MALFORMED", spoil=lambda token: token[token.index("."):])
    vector("structure/no payload", "BAD_SIGNATURE",
           spoil=lambda token: token.split(".")[0] + ".." + token.split(".")[2])
    vector("structure/an empty payload, signed", "TOKEN_MALFORMED", claims="")
    vector("structure/no signature", "BAD_SIGNATURE", spoil=lambda token: token.rpartition(".")[0] + ".")
    vector("structure/a blank before", "TOKEN_MALFORMED", spoil=lambda token: " " + token)
    vector("structure/a line feed behind", "TOKEN_MALFORMED", spoil=lambda token: token + "\n")
    vector("structure/Bearer before", "TOKEN_MALFORMED", spoil=lambda token: "Bearer " + token)
    vector("structure/JSON serialisation", "TOKEN_MALFORMED", spoil=lambda token: json.dumps(
        dict(zip(("protected", "payload", "signature"), token.split(".")))), source="RFC 7515 section 7.2")
    vector("structure/24 KiB", "VALID", claims=padded(24 * 1024))
    vector("structure/over 24 KiB", "TOKEN_MALFORMED", claims=padded(24 * 1024 + 4))
    vector("structure/parts exchanged", "TOKEN_MALFORMED",
           spoil=lambda token: ".".join(token.split(".")[i] for i in (2, 1, 0)))


def padded(size):
    """Claims with which the token has so many bytes: a length that base64url can have."""
    head = len(b64(text_of(header_of("p256", "ES256", thumbprint("p256")))))
    payload = (size - head - 2 - 86) * 3 // 4
    bare = len(text_of(claims_of(x="")))
    claims = claims_of(x="x" * (payload - bare))
    total = head + 2 + 86 + len(b64(text_of(claims)))
    if total > size or size - total > 3:
        raise ValueError(f"{total} for {size}")
    return claims


def base64url():
    vector("base64url/padded signature", "TOKEN_MALFORMED", spoil=lambda token: token + "==")
    vector("base64url/padded header", "TOKEN_MALFORMED", raw=lambda data: data.replace(".", "=.", 1),
           source="RFC 7515 section 2")
    vector("base64url/padded payload", "TOKEN_MALFORMED", raw=lambda data: data + "=")
    vector("base64url/+ for -", "TOKEN_MALFORMED", header=header_of("p256", "ES256", thumbprint("p256"), x=">>>~~~"),
           raw=lambda data: data.replace("-", "+"))
    vector("base64url// for _", "TOKEN_MALFORMED", header=header_of("p256", "ES256", thumbprint("p256"), x="???~~~"),
           raw=lambda data: data.replace("_", "/"))
    vector("base64url/- and _ in the header", "VALID", x=">>>???~~~")
    vector("base64url/a line feed in the header", "TOKEN_MALFORMED", raw=lambda data: data[:8] + "\n" + data[8:])
    vector("base64url/a blank in the payload", "TOKEN_MALFORMED", raw=lambda data: data[:-8] + " " + data[-8:])
    vector("base64url/a blank in the signature", "TOKEN_MALFORMED", spoil=lambda token: token[:-8] + " " + token[-8:])
    vector("base64url/unused bits of the signature", "TOKEN_MALFORMED", spoil=unused_bits,
           source="RFC 4648 section 3.5")
    vector("base64url/a character too many in the signature", "TOKEN_MALFORMED", spoil=lambda token: token + "AAA")
    vector("base64url/percent signs", "TOKEN_MALFORMED", spoil=lambda token: token.replace(".", "%2E", 1))


def unused_bits(token):
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(token[-1])
    return token[:-1] + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last | 1]


def headers():
    kid = thumbprint("p256")
    plain = json.dumps(header_of("p256", "ES256", kid))[1:-1]
    for name, verdict, header in (
            ("not JSON", "TOKEN_MALFORMED", "alg=ES256"), ("an array", "TOKEN_MALFORMED", "[]"),
            ("a string", "TOKEN_MALFORMED", '"ES256"'), ("null", "TOKEN_MALFORMED", "null"),
            ("no members", "TOKEN_MALFORMED", "{}"),
            ("cut short", "TOKEN_MALFORMED", "{" + plain), ("more behind", "TOKEN_MALFORMED", "{" + plain + "}x"),
            ("two objects", "TOKEN_MALFORMED", "{" + plain + "}{}"),
            ("a comma too many", "TOKEN_MALFORMED", "{" + plain + ",}"),
            ("a comment", "TOKEN_MALFORMED", "{" + plain + "/**/}"),
            ("single quotes", "TOKEN_MALFORMED", "{" + plain.replace('"', "'") + "}"),
            ("NaN", "TOKEN_MALFORMED", "{" + plain + ',"x":NaN}'),
            ("a byte order mark", "TOKEN_MALFORMED", "\ufeff{" + plain + "}"),
            ("not UTF-8", "TOKEN_MALFORMED", b"{" + plain.encode() + b',"x":"\xff"}'),
            ("an overlong encoding", "TOKEN_MALFORMED", b"{" + plain.encode() + b',"x":"\xc0\xaf"}'),
            ("a surrogate in UTF-8", "TOKEN_MALFORMED", b"{" + plain.encode() + b',"x":"\xed\xa0\x80"}'),
            ("a lone surrogate", "TOKEN_MALFORMED", "{" + plain + ',"x":"\\ud800"}'),
            ("a pair of surrogates", "VALID", "{" + plain + ',"x":"\\ud83d\\ude00"}'),
            ("a control character", "TOKEN_MALFORMED", "{" + plain + ',"x":"\t"}'),
            ("NUL in a value", "VALID", "{" + plain + ',"x":"\\u0000"}'),
            ("NUL in a name", "TOKEN_MALFORMED", "{" + plain + ',"alg\\u0000":"x"}'),
            ("blanks and line feeds", "VALID", " \t\r\n{" + plain.replace(",", " ,\n") + "} \n"),
            ("escapes in names and values", "VALID", '{"\\u0061lg":"\\u0045S256","kid":"%s"}' % kid),
            ("alg twice", "TOKEN_MALFORMED", '{"alg":"none",' + plain + "}"),
            ("alg twice, once escaped", "TOKEN_MALFORMED", '{"\\u0061lg":"none",' + plain + "}"),
            ("kid twice, the same", "TOKEN_MALFORMED", '{"kid":"%s",' % kid + plain + "}"),
            ("a name twice, further in", "TOKEN_MALFORMED", "{" + plain + ',"x":{"a":1,"a":1}}'),
            ("Alg beside alg", "VALID", '{"Alg":"none",' + plain + "}"),
            ("16 levels", "VALID", "{" + plain + ',"x":' + "[" * 15 + "]" * 15 + "}"),
            ("17 levels", "TOKEN_MALFORMED", "{" + plain + ',"x":' + "[" * 16 + "]" * 16 + "}"),
            ("10000 levels", "TOKEN_MALFORMED", "{" + plain + ',"x":' + "[" * 8000 + "]" * 8000 + "}")):
        vector(f"header/{name}", verdict, header=header)
    for name, verdict, more in (
            ("no alg", "TOKEN_MALFORMED", {"alg": None}), ("alg empty", "TOKEN_MALFORMED", {"alg": ""}),
            ("typ empty", "TOKEN_MALFORMED", {"typ": ""}), ("typ a number", "TOKEN_MALFORMED", {"typ": 1}),
            ("kid empty, several keys", "UNKNOWN_KEY", {"kid": ""}), ("kid a number", "TOKEN_MALFORMED", {"kid": 1}),
            ("kid an array", "TOKEN_MALFORMED", {"kid": [kid]}),
            ("kid in other letters", "UNKNOWN_KEY", {"kid": kid.swapcase()}),
            ("kid with a blank behind", "UNKNOWN_KEY", {"kid": kid + " "}),
            ("kid cut short", "UNKNOWN_KEY", {"kid": kid[:-1]}),
            ("kid with NUL behind", "UNKNOWN_KEY", {"kid": kid + "\0"}),
            ("kid of a path", "UNKNOWN_KEY", {"kid": "../../../../dev/null"}),
            ("kid of SQL", "UNKNOWN_KEY", {"kid": "x' OR '1'='1"}),
            ("kid of 17000 characters", "UNKNOWN_KEY", {"kid": "k" * 17000}),
            ("crit", "TOKEN_MALFORMED", {"crit": ["exp"], "exp": NOW + 300}),
            ("crit empty", "TOKEN_MALFORMED", {"crit": []}),
            ("crit b64", "TOKEN_MALFORMED", {"crit": ["b64"], "b64": True}),
            ("b64 true", "VALID", {"b64": True}), ("b64 false", "TOKEN_MALFORMED", {"b64": False}),
            ("b64 false, crit", "TOKEN_MALFORMED", {"b64": False, "crit": ["b64"]}),
            ("b64 a string", "TOKEN_MALFORMED", {"b64": "true"}),
            ("jwk of the attacker", "BAD_SIGNATURE", {"jwk": public("p256-b")}),
            ("jku, x5u, x5c", "VALID",
             {"jku": "https://attacker.example", "x5u": "https://attacker.example", "x5c": ["AA=="]}),
            ("members nobody knows", "VALID", {"zip": "DEF", "enc": "A128GCM", "cty": "JWT"})):
        attacker = "p256-b" if "attacker" in name else "p256"
        vector(f"header/{name}", verdict, header=json.dumps({k: v for k, v in {
            "alg": "ES256", "kid": kid, "typ": "at+jwt", **more}.items() if v is not None}),
            sign=lambda data, attacker=attacker: signature(attacker, "ES256", data))
    for name, json_text in (("alg null", '{"alg":null,"kid":"%s"}'), ("kid null", '{"alg":"ES256","kid":null}'),
                            ("typ null", '{"alg":"ES256","kid":"%s","typ":null}'),
                            ("alg an array", '{"alg":["ES256"],"kid":"%s"}'),
                            ("crit null", '{"alg":"ES256","kid":"%s","crit":null}')):
        vector(f"header/{name}", "TOKEN_MALFORMED", header=json_text % kid if "%s" in json_text else json_text)


def key_choice():
    vector("key/unknown kid", "UNKNOWN_KEY", kid="unknown")
    vector("key/kid of another key", "BAD_SIGNATURE", header=header_of("p256", "ES256", thumbprint("p256")),
           sign=lambda data: signature("p256-b", "ES256", data))
    vector("key/a key of another set", "UNKNOWN_KEY", "p256-alone")
    vector("key/deactivated", "KEY_DEACTIVATED", "p256-old")
    vector("key/deactivated, signature altered", "KEY_DEACTIVATED", "p256-old", spoil=altered(2, 20))
    vector("key/deactivated, expired", "KEY_DEACTIVATED", "p256-old", claims=claims_of(exp=NOW - 1))
    vector("key/deactivated, another alg", "KEY_DEACTIVATED", "p256-old", header=header_of(
        "p256-old", "RS256", thumbprint("p256-old")))
    vector("key/deactivated, none left", "KEY_DEACTIVATED", "p256-old", keys="none left")
    vector("key/no kid, none left", "UNKNOWN_KEY", "p256-old", kid=None, keys="none left")
    vector("key/no kid, one key", "VALID", "p256-alone", kid=None, keys="one")
    vector("key/no kid, one key, of another", "BAD_SIGNATURE", "p256-b", kid=None, keys="one")
    vector("key/no kid, one key of another alg", "ALGORITHM_NOT_ALLOWED", "rs256", "RS256", kid=None, keys="one")
    vector("key/no kid, several keys", "UNKNOWN_KEY", kid=None)
    vector("key/no kid, no keys", "UNKNOWN_KEY", kid=None, keys="none")
    vector("key/empty kid, one key", "VALID", "p256-alone", header={"alg": "ES256", "kid": ""}, keys="one")
    vector("key/any kid, no keys", "UNKNOWN_KEY", keys="none")


def signatures():
    def ecdsa(change):
        return lambda data: change(signature("p256", "ES256", data))
    for name, change in (
            ("DER", None), ("one byte short", lambda s: s[:-1]), ("one byte long", lambda s: s + b"\0"),
            ("a zero before", lambda s: b"\0" + s), ("r alone", lambda s: s[:32]),
            ("r = 0", lambda s: bytes(32) + s[32:]), ("s = 0", lambda s: s[:32] + bytes(32)),
            ("both 0", lambda s: bytes(64)), ("r and s exchanged", lambda s: s[32:] + s[:32]),
            ("r = order", lambda s: P256_ORDER.to_bytes(32, "big") + s[32:]),
            ("s = order", lambda s: s[:32] + P256_ORDER.to_bytes(32, "big")),
            ("all ones", lambda s: b"\xff" * 64),
            ("as long as ES384's", lambda s: bytes(16) + s[:32] + bytes(16) + s[32:])):
        sign = ecdsa(change) if change else lambda data: signature("p256", "ES256", data, der=True)
        vector(f"signature/ES256, {name}", "BAD_SIGNATURE", sign=sign, source="RFC 7518 section 3.4")
    vector("signature/ES256, the other s", "VALID", sign=ecdsa(other_s))

    def koblitz(change):
        return lambda data: change(signature("secp256k1", "ES256K", data))
    for name, sign in (
            ("DER", lambda data: signature("secp256k1", "ES256K", data, der=True)),
            ("of another key", lambda data: signature("secp256k1-b", "ES256K", data)),
            ("of a P-256 key", lambda data: signature("p256", "ES256", data)),
            ("one byte short", koblitz(lambda s: s[:-1])), ("both 0", koblitz(lambda s: bytes(64))),
            ("r = order", koblitz(lambda s: SECP256K1_ORDER.to_bytes(32, "big") + s[32:])),
            ("s = order", koblitz(lambda s: s[:32] + SECP256K1_ORDER.to_bytes(32, "big")))):
        vector(f"signature/ES256K, {name}", "BAD_SIGNATURE", "secp256k1", "ES256K", sign=sign, keys="more",
               source="RFC 8812 section 3.2")
    for name, high in (("low s", False), ("high s", True)):
        vector(f"signature/ES256K, {name}", "VALID", "secp256k1", "ES256K", keys="more", source="RFC 8812 section 3.2",
               sign=koblitz(lambda s, high=high: with_s(s, SECP256K1_ORDER, high)))
    vector("signature/ES512, 128 bytes", "BAD_SIGNATURE", "p521", "ES512",
           sign=lambda data: signature("p521", "ES512", data)[2:66] + signature("p521", "ES512", data)[68:])
    vector("signature/ES384, of ES256's length", "BAD_SIGNATURE", "p384", "ES384", sign=lambda data: bytes(64))
    vector("signature/RS256, with the hash of RS512", "BAD_SIGNATURE", "rs256", "RS256",
           sign=lambda data: signature("rs256", "RS512", data))
    vector("signature/RS256, one byte short", "BAD_SIGNATURE", "rs256", "RS256",
           sign=lambda data: signature("rs256", "RS256", data)[:-1])
    vector("signature/RS256, a zero before", "BAD_SIGNATURE", "rs256", "RS256",
           sign=lambda data: b"\0" + signature("rs256", "RS256", data))
    vector("signature/RS256, 0", "BAD_SIGNATURE", "rs256", "RS256", sign=lambda data: bytes(256))
    vector("signature/RS256, 1", "BAD_SIGNATURE", "rs256", "RS256", sign=lambda data: bytes(255) + b"\1")
    vector("signature/RS256, n", "BAD_SIGNATURE", "rs256", "RS256", sign=lambda data: unb64(KEYS["rs256"]["n"]))
    vector("signature/RS256, PS256's", "BAD_SIGNATURE", "rs256", "RS256",
           sign=lambda data: signature("rs256", "PS256", data))
    vector("signature/PS256, RS256's", "BAD_SIGNATURE", "ps256", "PS256",
           sign=lambda data: signature("ps256", "RS256", data))
    vector("signature/PS256, no salt", "BAD_SIGNATURE", "ps256", "PS256",
           sign=lambda data: signature("ps256", "PS256", data, salt=0), source="RFC 7518 section 3.5")
    vector("signature/PS256, the longest salt", "BAD_SIGNATURE", "ps256", "PS256",
           sign=lambda data: signature("ps256", "PS256", data, salt=222), source="RFC 7518 section 3.5")
    vector("signature/EdDSA, one byte short", "BAD_SIGNATURE", "ed25519", "EdDSA",
           sign=lambda data: signature("ed25519", "EdDSA", data)[:-1])
    vector("signature/EdDSA, S + the order", "BAD_SIGNATURE", "ed25519", "EdDSA", sign=lambda data: plus_order(
        signature("ed25519", "EdDSA", data)), source="RFC 8032 section 5.1.7")
    vector("signature/EdDSA, all zero", "BAD_SIGNATURE", "ed25519", "EdDSA", sign=lambda data: bytes(64))
    vector("signature/EdDSA, Ed448's length", "BAD_SIGNATURE", "ed25519", "EdDSA", sign=lambda data: bytes(114))
    vector("signature/Ed448, Ed25519's length", "BAD_SIGNATURE", "ed448", "EdDSA", sign=lambda data: bytes(64))
    vector("signature/of the claims alone", "BAD_SIGNATURE",
           sign=lambda data: signature("p256", "ES256", data.split(b".")[1]))
    vector("signature/header altered", "BAD_SIGNATURE", claims=claims_of(), spoil=lambda token: b64(text_of(
        header_of("p256", "ES256", thumbprint("p256"), typ="JWT"))) + token[token.index("."):])
    vector("signature/claims altered", "BAD_SIGNATURE", spoil=lambda token: ".".join(
        [token.split(".")[0], b64(text_of(claims_of(sub="mallory"))), token.split(".")[2]]))
    vector("signature/wrong, and expired", "BAD_SIGNATURE", claims=claims_of(exp=NOW - 1), spoil=altered(2, 20))


def other_s(made):
    s = P256_ORDER - int.from_bytes(made[32:], "big")
    return made[:32] + s.to_bytes(32, "big")


def with_s(made, order, high):
    """The same signature with the s that is over half the order, or with the one that is not: both are right."""
    s = int.from_bytes(made[32:], "big")
    s = s if (s > order // 2) == high else order - s
    return made[:32] + s.to_bytes(32, "big")


def plus_order(made):
    order = 2 ** 252 + 27742317777372353535851937790883648493
    return made[:32] + (int.from_bytes(made[32:], "little") + order).to_bytes(32, "little")


def types():
    for typ, verdict in (("at+jwt", "VALID"), ("AT+JWT", "VALID"), ("application/at+jwt", "VALID"),
                         ("APPLICATION/At+Jwt", "VALID"), ("JWT", "VALID"), ("jwt", "VALID"),
                         ("application/jwt", "VALID"), (None, "VALID"), ("JOSE", "WRONG_TYPE"),
                         ("secevent+jwt", "WRONG_TYPE"), ("dpop+jwt", "WRONG_TYPE"), ("at+jwt ", "WRONG_TYPE"),
                         ("application/", "WRONG_TYPE"), ("text/jwt", "WRONG_TYPE"),
                         ("application/application/jwt", "WRONG_TYPE"), ("at+jwt;x=1", "WRONG_TYPE"),
                         ("a\u200bt+jwt", "WRONG_TYPE")):
        vector(f"typ/{typ!a}, nothing expected", verdict, typ=typ, source="RFC 7515 section 4.1.9")
    for typ, expected, verdict in (("logout+jwt", "logout+jwt", "VALID"), ("logout+jwt", "Logout+JWT", "VALID"),
                                   ("application/logout+jwt", "logout+jwt", "VALID"),
                                   ("logout+jwt", "application/logout+jwt", "VALID"),
                                   ("at+jwt", "logout+jwt", "WRONG_TYPE"),
                                   ("JWT", "at+jwt", "WRONG_TYPE"), (None, "logout+jwt", "WRONG_TYPE"),
                                   (None, "at+jwt", "WRONG_TYPE")):
        vector(f"typ/{typ!a}, {expected} expected", verdict, typ=typ, expect={"type": expected})
    vector("typ/wrong, and the claims are none", "WRONG_TYPE", typ="JOSE", claims="[]")


def claims():
    for name, text in (("an array", "[]"), ("a string", '"x"'), ("not JSON", "alice"), ("null", "null"),
                       ("cut short", json.dumps(claims_of())[:-1]), ("more behind", json.dumps(claims_of()) + "{}"),
                       ("exp twice", '{"exp":%d,' % (NOW - 1) + json.dumps(claims_of())[1:]),
                       ("sub twice", '{"sub":"mallory",' + json.dumps(claims_of())[1:]),
                       ("a name twice, further in", '{"x":[{"a":1,"a":2}],' + json.dumps(claims_of())[1:]),
                       ("17 levels", '{"x":' + "[" * 16 + "]" * 16 + "," + json.dumps(claims_of())[1:]),
                       ("a lone surrogate", '{"x":"\\udc00",' + json.dumps(claims_of())[1:]),
                       ("not UTF-8", b'{"x":"\xff",' + json.dumps(claims_of()).encode()[1:]),
                       ("a number with a zero before", '{"x":01,' + json.dumps(claims_of())[1:]),
                       ("a number with a plus", '{"x":+1,' + json.dumps(claims_of())[1:]),
                       ("a number without digits behind the point", '{"x":1.,' + json.dumps(claims_of())[1:]),
                       ("Infinity", '{"x":Infinity,' + json.dumps(claims_of())[1:])):
        vector(f"claims/{name}", "TOKEN_MALFORMED", claims=text)
    vector("claims/16 levels", "VALID", claims='{"x":' + "[" * 15 + "]" * 15 + "," + json.dumps(claims_of())[1:])
    vector("claims/huge numbers nobody looks at", "VALID",
           claims='{"id":12345678901234567890,"x":1e999999,"y":-1E-999999,' + json.dumps(claims_of())[1:])
    vector("claims/exp in other letters", "MISSING_CLAIM", claims=claims_of(exp=None, Exp=NOW + 300))
    claim("claims/only what is mandatory", "VALID", sub=None, iat=None)
    claim("claims/sub a number", "VALID", sub=7)
    claim("claims/nothing expected", "VALID", expect={"issuer": "", "audiences": []}, iss=None, aud=None)
    claim("iss/another", "WRONG_ISSUER", iss="https://attacker.example")
    claim("iss/with a slash", "WRONG_ISSUER", iss=ISSUER + "/")
    claim("iss/in other letters", "WRONG_ISSUER", iss=ISSUER.upper())
    claim("iss/empty", "WRONG_ISSUER", iss="")
    claim("iss/NUL behind", "WRONG_ISSUER", iss=ISSUER + "\0")
    claim("iss/missing", "MISSING_CLAIM", iss=None)
    claim("iss/an array", "TOKEN_MALFORMED", iss=[ISSUER], source="RFC 7519 section 4.1.1")
    claim("iss/a number, nobody expects one", "TOKEN_MALFORMED", iss=1, expect={"issuer": ""})
    claim("iss/any, none expected", "VALID", iss="https://attacker.example", expect={"issuer": ""})
    claim("aud/another", "WRONG_AUDIENCE", aud="web")
    claim("aud/one of several", "VALID", aud=["web", "api"])
    claim("aud/none of several", "WRONG_AUDIENCE", aud=["web", "app"])
    claim("aud/an empty array", "WRONG_AUDIENCE", aud=[])
    claim("aud/an empty string", "WRONG_AUDIENCE", aud="")
    claim("aud/in other letters", "WRONG_AUDIENCE", aud="API")
    claim("aud/a part of it", "WRONG_AUDIENCE", aud="ap")
    claim("aud/missing", "MISSING_CLAIM", aud=None)
    claim("aud/a number", "TOKEN_MALFORMED", aud=1)
    claim("aud/an object", "TOKEN_MALFORMED", aud={"api": True})
    claim("aud/a number among strings", "TOKEN_MALFORMED", aud=["api", 1], source="RFC 7519 section 4.1.3")
    vector("aud/null", "TOKEN_MALFORMED", claims=json.dumps({**claims_of(), "aud": None}))
    claim("aud/one of two expected", "VALID", aud="web", expect={"audiences": ["api", "web"]})
    claim("aud/two of two expected", "VALID", aud=["web", "api"], expect={"audiences": ["api", "web"]})
    claim("aud/any, none expected", "VALID", aud="web", expect={"audiences": []})
    claim("aud/issuer's mistake comes first", "WRONG_ISSUER", iss="x", aud="x", exp=NOW - 1)
    claim("aud/audience comes before the time", "WRONG_AUDIENCE", aud="x", exp=NOW - 1)
    claim("aud/missing iss comes before a wrong aud", "MISSING_CLAIM", iss=None, aud="x")


def date(name, verdict, text, leeway=None, expect=None, why=None, source=None):
    """Claims in which the text stands as it is."""
    claims = json.dumps({key: value for key, value in claims_of().items() if f'"{key}"' not in text})
    if leeway is not None:
        expect = {**(expect or {}), "leeway": leeway}
    vector(name, verdict, claims=claims[:-1] + "," + text + "}", expect=expect, why=why, source=source)


def times():
    date("exp/now", "EXPIRED", f'"exp":{NOW}', source="RFC 7519 section 4.1.4")
    date("exp/in a second", "VALID", f'"exp":{NOW + 1}')
    date("exp/a second ago", "EXPIRED", f'"exp":{NOW - 1}')
    date("exp/now, leeway 1", "VALID", f'"exp":{NOW}', 1)
    date("exp/a minute ago, leeway 60", "EXPIRED", f'"exp":{NOW - 60}', 60)
    date("exp/59 s ago, leeway 60", "VALID", f'"exp":{NOW - 59}', 60)
    date("exp/ten minutes ago, leeway 600", "EXPIRED", f'"exp":{NOW - 600}', 600)
    date("exp/ten minutes ago, leeway 3600", "EXPIRED", f'"exp":{NOW - 600}', 3600,
         why="an environment's leeway is at most 600 s")
    vector("exp/missing", "MISSING_CLAIM", claims=claims_of(exp=None))
    vector("exp/missing, nothing expected", "MISSING_CLAIM", claims=claims_of(exp=None),
           expect={"issuer": "", "audiences": []})
    for name, text, verdict in (
            ("0", "0", "EXPIRED"), ("-1", "-1", "EXPIRED"), ("-0", "-0", "EXPIRED"),
            ("as a double", "1.7000003e9", "VALID"), ("with E+", "17000003E+2", "VALID"),
            ("with e-", "17000003000000e-4", "VALID"), ("1700000300.0", "1700000300.0", "VALID"),
            ("2^53", str(2 ** 53), "VALID"), ("2^53 + 1", str(2 ** 53 + 1), "TOKEN_MALFORMED"),
            ("2^63", str(2 ** 63), "TOKEN_MALFORMED"),
            ("2^64 + the right one", str(2 ** 64 + NOW + 300), "TOKEN_MALFORMED"),
            ("-2^53 - 1", str(-2 ** 53 - 1), "TOKEN_MALFORMED"), ("1e400", "1e400", "TOKEN_MALFORMED"),
            ("1e15", "1e15", "VALID"), ("1e-400", "1e-400", "EXPIRED"),
            ("1e99999999999", "1e99999999999", "TOKEN_MALFORMED"), ("0e99999999999", "0e99999999999", "EXPIRED"),
            ("a string", f'"{NOW + 300}"', "TOKEN_MALFORMED"), ("null", "null", "TOKEN_MALFORMED"),
            ("true", "true", "TOKEN_MALFORMED"), ("an array", f"[{NOW + 300}]", "TOKEN_MALFORMED"),
            ("a date", '"2026-12-01T00:00:00Z"', "TOKEN_MALFORMED")):
        date(f"exp/{name}", verdict, f'"exp":{text}')
    date("exp/half a second ago", "EXPIRED", f'"exp":{NOW - 1}.5')
    date("exp/in half a second", "VALID", f'"exp":{NOW}.5')
    date("exp/in a billionth of a second", "VALID", f'"exp":{NOW}.000000001')
    date("exp/half a second ago, leeway 1", "VALID", f'"exp":{NOW - 1}.5', 1)
    date("exp/a second and a half ago, leeway 1", "EXPIRED", f'"exp":{NOW - 2}.5', 1)
    date("nbf/now", "VALID", f'"nbf":{NOW}', source="RFC 7519 section 4.1.5")
    date("nbf/in a second", "NOT_YET_VALID", f'"nbf":{NOW + 1}')
    date("nbf/in a second, leeway 1", "VALID", f'"nbf":{NOW + 1}', 1)
    date("nbf/in two seconds, leeway 1", "NOT_YET_VALID", f'"nbf":{NOW + 2}', 1)
    date("nbf/in half a second", "NOT_YET_VALID", f'"nbf":{NOW}.5')
    date("nbf/in a billionth of a second", "NOT_YET_VALID", f'"nbf":{NOW}.000000001')
    date("nbf/in less than that", "NOT_YET_VALID", f'"nbf":{NOW}.00000000000000000000000000000000000000000001')
    date("nbf/in half a second, as an exponent", "NOT_YET_VALID", f'"nbf":{NOW}5e-1')
    date("nbf/now, with a fraction of zeros", "VALID", f'"nbf":{NOW}.000')
    date("nbf/in a second and a half, leeway 1", "NOT_YET_VALID", f'"nbf":{NOW + 1}.5', 1)
    date("nbf/in half a second, leeway 1", "VALID", f'"nbf":{NOW}.5', 1)
    date("nbf/half a second ago", "VALID", f'"nbf":{NOW - 1}.5')
    date("nbf/-0.5", "VALID", '"nbf":-0.5')
    date("nbf/a string", "TOKEN_MALFORMED", f'"nbf":"{NOW}"')
    date("nbf/1e400", "TOKEN_MALFORMED", '"nbf":1e400')
    date("iat/now", "VALID", f'"iat":{NOW}')
    date("iat/in a second", "NOT_YET_VALID", f'"iat":{NOW + 1}')
    date("iat/in a minute, leeway 60", "VALID", f'"iat":{NOW + 60}', 60)
    date("iat/in half a second", "NOT_YET_VALID", f'"iat":{NOW}.5')
    date("iat/half a second ago", "VALID", f'"iat":{NOW - 1}.5')
    date("iat/0", "VALID", '"iat":0')
    date("iat/a string", "TOKEN_MALFORMED", f'"iat":"{NOW}"')
    date("iat/a wrong one comes before a wrong issuer", "TOKEN_MALFORMED", '"iat":"x","iss":"x"')
    date("exp/expired comes before not yet valid", "EXPIRED", f'"exp":{NOW - 1},"nbf":{NOW + 1}')


# ---- key sets with odd entries

def beside(name, *entries, why=AT_IMPORT, verdict="VALID"):
    """A good key beside odd entries: its token is judged as if it were alone."""
    keys = odd(name, *entries)
    vector(f"keyset/{name}", verdict, header=header_of("p256", "ES256", "good"), keys=keys, why=why,
           source="RFC 7517 section 5")


def skipped(name, key, signs, verdict="UNKNOWN_KEY", why=AT_IMPORT, entry=None, source=None,
            **members):
    """And a token that names the odd entry, signed by it: it is not known. `kid` is "odd"."""
    entry = entry or {**public(key), "kid": "odd", "alg": signs, **members}
    entry = {member: value for member, value in entry.items() if value is not None}
    beside(name, entry, why=why)
    vector(f"keyset/{name}: its own token", verdict, key, signs, header=header_of(key, signs, "odd"), keys=name,
           why=why, source=source)


def odd_sets():
    skipped("RSA of 1024 bits", "rsa-1024", "RS256")
    skipped("RSA of 2047 bits", "rsa-2047", "RS256")
    skipped("RSA with e = 3", "rsa-e3", "RS256")
    skipped("RSA with ROCA's fingerprint", "rsa-roca", "RS256")
    skipped("RSA with an even e", "rs256", "RS256", e="AQAC")
    skipped("RSA with e = 1", "rs256", "RS256", e="AQ")
    skipped("RSA with a zero before n", "rs256", "RS256", n=b64(b"\0" + unb64(KEYS["rs256"]["n"])))
    skipped("RSA without e", "rs256", "RS256", e=None)
    skipped("RSA with a padded n", "rs256", "RS256", n=KEYS["rs256"]["n"] + "==")
    skipped("RSA with a number for e", "rs256", "RS256", e=65537)
    skipped("RSA for an encryption", "rs256", "RS256", use="enc")
    skipped("RSA for encrypting alone", "rs256", "RS256", key_ops=["encrypt"])
    skipped("key_ops is a string", "rs256", "RS256", key_ops="verify")
    skipped("alg of an encryption", "rs256", "RS256", alg="RSA-OAEP")
    skipped("alg of another kty", "rs256", "RS256", alg="ES256")
    skipped("alg of another curve", "p384", "ES384", alg="ES256")
    skipped("alg is no string", "rs256", "RS256", alg=7)
    skipped("EC without y", "p256-b", "ES256", y=None)
    skipped("EC off its curve", "p256-b", "ES256", y=KEYS["p256"]["y"])
    skipped("EC with a short x", "p256-b", "ES256", x=b64(unb64(KEYS["p256-b"]["x"])[1:]))
    skipped("EC with a long x", "p256-b", "ES256", x=b64(b"\0" + unb64(KEYS["p256-b"]["x"])))
    skipped("EC with a curve nobody knows", "p256-b", "ES256", crv="brainpoolP256r1", alg="ESB256")
    skipped("EC of P-256 that says secp256k1", "p256-b", "ES256", crv="secp256k1", alg="ES256K",
            source="RFC 8812 section 5")
    skipped("EC of secp256k1 that says P-256", "secp256k1-b", "ES256K", crv="P-256", alg="ES256",
            source="RFC 8812 section 5")
    skipped("secp256k1 for ES256", "secp256k1-b", "ES256K", alg="ES256", source="RFC 8812 section 5")
    skipped("secp256k1 with a short x", "secp256k1-b", "ES256K", x=b64(unb64(KEYS["secp256k1-b"]["x"])[1:]))
    skipped("EC with an array for a curve", "p256-b", "ES256", crv=["P-256"])
    skipped("EC of the point at infinity", "p256-b", "ES256", x=b64(bytes(32)), y=b64(bytes(32)))
    skipped("OKP for agreeing", "ed25519", "EdDSA", crv="X25519")
    skipped("OKP of low order", "ed25519", "EdDSA", x=b64(b"\1" + bytes(31)))
    skipped("OKP of low order, 8", "ed25519", "EdDSA",
            x=b64(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")))
    skipped("OKP off its curve", "ed25519", "EdDSA", x=b64(b"\2" + bytes(31)))
    skipped("OKP with y over p", "ed25519", "EdDSA", x=b64(b"\xee" + b"\xff" * 30 + b"\x7f"))
    skipped("OKP of Ed448, low order", "ed448", "EdDSA", x=b64((P448 - 1).to_bytes(57, "little")))
    skipped("OKP with a short x", "ed25519", "EdDSA", x=b64(bytes(31)))
    skipped("a secret", "p256-b", "ES256", entry={"kty": "oct", "k": b64(b"secret"), "kid": "odd", "alg": "HS256"})
    skipped("a kty nobody knows", "p256-b", "ES256", entry={"kty": "LWE", "kid": "odd", "pub": "AAAA"})
    skipped("no kty", "p256-b", "ES256", kty=None)
    skipped("ML-DSA without a key", "p256-b", "ES256",
            entry={"kty": "AKP", "kid": "odd", "alg": "ML-DSA-44", "pub": "AAAA"})
    beside("kid is null", {**public("p256-b"), "kid": None, "alg": "ES256"})
    beside("kid is a number", {**public("p256-b"), "kid": 7, "alg": "ES256"})
    beside("kid is empty", {**public("p256-b"), "kid": "", "alg": "ES256"})
    vector("keyset/kid is empty: a token of it", "BAD_SIGNATURE", "p256-b", header=header_of("p256-b", "ES256", ""),
           keys="kid is empty", why=AT_IMPORT)
    beside("kid with a blank", {**public("p256-b"), "kid": "a b", "alg": "ES256"})
    vector("keyset/kid with a blank: a token of it", "UNKNOWN_KEY", "p256-b",
           header=header_of("p256-b", "ES256", "a b"), keys="kid with a blank", why=AT_IMPORT)
    beside("kid of 129 characters", {**public("p256-b"), "kid": "k" * 129, "alg": "ES256"})
    SETS["kid of 128 characters"] = keyset({**public("p256-b"), "kid": "k" * 128, "alg": "ES256"}, GOOD)
    vector("keyset/kid of 128 characters", "VALID", "p256-b", header=header_of("p256-b", "ES256", "k" * 128),
           keys="kid of 128 characters", why=DOCUMENT)
    beside("entries that are no objects", 1, None, "x", [], {}, why=DOCUMENT)
    beside("members nobody knows", {**public("p256-b"), "kid": "b", "x5c": ["AA=="], "ext": True, "z": {"a": [1]}},
           why=DOCUMENT)
    vector("keyset/members nobody knows: its own token", "VALID", "p256-b", header=header_of("p256-b", "ES256", "b"),
           keys="members nobody knows", why=DOCUMENT)
    SETS["nothing but odd ones"] = keyset({**public("rsa-1024"), "kid": "odd"}, {"kty": "oct"})
    vector("keyset/nothing but odd ones", "UNKNOWN_KEY", keys="nothing but odd ones", why=AT_IMPORT)
    vector("keyset/nothing but odd ones, no kid", "UNKNOWN_KEY", kid=None, keys="nothing but odd ones", why=AT_IMPORT)
    SETS["one good one and odd ones"] = keyset({**public("rsa-1024"), "kid": "odd"}, public("p256"))
    vector("keyset/one good one and odd ones, empty kid", "VALID", kid=None, header={"alg": "ES256", "kid": ""},
           keys="one good one and odd ones", why=AT_IMPORT)
    vector("keyset/one good one and odd ones, no kid", "VALID", kid=None, keys="one good one and odd ones",
           why=AT_IMPORT)


def implied():
    SETS["without alg"] = keyset(*[public(key) for key in ("p256", "p384", "p521", "secp256k1", "ed25519", "ed448", "rs256")])
    for key, alg, verdict in (("p256", "ES256", "VALID"), ("p384", "ES384", "VALID"), ("p521", "ES512", "VALID"),
                              ("secp256k1", "ES256K", "VALID"), ("secp256k1", "ES256", "ALGORITHM_NOT_ALLOWED"),
                              ("ed25519", "EdDSA", "VALID"), ("ed448", "Ed448", "VALID"), ("rs256", "RS256", "VALID"),
                              ("rs256", "RS512", "ALGORITHM_NOT_ALLOWED"), ("rs256", "PS256", "ALGORITHM_NOT_ALLOWED")):
        vector(f"keyset/no alg and no kid: {alg} by {key}", verdict, key, alg, keys="without alg", why=DOCUMENT)


def shared_kids():
    k = {"kid": "k"}
    SETS["one kid, RSA and EC"] = keyset({**public("rs256"), **k, "alg": "RS256"},
                                         {**public("p256"), **k, "alg": "ES256"})
    for key, alg, verdict in (("rs256", "RS256", "VALID"), ("p256", "ES256", "VALID"),
                              ("p384", "ES384", "ALGORITHM_NOT_ALLOWED")):
        vector(f"keyset/one kid, RSA and EC: {alg}", verdict, key, alg, kid="k", keys="one kid, RSA and EC",
               why=DOCUMENT)
    vector("keyset/one kid, RSA and EC: of another", "BAD_SIGNATURE", header=header_of("p256-b", "ES256", "k"),
           sign=lambda data: signature("p256-b", "ES256", data), keys="one kid, RSA and EC", why=DOCUMENT)
    SETS["one kid, one key, two algs"] = keyset(*[{**public("rs256"), **k, "alg": alg} for alg in ("RS256", "PS256")])
    for alg in ("RS256", "PS256"):
        vector(f"keyset/one kid, one key, two algs: {alg}", "VALID", "rs256", alg, kid="k",
               keys="one kid, one key, two algs", why=DOCUMENT)
    vector("keyset/one kid, one key, two algs: RS512", "ALGORITHM_NOT_ALLOWED", "rs256", "RS512", kid="k",
           keys="one kid, one key, two algs", why=DOCUMENT)
    SETS["one kid, two keys that fit"] = keyset(*[{**public(key), **k, "alg": "ES256"} for key in ("p256", "p256-b")])
    for key in ("p256", "p256-b"):
        vector(f"keyset/one kid, two keys that fit: {key}", "VALID", key, kid="k", keys="one kid, two keys that fit",
               why=DOCUMENT)
    vector("keyset/one kid, two keys that fit: a third", "BAD_SIGNATURE", "p256-alone", kid="k",
           keys="one kid, two keys that fit", why=DOCUMENT)
    SETS["one kid, EdDSA and Ed25519"] = keyset({**public("ed25519"), **k, "alg": "EdDSA"},
                                                {**public("ed25519-b"), **k, "alg": "Ed25519"})
    for key in ("ed25519", "ed25519-b"):
        for alg in ("EdDSA", "Ed25519"):
            vector(f"keyset/one kid, EdDSA and Ed25519: {alg} by {key}", "VALID", key, alg, kid="k",
                   keys="one kid, EdDSA and Ed25519", why=DOCUMENT)
    vector("keyset/one kid, RSA and EC: no kid", "VALID", kid=None, keys="one kid, RSA and EC", why=DOCUMENT)
    SETS["one kid, nine keys that fit"] = keyset(*[{**public(key), **k, "alg": "RS256"} for key in NINE])
    for key, verdict in ((NINE[7], "VALID"), (NINE[8], "BAD_SIGNATURE")):
        vector(f"keyset/one kid, nine keys that fit: {key}", verdict, key, "RS256", kid="k",
               keys="one kid, nine keys that fit", why=DOCUMENT)
    SETS["a key twice"] = keyset(*[{**public("p256"), **k, "alg": "ES256"}] * 2)
    vector("keyset/a key twice", "VALID", kid="k", keys="a key twice", why=DOCUMENT)
    vector("keyset/a key twice, no kid", "VALID", kid=None, keys="a key twice", why=DOCUMENT)
    SETS["a key under two kids"] = keyset(*[{**public("p256"), "kid": kid} for kid in ("a", "b")])
    for kid in ("a", "b"):
        vector(f"keyset/a key under two kids: {kid}", "VALID", kid=kid, keys="a key under two kids", why=DOCUMENT)
    vector("keyset/a key under two kids, no kid", "UNKNOWN_KEY", kid=None, keys="a key under two kids", why=DOCUMENT)
    SETS["one kid, a weak one first"] = keyset({**public("rsa-1024"), **k, "alg": "RS256"},
                                               {**public("rs256"), **k, "alg": "RS256"})
    vector("keyset/one kid, a weak one first: the good one", "VALID", "rs256", "RS256", kid="k",
           keys="one kid, a weak one first", why=AT_IMPORT)
    vector("keyset/one kid, a weak one first: the weak one", "BAD_SIGNATURE", "rsa-1024", "RS256", kid="k",
           keys="one kid, a weak one first", why=AT_IMPORT)


def documents():
    good = json.dumps(GOOD, separators=(",", ":"))
    for name, text in (("no JSON", "keys"), ("an array", f"[{good}]"), ("a key alone", good), ("no keys", "{}"),
                       ("keys an object", '{"keys":{}}'), ("cut short", '{"keys":[%s' % good),
                       ("more behind", '{"keys":[%s]}x' % good), ("keys twice", '{"keys":[],"keys":[%s]}' % good),
                       ("empty", ""), ("a private key", json.dumps({"keys": [GOOD, {**KEYS["p256-b"], "kid": "b"}]})),
                       ("a private RSA key", json.dumps({"keys": [GOOD, {**KEYS["rs256"], "kid": "b"}]})),
                       ("a private key without kty", json.dumps({"keys": [GOOD, {"kid": "b", "d": "AA"}]})),
                       ("a private key that is odd",
                        json.dumps({"keys": [GOOD, {"kty": "RSA", "d": "AA", "kid": "b"}]}))):
        SETS[f"document: {name}"] = {"jwks": text}
        vector(f"document/{name}", "NO_KEY_SET", header=header_of("p256", "ES256", "good"), keys=f"document: {name}",
               why=DOCUMENT)
    SETS["document: other members"] = {"jwks": ' {"x":[1,{"y":null}],"keys":[%s],"z":1e9} \n' % good}
    vector("document/other members", "VALID", header=header_of("p256", "ES256", "good"), keys="document: other members",
           why=DOCUMENT)
    SETS["document: a member twice, further in an entry"] = {
        "jwks": '{"keys":[{"kid":"odd","x5c":{"a":1,"a":1},%s,%s]}' % (json.dumps(public("p256-b"))[1:], good)}
    for name, key, kid, verdict in (("", "p256", "good", "VALID"), (": its own token", "p256-b", "odd", "UNKNOWN_KEY")):
        vector(f"document/a member twice, further in an entry{name}", verdict, key, kid=kid,
               keys="document: a member twice, further in an entry", why=DOCUMENT)
    SETS["document: a private key of a kty nobody knows"] = {"jwks": '{"keys":[{"kty":"LWE","d":"AA"},%s]}' % good}
    vector("document/a private key of a kty nobody knows", "VALID", kid="good",
           keys="document: a private key of a kty nobody knows", why=DOCUMENT)
    SETS["document: a member twice in an entry"] = {"jwks": '{"keys":[{"kid":"odd","kid":"odd",%s,%s]}' % (
        json.dumps(public("p256-b"))[1:], good)}
    vector("document/a member twice in an entry", "VALID", header=header_of("p256", "ES256", "good"),
           keys="document: a member twice in an entry", why=DOCUMENT)
    vector("document/a member twice in an entry: its own token", "UNKNOWN_KEY", "p256-b", kid="odd",
           keys="document: a member twice in an entry", why=DOCUMENT)


for part in (good_algorithms, algorithm_confusion, structure, base64url, headers, key_choice, signatures, types, claims,
             times, odd_sets, implied, shared_kids, documents):
    part()


def write(name, value):
    (VECTORS / name).write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n")


VECTORS.mkdir(exist_ok=True)
write("token-keys.json", {"about": "Private keys for tests only: everybody can read them here.", "keys": KEYS})
write("tokens.json", {"now": NOW, "key_sets": SETS, "tokens": made_vectors})
print(len(made_vectors), "vectors,", sum("not_by_service" not in each for each in made_vectors), "by a service too")
