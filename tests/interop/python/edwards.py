"""Points of the two Edwards curves of RFC 8032, as slow as it gets: whether a public key is one, and sound."""


class Curve:
    """a x^2 + y^2 = 1 + d x^2 y^2 modulo p, in `size` bytes, with cofactor 2^doublings."""

    def __init__(self, p, a, d, size, doublings):
        self.p, self.a, self.d, self.size, self.doublings = p, a, d, size, doublings

    def root(self, value):
        """A square root, or None."""
        p = self.p
        root = pow(value, (p + 3) // 8, p) if p % 8 == 5 else pow(value, (p + 1) // 4, p)
        if p % 8 == 5 and root * root % p != value % p:
            root = root * pow(2, (p - 1) // 4, p) % p
        return root if root * root % p == value % p else None

    def decode(self, data):
        """Sections 5.1.3 and 5.2.3; None: not a point."""
        number = int.from_bytes(data, "little")
        top = 8 * self.size - 1
        sign, y = number >> top, number & ((1 << top) - 1)
        if y >= self.p:
            return None
        u, v = (1 - y * y) % self.p, (self.a - self.d * y * y) % self.p
        x = self.root(u * pow(v, -1, self.p) % self.p)
        if x is None or (x == 0 and sign):
            return None
        return (self.p - x if x % 2 != sign else x), y

    def add(self, one, other):
        (x1, y1), (x2, y2), p = one, other, self.p
        cross = self.d * x1 * x2 * y1 * y2 % p
        x = (x1 * y2 + y1 * x2) * pow(1 + cross, -1, p) % p
        y = (y1 * y2 - self.a * x1 * x2) * pow(1 - cross, -1, p) % p
        return x, y


P25519, P448 = 2 ** 255 - 19, 2 ** 448 - 2 ** 224 - 1
CURVES = {
    "Ed25519": Curve(P25519, -1, -121665 * pow(121666, -1, P25519) % P25519, 32, 3),
    "Ed448": Curve(P448, 1, -39081, 57, 2),
}


def is_sound(name, data):
    """On the curve, and not of low order."""
    curve = CURVES[name]
    point = curve.decode(data)
    if point is None:
        return False
    for _ in range(curve.doublings):
        point = curve.add(point, point)
    return point != (0, 1)
