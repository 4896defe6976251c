"""Protocol Buffers, driven by a .proto file: parses it, and packs and unpacks its messages.

A message is a Message: fields are attributes, with the defaults of proto3 where nothing was said. Only what
proto/jwkd.proto uses is here: no maps, no packages but one, no imports.
"""
import re

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
SCALARS = {"bool", "uint32", "uint64", "int32", "int64", "string", "bytes"}
NUMBERS = SCALARS - {"string", "bytes"}
TOKENS = re.compile(r'//[^\n]*|"[^"]*"|[A-Za-z_][\w.]*|\d+|[{}=;,<>\[\]]|\S')


class Malformed(Exception):
    """Bytes that are no message of this type."""


class Field:
    def __init__(self, name, number, kind, repeated, oneof):
        self.name, self.number, self.kind, self.repeated, self.oneof = name, number, kind, repeated, oneof


class Schema:
    def __init__(self, text):
        self.messages = {}  # full name -> {field name: Field}
        self.enums = {}     # full name -> {value name: number}
        words = [word for word in TOKENS.findall(text) if not word.startswith("//")]
        self._words = iter(words)
        self._statements("")
        for name, fields in self.messages.items():
            for field in fields.values():
                field.kind = self._resolve(name, field.kind)

    # ---- reading the file

    def _next(self, *expected):
        word = next(self._words)
        if expected and word not in expected:
            raise ValueError(f"{word!r} where {expected} belongs")
        return word

    def _skip(self):
        while self._next() != ";":
            pass

    def _statements(self, scope):
        for word in self._words:
            if word == "message":
                self._message(scope)
            elif word == "enum":
                self._enum(scope)
            elif word in ("syntax", "package", "option"):
                self._skip()
            elif word == "}":
                return
            elif word != ";":
                raise ValueError(f"{word!r} is not understood")

    def _enum(self, scope):
        values = self.enums[f"{scope}{self._next()}"] = {}
        self._next("{")
        while (name := self._next()) != "}":
            if name in ("reserved", "option"):
                self._skip()
            else:
                self._next("=")
                values[name] = int(self._next())
                self._next(";")

    def _message(self, scope):
        name = f"{scope}{self._next()}"
        fields = self.messages[name] = {}
        self._next("{")
        self._fields(name, fields, None)

    def _fields(self, name, fields, oneof):
        while (word := self._next()) != "}":
            if word == "message":
                self._message(f"{name}.")
            elif word == "enum":
                self._enum(f"{name}.")
            elif word in ("reserved", "option"):
                self._skip()
            elif word == "oneof":
                group = self._next()
                self._next("{")
                self._fields(name, fields, group)
            elif word != ";":
                repeated = word == "repeated"
                kind = self._next() if repeated else word
                field = self._next()
                self._next("=")
                fields[field] = Field(field, int(self._next()), kind, repeated, oneof)
                self._skip()

    def _resolve(self, scope, kind):
        """A type is looked for within its message, then around it."""
        if kind in SCALARS:
            return kind
        parts = scope.split(".")
        while True:
            full = ".".join(parts + [kind])
            if full in self.messages or full in self.enums:
                return full
            if not parts:
                raise ValueError(f"{kind} is not defined")
            parts.pop()

    # ---- messages

    def new(self, kind, /, **fields):
        """A message. Fields may be given as keywords; messages within it as Message or as a dict."""
        message = Message(self, kind)
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    def unpack(self, kind, data):
        message = Message(self, kind)
        by_number = {field.number: field for field in self.messages[kind].values()}
        at = 0
        while at < len(data):
            tag, at = read_varint(data, at)
            wire, field = tag & 7, by_number.get(tag >> 3)
            if tag >> 3 == 0:
                raise Malformed("field number 0")
            value, at = read_value(data, at, wire)
            if field is not None:
                self._take(message, field, wire, value)
        return message

    def _take(self, message, field, wire, value):
        numeric = field.kind in NUMBERS or field.kind in self.enums
        if field.repeated and numeric and wire == LENGTH:  # packed
            at, items = 0, []
            while at < len(value):
                item, at = read_varint(value, at)
                items.append(number_of(field.kind, item))
            message.__dict__[field.name] = getattr(message, field.name) + items
            return
        if wire != (VARINT if numeric else LENGTH):
            return  # a field of another type is one that is not known
        if numeric:
            value = number_of(field.kind, value)
        elif field.kind == "string":
            try:
                value = bytes(value).decode()
            except UnicodeDecodeError as error:
                raise Malformed(f"{field.name} is not UTF-8") from error
        elif field.kind in self.messages:
            value = self.unpack(field.kind, value)
        if field.repeated:
            message.__dict__[field.name] = getattr(message, field.name) + [value]
        else:
            setattr(message, field.name, value)


class Message:
    def __init__(self, schema, kind):
        self.__dict__["_schema"], self.__dict__["_kind"] = schema, kind

    def _field(self, name):
        field = self._schema.messages[self._kind].get(name)
        if field is None:
            raise AttributeError(f"{self._kind} has no field {name}")
        return field

    def __getattr__(self, name):
        """The default of a field that is not set."""
        field = self._field(name)
        if field.repeated:
            return []
        if field.kind in self._schema.messages:
            return None
        return {"string": "", "bytes": b"", "bool": False}.get(field.kind, 0)

    def __setattr__(self, name, value):
        field = self._field(name)
        if field.oneof:
            for other in self._schema.messages[self._kind].values():
                if other.oneof == field.oneof:
                    self.__dict__.pop(other.name, None)
        if field.kind in self._schema.messages:
            value = [self._made(field, item) for item in value] if field.repeated else self._made(field, value)
        elif field.kind in self._schema.enums and isinstance(value, str):
            value = self._schema.enums[field.kind][value]
        if value is None:
            self.__dict__.pop(name, None)
        else:
            self.__dict__[name] = value

    def _made(self, field, value):
        return self._schema.new(field.kind, **value) if isinstance(value, dict) else value

    def has(self, name):
        self._field(name)
        return name in self.__dict__

    def which(self, oneof):
        """The name of the field of the oneof that is set, or None."""
        for field in self._schema.messages[self._kind].values():
            if field.oneof == oneof and field.name in self.__dict__:
                return field.name
        return None

    def enum(self, name):
        """The name of an enum's value; a number that is not known stays a number."""
        value = getattr(self, name)
        for word, number in self._schema.enums[self._field(name).kind].items():
            if number == value:
                return word
        return value

    def pack(self):
        out = bytearray()
        for field in sorted(self._schema.messages[self._kind].values(), key=lambda field: field.number):
            value = self.__dict__.get(field.name)
            if value is None or (not field.repeated and not field.oneof and value in (0, "", b"", False)):
                continue
            if field.repeated and value and (field.kind in NUMBERS or field.kind in self._schema.enums):
                packed = b"".join(varint_of(item) for item in value)
                out += varint_of(field.number << 3 | LENGTH) + varint_of(len(packed)) + packed
                continue
            for item in value if field.repeated else [value]:
                out += self._pack_one(field, item)
        return bytes(out)

    def _pack_one(self, field, value):
        if field.kind in NUMBERS or field.kind in self._schema.enums:
            return varint_of(field.number << 3 | VARINT) + varint_of(int(value))
        if isinstance(value, Message):
            value = value.pack()
        elif isinstance(value, str):
            value = value.encode()
        return varint_of(field.number << 3 | LENGTH) + varint_of(len(value)) + value

    def as_dict(self):
        """Of what is set; bytes as hexadecimal, enums by name."""
        def shown(field, value):
            if isinstance(value, Message):
                return value.as_dict()
            if isinstance(value, (bytes, bytearray, memoryview)):
                return bytes(value).hex()
            if field.kind in self._schema.enums:
                names = {number: name for name, number in self._schema.enums[field.kind].items()}
                return names.get(value, value)
            return value
        result = {}
        for name, field in self._schema.messages[self._kind].items():
            if name in self.__dict__:
                value = self.__dict__[name]
                result[name] = [shown(field, item) for item in value] if field.repeated else shown(field, value)
        return result

    def __repr__(self):
        return f"{self._kind}{self.as_dict()}"


def varint_of(value):
    value &= 0xffffffffffffffff
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed("a number is cut short or too long")
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        if byte < 0x80:
            return value & 0xffffffffffffffff, at
        shift += 7


def read_value(data, at, wire):
    if wire == VARINT:
        return read_varint(data, at)
    if wire == LENGTH:
        size, at = read_varint(data, at)
    elif wire in (FIXED64, FIXED32):
        size = 8 if wire == FIXED64 else 4
    else:
        raise Malformed(f"wire type {wire}")
    if size > len(data) - at:
        raise Malformed("cut short")
    return bytes(data[at:at + size]), at + size


def number_of(kind, value):
    if kind == "bool":
        return value != 0
    if kind == "uint64":
        return value
    if kind == "uint32":
        return value & 0xffffffff
    bits = 64 if kind == "int64" else 32  # int32 and enums
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
