"""Tokens made here and verified by others, and the other way round: python3-jwcrypto, python3-jwt, and jose.

usage: test_interop.py BINARIES DATA

Those that are missing are left out, and the test counts as skipped (77); with JWKD_TEST_ALL=1 it fails.
"""
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

BINARIES, DATA = sys.argv[1:3]
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
KEYS = {"RS256": "rsa-2048.jwk", "PS256": "rsa-3072.jwk", "ES256": "rfc7515-a3.jwk", "EdDSA": "rfc8037-a1.jwk"}
AUDIENCE = "api"


def run(*command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)


def must(*command, text=None):
    done = run(*command, text=text)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def tampered(token):
    head, claims, signature = token.split(".")
    middle = len(signature) // 2
    other = "B" if signature[middle] == "A" else "A"
    return ".".join([head, claims, signature[:middle] + other + signature[middle + 1:]])


class Jwcrypto:
    name = "python3-jwcrypto"
    lacks = {}

    def __init__(self):
        from jwcrypto import jwk, jws
        self.jwk, self.jws = jwk, jws

    def verify(self, token, jwks, _algorithm):
        parsed = self.jws.JWS()
        parsed.deserialize(token)
        key = self.jwk.JWKSet.from_json(jwks).get_key(parsed.jose_header["kid"])
        try:
            parsed.verify(key)
        except self.jws.InvalidJWSSignature:
            return None
        return json.loads(parsed.payload)

    def sign(self, claims, private, algorithm, kid):
        made = self.jws.JWS(json.dumps(claims))
        header = json.dumps({"alg": algorithm, "kid": kid, "typ": "at+jwt"})
        made.add_signature(self.jwk.JWK.from_json(json.dumps(private)), None, header)
        return made.serialize(compact=True)


class Pyjwt:
    name = "python3-jwt"
    lacks = {}

    def __init__(self):
        import jwt
        self.jwt = jwt

    def key(self, jwk, algorithm):
        return self.jwt.get_algorithm_by_name(algorithm).from_jwk(json.dumps(jwk)) \
            if hasattr(self.jwt, "get_algorithm_by_name") \
            else self.jwt.algorithms.get_default_algorithms()[algorithm].from_jwk(json.dumps(jwk))

    def verify(self, token, jwks, algorithm):
        kid = self.jwt.get_unverified_header(token)["kid"]
        jwk = next(key for key in json.loads(jwks)["keys"] if key["kid"] == kid)
        try:
            return self.jwt.decode(token, self.key(jwk, algorithm), algorithms=[algorithm], audience=AUDIENCE)
        except self.jwt.InvalidSignatureError:
            return None

    def sign(self, claims, private, algorithm, kid):
        return self.jwt.encode(claims, self.key(private, algorithm), algorithm=algorithm,
                               headers={"kid": kid, "typ": "at+jwt"})


class Jose:
    name = "jose"

    def __init__(self):
        supported = must("jose", "alg", "-k", "sign").split()
        self.lacks = {algorithm: "not in `jose alg`" for algorithm in ALGORITHMS if algorithm not in supported}

    def verify(self, token, jwks, _algorithm):
        with tempfile.NamedTemporaryFile("w") as keys:
            keys.write(jwks)
            keys.flush()
            done = run("jose", "jws", "ver", "-i-", "-k", keys.name, "-O-", text=token)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def sign(self, claims, private, algorithm, kid):
        header = json.dumps({"protected": {"alg": algorithm, "kid": kid, "typ": "at+jwt"}})
        with tempfile.NamedTemporaryFile("w") as key:
            key.write(json.dumps(private))
            key.flush()
            return must("jose", "jws", "sig", "-I-", "-s", header, "-k", key.name, "-c", text=json.dumps(claims)).strip()


def implementations():
    """Those that there are, and the names of the missing."""
    present = {Jwcrypto: importlib.util.find_spec("jwcrypto"), Pyjwt: importlib.util.find_spec("jwt"),
               Jose: shutil.which("jose")}
    missing = [kind.name for kind, found in present.items() if not found]
    for name in missing:
        print(f"skipped: {name} is not installed")
    return [kind() for kind, found in present.items() if found], missing


class Service:
    def __enter__(self):
        self.root = tempfile.mkdtemp(prefix="jwkd-interop-", dir="/tmp")
        self.url = f"ipc://{self.root}/run/rpc.sock"
        self.process = subprocess.Popen([f"{BINARIES}/jwkd", "--data", f"{self.root}/data", "--socket-dir",
                                         f"{self.root}/run", "--reserve", "1"], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while run(f"{BINARIES}/jwkctl", "--url", self.url, "ping").returncode != 0:
            if self.process.poll() is not None or time.monotonic() > until:
                self.__exit__()
                raise AssertionError("the service does not answer")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.root)

    def ctl(self, *arguments, text=None):
        return must(f"{BINARIES}/jwkctl", "--url", self.url, *arguments, text=text)


def ours_by_others(service, others, algorithm):
    environment = algorithm.lower()
    service.ctl("env", "create", environment, "--issuer", "https://issuer.example", "--algorithm", "ES256")
    with tempfile.NamedTemporaryFile("w") as file:  # the algorithm is the environment's business here
        private = json.load(open(f"{DATA}/keys/{KEYS[algorithm]}"))
        private["alg"] = algorithm
        json.dump(private, file)
        file.flush()
        service.ctl("import", environment, file.name, "--algorithm", algorithm)
    token = service.ctl("sign", environment, "--claims", "-", "--aud", AUDIENCE,
                        text='{"sub":"alice","client_id":"test"}').strip()
    jwks = service.ctl("jwks", environment)
    for other in others:
        if algorithm in other.lacks:
            print(f"skipped: {algorithm} with {other.name}: {other.lacks[algorithm]}")
            continue
        claims = other.verify(token, jwks, algorithm)
        assert claims and claims["sub"] == "alice" and claims["iss"] == "https://issuer.example", (other.name, algorithm)
        assert other.verify(tampered(token), jwks, algorithm) is None, (other.name, algorithm)
        print(f"ok: {algorithm} signed here, verified by {other.name}")


def others_by_ours(others, algorithm):
    private = json.load(open(f"{DATA}/keys/{KEYS[algorithm]}"))
    private["alg"] = algorithm
    public = {name: private[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in private}
    public.update(alg=algorithm, kid="theirs", use="sig")
    now = int(time.time())
    claims = {"iss": "https://issuer.example", "sub": "alice", "aud": AUDIENCE, "iat": now, "exp": now + 300}
    with tempfile.NamedTemporaryFile("w") as keys:
        json.dump({"keys": [public]}, keys)
        keys.flush()
        verify = (f"{BINARIES}/jwkctl", "verify", "--jwks", keys.name, "--signature-only", "-")
        for other in others:
            if algorithm in other.lacks:
                continue
            token = other.sign(claims, private, algorithm, "theirs")
            done = run(*verify, text=token + "\n")
            assert done.returncode == 0, (other.name, algorithm, done.stdout, done.stderr)
            assert run(*verify, text=tampered(token) + "\n").returncode == 1, (other.name, algorithm)
            print(f"ok: {algorithm} signed by {other.name}, verified here")


def main():
    others, missing = implementations()
    if missing and os.environ.get("JWKD_TEST_ALL") == "1":
        sys.exit("nothing may be missing here")
    if not others:
        sys.exit(77)
    with Service() as service:
        for algorithm in ALGORITHMS:
            ours_by_others(service, others, algorithm)
    for algorithm in ALGORITHMS:
        others_by_ours(others, algorithm)
    if missing:
        sys.exit(77)


main()
