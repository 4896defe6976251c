"""Messages against what the vectors say of them: proto/vectors/README.md, "Messages"."""
import protobuf


class Wrong(Exception):
    pass


def compare(said, message, exact, where):
    """`said` is {field: value}. `exact`: what it does not name is at its default; else only those count."""
    for name in said:
        shown = as_said(message, name)
        compare_value(said[name], shown, exact, f"{where}.{name}")
    if exact:
        for name in message.as_dict():
            if name not in said and as_said(message, name) not in (0, "", False, [], None):
                raise Wrong(f"{where}: {name} is {as_said(message, name)}")


def as_said(message, name):
    """Bytes as hexadecimal, enums by name, messages as they are."""
    value = getattr(message, name)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, protobuf.Message) or (isinstance(value, list) and value and
                                               isinstance(value[0], protobuf.Message)):
        return value
    if message.has(name):
        return message.as_dict()[name]
    try:
        return message.enum(name)
    except KeyError:
        return value


def compare_value(said, shown, exact, where):
    if isinstance(said, dict):
        if shown is None:
            raise Wrong(f"{where} is not there")
        compare(said, shown, exact, where)
    elif isinstance(said, list):
        if len(said) != len(shown):
            raise Wrong(f"{where}: {len(shown)} of them, not {len(said)}")
        for number, (one, other) in enumerate(zip(said, shown)):
            compare_value(one, other, exact, f"{where}[{number}]")
    elif str(said) != str(shown):
        raise Wrong(f"{where} is {shown}, not {said}")
